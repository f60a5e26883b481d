//! The evidence for who stops a port, in sentences that can be pasted into a ticket.
//!
//! Knows how to say what a [`Case`] shows, and never more than that. Must not decide anything:
//! [`table`](super::table) has done that; what is told of its verdict is in [`words`](super::words).

use super::evidence::Case;
use super::icmp;
use super::signs::{Event, Place, Sender};
use super::spot::Spot;
use super::words::{hop_words, servers};
use crate::address::{self, AddressKind};
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::awaited;
use crate::observation::ConnectOutcome;
use crate::path::compare::Heard;
use crate::path::side::Next;

/// Everything that shows who stops the port, as sentences.
pub fn of_block(case: &Case<'_>) -> Vec<String> {
    let mut sentences = vec![what_happened(case)];
    sentences.extend(where_it_stops(case));
    sentences.extend(distances(case));
    sentences.extend(others(case));
    sentences.extend(self_probe(case));
    sentences.extend(whose_hop(case));
    sentences
}

/// What a refusal shows that blames nobody.
pub fn of_refusal(case: &Case<'_>) -> Vec<String> {
    let mut sentences = vec![what_happened(case)];
    sentences.extend(distances(case).map(|sentence| {
        format!("{sentence} Routers that forward single ports, and load balancers, look like that.")
    }));
    sentences.extend(others(case));
    sentences
}

fn what_happened(case: &Case<'_>) -> String {
    let (label, connect) = (case.spot.label(), &case.spot.seen.connect);
    match (&connect.outcome, case.icmp) {
        (ConnectOutcome::TimedOut, _) => {
            let seconds = connect.elapsed.as_secs();
            format!("Nothing at all came back from {label} within {seconds:.1} seconds.")
        }
        (ConnectOutcome::Refused, _) => {
            format!("A connection to {label} was answered with a reset.")
        }
        (ConnectOutcome::NoRoute, _) => {
            format!("This machine's routing table has no way to {}.", case.spot.address)
        }
        (ConnectOutcome::DeniedLocally { error }, _) => {
            format!("The kernel of this machine refused a connection to {label}: {error}.")
        }
        (_, Some(icmp)) => format!(
            "{} answered a connection to {label} with ICMP \"{}\" (type {}, code {}).",
            match case.signs.event {
                Event::Refused(Sender::Own) | Event::Unreachable { own: true } => {
                    "This machine itself".to_owned()
                }
                _ => icmp.from.to_string(),
            },
            icmp::words(icmp),
            icmp.kind,
            icmp.code,
        ),
        _ => connected(case.spot),
    }
}

fn connected(spot: Spot<'_>) -> String {
    let label = spot.label();
    match Stop::of_conversation(spot.mode, spot.seen) {
        Stop::GreetingMissing => format!("{label} takes the connection, and no greeting comes."),
        Stop::Dropped { step, .. } => {
            format!("{label} takes the connection, which ends while waiting for {}.", awaited(step))
        }
        _ => match spot.seen.smtp.greeting.as_ref().and_then(|greeting| greeting.lines.first()) {
            Some(line) => format!("{label} takes the connection and greets with \"{line}\"."),
            None => format!("{label} takes the connection."),
        },
    }
}

/// Where the packets stop, as the ladders show it.
fn where_it_stops(case: &Case<'_>) -> Option<String> {
    if case.signs.answered_once {
        return Some(format!(
            "Yet it answered a packet of the ladder to port {} of {}: packets are lost on the way, \
             or the connection was not waited for long enough.",
            case.spot.port, case.spot.address
        ));
    }
    let Some(cut) = case.cut else {
        let hop = case.hop.filter(|_| case.icmp.is_some())?;
        return Some(format!("That is {} on the way to {}.", hop_words(hop), case.spot.address));
    };
    let (port, address) = (case.spot.port, case.spot.address);
    let passes = match cut.own_reference {
        true => format!("packets to port {} of the same address", cut.reference_port),
        false => format!("packets to port {} of another server", cut.reference_port),
    };
    Some(match (cut.after, cut.next) {
        (None, Next::OnYourSide(first) | Next::Beyond(first) | Next::LastHop(first)) => format!(
            "Nothing on the way answers packets to port {port} of {address}, not even {}, which \
             answers {passes}: they stop on this machine or at that router.",
            hop_words(first)
        ),
        (Some(last), Next::Server(distance)) => format!(
            "Packets to port {port} of {address} get as far as {}, the last hop before the \
             server; {passes} are answered by the server at hop {distance}.",
            hop_words(last)
        ),
        (Some(last), Next::Unknown) => format!(
            "Packets to port {port} of {address} get as far as {}; {passes} get farther.",
            hop_words(last)
        ),
        (Some(last), Next::OnYourSide(next) | Next::Beyond(next) | Next::LastHop(next)) => format!(
            "Packets to port {port} of {address} stop at or just after {}; {passes} get to {}{}.",
            hop_words(last),
            hop_words(next),
            match cut.distance {
                Some(distance) => format!(" and are answered at hop {distance}"),
                None => String::new(),
            }
        ),
        (None, Next::Server(_) | Next::Unknown) => format!(
            "Nothing on the way answers packets to port {port} of {address}; {passes} get farther."
        ),
    })
}

