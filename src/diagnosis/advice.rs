//! What to do about a block: the way to send that works from here, and whom to ask for the port.
//!
//! Knows what this run has tried, and what providers are known to do. Must not promise anything
//! that was not tested in this very run.

use super::attribution::Evidence;
use super::finding::BlockedBy;
use crate::environment;
use crate::names::Host;
use crate::observation::{ConnectOutcome, Ending, EndpointObservation};
use crate::port::{Mode, RELAY, Role};

/// A provider's policy as evidence, where this machine is at one that is known to block the port.
/// It is a hint: the packets show the block, the policy says why.
pub fn policy(environment: Option<&str>, by: BlockedBy, port: u16) -> Option<String> {
    if by != BlockedBy::YourNetwork {
        return None;
    }
    let provider = environment::provider(environment?)?;
    let policy = provider.policy.as_ref().filter(|policy| policy.blocks.contains(&port))?;
    Some(format!(
        "This machine is in {}, where port {port} is known to be blocked by default (as of {}): {}",
        provider.name, provider.checked, policy.says
    ))
}

/// What to do where a port does not leave this side, in whole sentences.
pub fn about_block(
    evidence: &Evidence<'_>,
    endpoints: &[EndpointObservation],
    by: BlockedBy,
    port: u16,
) -> String {
    let mut sentences = vec![for_sending(evidence, endpoints, port)];
    if by == BlockedBy::ThisHost {
        // Nobody else needs to be asked.
        return sentences.join(" ");
    }
    let known = evidence.environment().and_then(environment::provider);
    sentences.push(match known.and_then(|provider| provider.advice(port)) {
        Some(advice) => advice,
        None => format!(
            "{} ask your provider to open outgoing port {port}; `--format markdown` writes the \
             evidence for a ticket.",
            if port == RELAY { "To run a mail server here," } else { "To use it all the same," }
        ),
    });
    sentences.join(" ")
}

/// How to send, of the ways that work from here: a server, a port and its mode each. The first
/// server is as good as any; nothing where there is no way.
pub fn way_to_send(ways: &[(&Host, u16, Mode)]) -> Option<String> {
    let (host, ..) = ways.first()?;
    let ports = ways.iter().filter(|(other, ..)| other == host);
    let ports: Vec<String> = ports.map(|(_, port, mode)| format!("{port} ({mode})")).collect();
    let (last, others) = ports.split_last()?;
    let (ports, so) = match others {
        [] => (last.clone(), "it works"),
        [one] => (format!("{one} or {last}"), "both work"),
        many => (format!("{} or {last}", many.join(", ")), "all of them work"),
    };
    Some(format!("To send mail, use {host}, port {ports}: {so} from here."))
}

/// The way to send that works from here: tested in this run, not assumed.
fn for_sending(evidence: &Evidence<'_>, endpoints: &[EndpointObservation], blocked: u16) -> String {
    let mut ways: Vec<(&Host, u16, Mode)> = Vec::new();
    for endpoint in endpoints {
        let way = (&endpoint.host, endpoint.port, endpoint.mode);
        let sends = endpoint.port != RELAY && endpoint.role != Role::Mx;
        if sends && works(endpoint) && !ways.contains(&way) {
            ways.push(way);
        }
    }
    if let Some(sentence) = way_to_send(&ways) {
        return sentence;
    }
    let open: Vec<String> = open_elsewhere(evidence, blocked).iter().map(u16::to_string).collect();
    match open.as_slice() {
        [] if !tries_elsewhere(evidence, blocked) => {
            "To send mail another port may do; none was tried. `smtpcheck network` shows which ones \
             leave this network."
                .to_owned()
        }
        [] => {
            "To send mail, nothing was found: no other mail port was seen to work from here, so use another network \
               or a web mailer."
                .to_owned()
        }
        [one] => format!(
            "To send mail, use your mail provider's submission server on port {one}: other servers show \
             that it leaves this network."
        ),
        many => format!(
            "To send mail, use your mail provider's submission server on port {}: other servers show \
             that each of them leaves this network.",
            many.join(" or ")
        ),
    }
}

/// Another port for sending was tried at some server of this run.
fn tries_elsewhere(evidence: &Evidence<'_>, blocked: u16) -> bool {
    evidence.spots().iter().any(|spot| spot.port != RELAY && spot.port != blocked)
}

/// The conversation went to its end, encrypted.
fn works(endpoint: &EndpointObservation) -> bool {
    endpoint.conversation().is_some_and(|seen| {
        seen.ending == Some(Ending::Completed)
            && seen.smtp.greeting.as_ref().is_some_and(|greeting| greeting.is_positive())
            && seen.tls.as_ref().is_some_and(|tls| tls.error.is_none() && tls.version.is_some())
    })
}

/// Ports for sending on which some server of this run could be connected to.
fn open_elsewhere(evidence: &Evidence<'_>, blocked: u16) -> Vec<u16> {
    let connected = evidence.spots().iter().filter(|spot| {
        let is_open = spot.seen.connect.outcome == ConnectOutcome::Connected;
        is_open && spot.port != RELAY && spot.port != blocked
    });
    let mut ports: Vec<u16> = connected.map(|spot| spot.port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_one_server_are_named_and_no_other_servers() {
        let host = |name: &str| Host::parse(name).expect("a host");
        let (one, other) = (host("smtp.a.example"), host("smtp.b.example"));
        let ways = [
            (&one, 465, Mode::Implicit),
            (&other, 465, Mode::Implicit),
            (&one, 587, Mode::Starttls),
            (&one, 2525, Mode::Starttls),
        ];
        let sentence = |ways: &[_]| way_to_send(ways).unwrap_or_default();
        let begin = "To send mail, use smtp.a.example, port 465 (implicit TLS)";
        assert_eq!(sentence(&ways[..2]), format!("{begin}: it works from here."));
        assert_eq!(
            sentence(&ways[..3]),
            format!("{begin} or 587 (STARTTLS): both work from here.")
        );
        assert_eq!(
            sentence(&ways),
            format!("{begin}, 587 (STARTTLS) or 2525 (STARTTLS): all of them work from here.")
        );
        assert_eq!(sentence(&[]), "");
    }
}