fn distances(case: &Case<'_>) -> Option<String> {
    let (at, farther) = case.distances?;
    let port = case.spot.port;
    let answer = match case.signs.event {
        Event::Reset => "refused",
        _ => "connected",
    };
    let mut sentence = format!(
        "Port {port} of {} is {answer} at hop {at}, nearer than the server, which answers another \
         port at hop {farther}",
        case.spot.address
    );
    if let Some(ttl) = case.rewritten_at {
        sentence.push_str(&format!(
            "; hop {ttl} answers under the server's own address, so something there rewrites \
             addresses"
        ));
    }
    sentence.push('.');
    Some(sentence)
}

/// What other servers show on the same port.
fn others(case: &Case<'_>) -> Vec<String> {
    let port = case.spot.port;
    let mut sentences = Vec::new();
    if !case.alike.is_empty() {
        let who = servers(&case.alike);
        let alive = match case.signs.alike_alive && case.signs.event == Event::Silence {
            true if case.alike.len() == 1 => ", and answers on another port",
            true => ", and at least one of them answers on another port",
            false => "",
        };
        sentences.push(match case.signs.event {
            Event::Silence => match case.alike.as_slice() {
                [_] => {
                    format!("An unrelated mail server is silent on port {port}, too{alive}: {who}.")
                }
                many => format!(
                    "{} unrelated mail servers are silent on port {port}, too{alive}: {who}.",
                    capital_number(many.len())
                ),
            },
            Event::Reset => format!(
                "The same port of {who} is refused at the same distance, which is nearer than that \
                 server is, too."
            ),
            Event::Refused(_) => {
                format!("The same router refuses port {port} of {who} in the same way.")
            }
            _ => format!(
                "The same happens at {who}: {} to do with this server.",
                plural(&case.alike, "it has nothing", "they have nothing")
            ),
        });
    }
    if !case.greeting_alike.is_empty() {
        sentences.push(format!(
            "{} {} in the same name from here, with nothing else in common.",
            servers(&case.greeting_alike),
            plural(&case.greeting_alike, "greets", "greet")
        ));
    }
    if case.signs.intercepted.without_starttls > 1 {
        sentences.push(format!(
            "This server offers no STARTTLS from here, and {} {}, which {} known to offer it.",
            servers(&case.without_starttls),
            plural(&case.without_starttls, "does not, either", "do not, either"),
            plural(&case.without_starttls, "is", "are")
        ));
    }
    if case.signs.intercepted.answered_here {
        sentences.push(
            "A connection from this machine to its own address is answered with the same greeting: \
             what answers is on this machine."
                .to_owned(),
        );
    }
    if !case.passing.is_empty() && !matches!(case.signs.event, Event::Connected(_)) {
        sentences.push(format!(
            "Port {port} of {} {} from here, so this network lets the port out.",
            servers(&case.passing),
            plural(&case.passing, "answers", "answer")
        ));
    }
    sentences
}

fn self_probe(case: &Case<'_>) -> Option<String> {
    let probe = case.self_probe.filter(|_| case.signs.event == Event::Silence)?;
    (probe.outcome == ConnectOutcome::TimedOut && case.signs.passing == 0).then(|| {
        format!(
            "A connection from this machine to its own address {} on port {} is swallowed as well, \
             where a closed port would refuse it.",
            probe.address, probe.port
        )
    })
}

/// Whose the hop is, where its address says so.
fn whose_hop(case: &Case<'_>) -> Option<String> {
    let hops = [
        case.hop,
        case.cut.and_then(|cut| match cut.next {
            Next::OnYourSide(hop) => Some(hop),
            _ => None,
        }),
    ];
    if !matches!(case.signs.place, Place::OwnNetwork | Place::Shared) {
        return None;
    }
    let told = |(_, address): Heard| match address::kind(address) {
        AddressKind::Private => Some(format!(
            "{address} is a private address: a router of the network that this machine is in."
        )),
        AddressKind::Shared => Some(format!(
            "{address} is an address that providers use inside their own networks (RFC 6598)."
        )),
        _ => None,
    };
    hops.into_iter().flatten().find_map(told)
}

/// The word for one server or for several.
fn plural<'w>(spots: &[Spot<'_>], one: &'w str, many: &'w str) -> &'w str {
    if spots.len() == 1 { one } else { many }
}

fn capital_number(n: usize) -> String {
    match n {
        2 => "Two".to_owned(),
        3 => "Three".to_owned(),
        4 => "Four".to_owned(),
        n => n.to_string(),
    }
}
