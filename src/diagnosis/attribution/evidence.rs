//! Everything of a run that bears on one port, boiled down to what the table asks.
//!
//! Knows who else was asked on the same port, what the ladders show together, and which servers
//! are unrelated. Must not know verdicts or words: [`table`](super::table) has the one,
//! [`words`](super::words) the other.

use std::net::IpAddr;

use super::icmp::{self, Meaning};
use super::signs::{Broken, Event, Intercepted, Place, Sender, Signs};
use super::spot::{Spot, broken, got_farther, greeted_host, greets_as, offers_starttls, step};
use crate::address;
use crate::control::{are_related, operator};
use crate::observation::{
    ConnectOutcome, IcmpMessage, Millis, NetworkObservation, Observations, PathEnd,
    PathObservation, SelfProbe,
};
use crate::path::compare::{self, Heard};
use crate::path::side::{Cut, Ladders, Next};
use crate::port::Mode;

/// No neighbour is given up sooner: Linux asks for it three times, a second apart.
const NEIGHBOUR: Millis = Millis(900.0);

/// Everything that a run saw and that bears on who stops a port.
pub struct Evidence<'a> {
    spots: Vec<Spot<'a>>,
    network: &'a NetworkObservation,
}

/// What the signs were read from, for the sentences.
pub struct Case<'a> {
    pub spot: Spot<'a>,
    pub signs: Signs,
    pub icmp: Option<IcmpMessage>,
    pub cut: Option<Cut>,
    /// The last hop that was heard of before the stop or the answer; for an ICMP message its
    /// sender's.
    pub hop: Option<Heard>,
    pub alike: Vec<Spot<'a>>,
    pub passing: Vec<Spot<'a>>,
    pub self_probe: Option<&'a SelfProbe>,
    /// The distance of the answer and that of the server, where the answer came from nearer.
    pub distances: Option<(u8, u8)>,
    pub rewritten_at: Option<u8>,
    pub greeting_alike: Vec<Spot<'a>>,
    pub without_starttls: Vec<Spot<'a>>,
    pub environment: Option<&'a str>,
}

impl<'a> Evidence<'a> {
    /// The evidence of a run.
    pub fn of(run: &'a Observations) -> Self {
        let mut evidence = Self::of_network(&run.network);
        evidence.spots.extend(run.endpoints().filter_map(|(_, endpoint)| Spot::of(endpoint)));
        evidence
    }

    /// The evidence of a run that asks controls only.
    pub fn of_network(network: &'a NetworkObservation) -> Self {
        let spot = |control: &'a crate::observation::ControlObservation| Spot {
            host: &control.host,
            address: control.address,
            port: control.port,
            mode: control.mode,
            seen: &control.conversation,
            control: Some(control.operator.as_str()),
        };
        Self { spots: network.controls.iter().map(spot).collect(), network }
    }

    /// Everything that was dialled.
    pub fn spots(&self) -> &[Spot<'a>] {
        &self.spots
    }

    /// The id of the environment that this machine is in.
    pub fn environment(&self) -> Option<&'a str> {
        self.network.environment.as_deref()
    }

    /// Some server answers on this port, in either family.
    pub fn answers_on(&self, port: u16) -> bool {
        !self.answering(port).is_empty()
    }

    /// Those that answer on this port: it opened, or was refused from the server's own distance. Of
    /// this machine's own addresses that is known without a ladder; they count only where no server
    /// beyond was tried.
    pub fn answering(&self, port: u16) -> Vec<Spot<'a>> {
        let tried = || self.spots.iter().copied().filter(|spot| spot.port == port);
        let away = tried().any(|spot| spot.goes_out());
        let answers = |spot: &Spot<'a>| {
            let own = spot.address.is_loopback() && *spot.outcome() == ConnectOutcome::Refused;
            (spot.goes_out() || !away) && (own || self.answers(*spot))
        };
        tried().filter(answers).collect()
    }

    /// Some server that answers on this port says a word, or refuses, too.
    pub fn talks_on(&self, port: u16) -> bool {
        let talks = |spot: &Spot<'_>| {
            *spot.outcome() != ConnectOutcome::Connected
                || spot.seen.smtp.greeting.is_some()
                || spot.seen.tls.as_ref().is_some_and(|tls| tls.version.is_some())
        };
        self.answering(port).iter().any(talks)
    }

    /// Others on the same port that fail in the same way, and whose paths are known, where this one's
    /// is not: what stops the one may stop the other.
    pub fn leaders(&self, spot: Spot<'a>) -> Vec<Spot<'a>> {
        let may_lead = |outcome: &ConnectOutcome| {
            matches!(outcome, ConnectOutcome::TimedOut | ConnectOutcome::Refused)
        };
        let has_path = |other: &Spot<'_>| self.path(other.address, other.port).is_some();
        if has_path(&spot) || !may_lead(spot.outcome()) {
            return Vec::new();
        }
        let same = |other: &&Spot<'a>| {
            other.address != spot.address
                && other.is_like(&spot)
                && other.goes_out_like(&spot)
                && other.outcome() == spot.outcome()
                && has_path(other)
        };
        self.spots.iter().filter(same).copied().collect()
    }

    /// Reads the signs about one port.
    pub fn about(&self, spot: Spot<'a>) -> Case<'a> {
        let unrelated = |one: IpAddr, other: IpAddr| self.are_unrelated(one, other);
        let ladders = Ladders::new(&self.network.paths, &unrelated);
        let path = ladders.to(spot.address, spot.port);
        let reference = ladders.reference(spot.address, spot.port);
        let cut = path.filter(|path| path.end == PathEnd::Silence).and_then(|p| ladders.cut(p));
        let (event, icmp) = self.event(spot);
        let distances = path.zip(reference).and_then(|(path, reference)| {
            let (at, farther) = (path.distance()?, reference.own_distance()?);
            let answered = matches!(path.end, PathEnd::Connected | PathEnd::Refused);
            (answered && at < farther).then_some((at, farther))
        });
        // In front of unrelated servers, too, there may be something that answers for them.
        let nearer_here = reference
            .zip(distances)
            .and_then(|(reference, (at, _))| (ladders.depth(reference) >= at).then_some(at));
        let alike = self.alike(spot, event, nearer_here);
        let passing = self.passing(spot, event);
        let self_probe = self.network.self_probes.iter().find(|probe| {
            probe.port == spot.port && probe.address.is_ipv4() == spot.address.is_ipv4()
        });
        let rewritten_at = path.zip(reference).and_then(|(path, reference)| {
            let at = compare::rewritten_at(path, reference)?;
            let there = reference.routers().find(|(ttl, _)| *ttl == at);
            there.is_some_and(|hop| ladders.is_on_your_side(hop)).then_some(at)
        });
        let hop = match (event, icmp) {
            (Event::Refused(_) | Event::Unreachable { .. }, Some(icmp)) => {
                let heard = ladders_of(&self.network.paths, spot.address, icmp.from);
                heard.map(|ttl| (ttl, icmp.from))
            }
            // Of a conversation that breaks off, the ladder shows the way and not the place.
            (Event::Connected(_), _) if distances.is_none() => None,
            _ => match cut {
                Some(cut) => cut.after,
                None => {
                    path.and_then(|p| p.routers().rfind(|(_, address)| *address != spot.address))
                }
            },
        };
        let (place, comes_from_beyond) = match event {
            Event::Refused(Sender::Router) => {
                let from = icmp.map(|icmp| icmp.from);
                (router_place(&ladders, spot.address, from, hop, reference), true)
            }
            _ => cut_place(&ladders, cut),
        };
        let greeting_alike = self.same_greeting(spot);
        let without_starttls = self.without_starttls(spot);
        let alive = |other: &Spot<'a>| self.answers_elsewhere(*other);
        let signs = Signs {
            event,
            place,
            comes_from_beyond,
            own_ladder: match event {
                Event::Silence => cut.is_some_and(|cut| cut.own_reference),
                Event::Refused(Sender::Router) => hop.is_some(),
                _ => path.is_some() && reference.is_some(),
            },
            another_is_traced: !self.leaders(spot).is_empty(),
            alike: operators(&alike),
            alike_alive: alike.iter().any(alive),
            passing: operators(&passing),
            answered_once: event == Event::Silence && self.answers(spot),
            host_answers: self.answers_elsewhere(spot),
            self_probe_silent: self_probe
                .is_some_and(|probe| probe.outcome == ConnectOutcome::TimedOut),
            nearer: distances.is_some(),
            intercepted: Intercepted {
                answered_here: self_probe.is_some_and(|probe| {
                    let own = probe.greeting.as_ref().and_then(greeted_host);
                    own.is_some() && own == greets_as(spot) && probe.address != spot.address
                }),
                same_greeting: operators(&greeting_alike),
                nearer_alike: nearer_here.is_some_and(|at| self.nearer_alike(spot, at)),
                rewritten: rewritten_at.is_some(),
                without_starttls: operators(&without_starttls),
            },
        };
        Case {
            spot,
            signs,
            icmp,
            cut,
            hop,
            alike,
            passing,
            self_probe,
            distances,
            rewritten_at,
            greeting_alike,
            without_starttls,
            environment: self.network.environment.as_deref(),
        }
    }

    fn path(&self, address: IpAddr, port: u16) -> Option<&'a PathObservation> {
        self.network.paths.iter().find(|path| (path.address, path.port) == (address, port))
    }

    fn event(&self, spot: Spot<'a>) -> (Event, Option<IcmpMessage>) {
        match spot.outcome() {
            ConnectOutcome::TimedOut => (Event::Silence, None),
            ConnectOutcome::Refused => (Event::Reset, None),
            ConnectOutcome::NoRoute => (Event::NoRoute, None),
            ConnectOutcome::DeniedLocally { .. } => (Event::Denied, None),
            ConnectOutcome::Connected => (Event::Connected(broken(spot)), None),
            ConnectOutcome::IcmpUnreachable(icmp) => {
                let connect = &spot.seen.connect;
                let own = connect.local.is_some_and(|local| local.ip() == icmp.from);
                // The kernel gives a neighbour that does not answer about three seconds before it
                // reports it in its own name; what it says at once is a rule.
                let at_once = connect.elapsed < NEIGHBOUR;
                let event = match icmp::meaning(*icmp).0 {
                    _ if own && at_once => Event::Refused(Sender::Own),
                    Meaning::Refused if own => Event::Refused(Sender::Own),
                    Meaning::Refused if icmp.from == spot.address => Event::Refused(Sender::Target),
                    Meaning::Refused => Event::Refused(Sender::Router),
                    Meaning::Unreachable | Meaning::Exceeded => Event::Unreachable { own },
                };
                (event, Some(*icmp))
            }
        }
    }

    /// Controls that show the same. Targets do not count: in a long list some are always dead or
    /// broken, and those have nothing in common but that.
    fn alike(&self, spot: Spot<'a>, event: Event, nearer_here: Option<u8>) -> Vec<Spot<'a>> {
        let mut alike: Vec<Spot<'a>> = Vec::new();
        for other in self.witnesses(spot) {
            let same_port = other.is_like(&spot);
            let same = match event {
                Event::Silence => {
                    same_port
                        && spot.goes_out_like(&other)
                        && *other.outcome() == ConnectOutcome::TimedOut
                        && !self.answers(other)
                }
                Event::Reset => {
                    same_port && nearer_here.is_some_and(|at| self.is_reset_at(other, at))
                }
                Event::Refused(Sender::Router) => {
                    let from = |spot: &Spot<'_>| match spot.outcome() {
                        ConnectOutcome::IcmpUnreachable(icmp) => Some(icmp.from),
                        _ => None,
                    };
                    same_port && from(&other).is_some() && from(&other) == from(&spot)
                }
                Event::Connected(Broken::Dialogue) => {
                    same_port && broken(other) == Broken::Dialogue && step(other) == step(spot)
                }
                Event::Connected(Broken::Handshake | Broken::LargePackets) => {
                    matches!(broken(other), Broken::Handshake | Broken::LargePackets)
                }
                _ => false,
            };
            if same {
                alike.push(other);
            }
        }
        alike
    }

    /// Servers, the same address aside, that get through where this one does not. Who is unrelated
    /// does not matter: one that answers shows that this side lets the port out.
    fn passing(&self, spot: Spot<'a>, event: Event) -> Vec<Spot<'a>> {
        // A server in this network proves nothing of the way out of it.
        let others = self.spots.iter().filter(|other| {
            other.address != spot.address && (other.goes_out() || !spot.goes_out())
        });
        let passes = |other: &&Spot<'a>| match event {
            Event::Connected(Broken::Dialogue) => {
                other.is_like(&spot) && got_farther(**other, step(spot))
            }
            Event::Connected(Broken::Handshake | Broken::LargePackets) => {
                other.seen.tls.as_ref().is_some_and(|tls| tls.version.is_some())
            }
            Event::Connected(Broken::Not) => false,
            _ => other.is_like(&spot) && self.answers(**other),
        };
        others.filter(passes).copied().collect()
    }

    /// A port answers where it opens, or is refused from the host itself: what answers nearer is
    /// something else, and what a reset alone shows is nothing. An answer to a ladder counts as well:
    /// packets of the conversation may have been lost, or its time too short.
    pub fn answers(&self, spot: Spot<'a>) -> bool {
        match spot.outcome() {
            ConnectOutcome::Connected => true,
            ConnectOutcome::Refused | ConnectOutcome::TimedOut => self
                .path(spot.address, spot.port)
                .is_some_and(|path| compare::answers_itself(path, self.paths_to(spot.address))),
            ConnectOutcome::IcmpUnreachable(icmp) => icmp.from == spot.address,
            _ => false,
        }
    }

    /// The same address answers on another port, as a conversation or a ladder shows.
    fn answers_elsewhere(&self, spot: Spot<'a>) -> bool {
        let talked = self.spots.iter().any(|other| {
            other.address == spot.address
                && other.port != spot.port
                && matches!(other.outcome(), ConnectOutcome::Connected | ConnectOutcome::Refused)
        });
        let mut paths = self.network.paths.iter();
        talked
            || paths.any(|path| {
                path.address == spot.address
                    && path.port != spot.port
                    && path.own_distance().is_some()
            })
    }

    fn paths_to(&self, address: IpAddr) -> impl Iterator<Item = &'a PathObservation> + Clone {
        self.network.paths.iter().filter(move |path| path.address == address)
    }

    /// Whether a server's port is reset at this distance, and the server itself is farther away.
    fn is_reset_at(&self, spot: Spot<'a>, at: u8) -> bool {
        *spot.outcome() == ConnectOutcome::Refused
            && self.nearer(spot).is_some_and(|nearer| nearer == at)
    }

    /// An unrelated server is answered at this distance, which is nearer than it is.
    fn nearer_alike(&self, spot: Spot<'a>, at: u8) -> bool {
        let mut others = self.witnesses(spot);
        others.any(|other| other.is_like(&spot) && self.nearer(other) == Some(at))
    }

    /// The distance at which a port is answered, where another port of the address is answered
    /// farther away.
    fn nearer(&self, spot: Spot<'a>) -> Option<u8> {
        let at = self.path(spot.address, spot.port)?.own_distance()?;
        let paths = self.network.paths.iter();
        let others = paths.filter(|p| p.address == spot.address && p.port != spot.port);
        let farthest = others.filter_map(PathObservation::own_distance).max()?;
        (at < farthest).then_some(at)
    }

    /// Controls of the same port that greet as the very same host, where that is no host of their
    /// own: a provider's servers may well be known under a customer's name, too.
    fn same_greeting(&self, spot: Spot<'a>) -> Vec<Spot<'a>> {
        let Some(host) = greets_as(spot) else { return Vec::new() };
        let same = |other: &Spot<'a>| {
            other.is_like(&spot)
                && greets_as(*other) == Some(host.clone())
                && operator(&host) != operator(other.host)
        };
        self.witnesses(spot).filter(same).collect()
    }

    /// Controls that offer no STARTTLS, where this server offers none either. Empty where one
    /// control does offer it.
    fn without_starttls(&self, spot: Spot<'a>) -> Vec<Spot<'a>> {
        let offers = |spot: &Spot<'a>| offers_starttls(&spot.seen.smtp);
        if spot.mode != Mode::Starttls || offers(&spot) != Some(false) {
            return Vec::new();
        }
        let controls: Vec<Spot<'a>> =
            self.witnesses(spot).filter(|other| other.is_like(&spot)).collect();
        match controls.iter().any(|other| offers(other) == Some(true)) {
            true => Vec::new(),
            false => controls.into_iter().filter(|other| offers(other) == Some(false)).collect(),
        }
    }

    /// The controls that are unrelated to a server: servers that are known to be good.
    fn witnesses(&self, spot: Spot<'a>) -> impl Iterator<Item = Spot<'a>> {
        let controls = self.spots.iter().copied().filter(|other| other.control.is_some());
        controls.filter(move |other| !are_related(spot.place(), other.place()))
    }

    fn are_unrelated(&self, one: IpAddr, other: IpAddr) -> bool {
        let at = |address| self.spots.iter().filter(move |spot| spot.address == address);
        at(one).all(|one| at(other).all(|other| !are_related(one.place(), other.place())))
    }
}

fn operators(spots: &[Spot<'_>]) -> usize {
    let mut names: Vec<String> = spots
        .iter()
        .map(|spot| spot.control.map_or_else(|| operator(spot.host), str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names.len()
}

/// The TTL at which an address was heard on the way to another, or on the way to anybody.
fn ladders_of(paths: &[PathObservation], to: IpAddr, from: IpAddr) -> Option<u8> {
    let heard = |path: &PathObservation| {
        path.routers().find(|(_, address)| *address == from).map(|(ttl, _)| ttl)
    };
    let own = paths.iter().filter(|path| path.address == to).find_map(heard);
    own.or_else(|| paths.iter().find_map(heard))
}

/// Where a router is that turns packets away in its own name.
fn router_place(
    ladders: &Ladders<'_>,
    target: IpAddr,
    from: Option<IpAddr>,
    hop: Option<Heard>,
    reference: Option<&PathObservation>,
) -> Place {
    let Some(hop) = hop else {
        // Routers of the public network have public addresses.
        let private = |from| !address::is_public(from) && address::is_public(target);
        return if from.is_some_and(private) { Place::OwnNetwork } else { Place::Unknown };
    };
    let distance = reference.and_then(PathObservation::own_distance);
    match distance {
        _ if ladders.is_in_own_network(hop) => Place::OwnNetwork,
        Some(distance) if hop.0 + 1 >= distance => Place::LastHop,
        _ if ladders.is_on_your_side(hop) => Place::Shared,
        Some(_) => Place::Beyond,
        None => Place::Unknown,
    }
}

fn cut_place(ladders: &Ladders<'_>, cut: Option<Cut>) -> (Place, bool) {
    let Some(cut) = cut else { return (Place::Unknown, false) };
    let place = match cut.next {
        Next::OnYourSide((1, _)) => Place::Here,
        Next::OnYourSide(hop) if ladders.is_in_own_network(hop) => Place::OwnNetwork,
        Next::OnYourSide(_) => Place::Shared,
        Next::Beyond(_) => Place::Beyond,
        Next::LastHop(_) => Place::LastHop,
        // Where no hop before it was heard of, it may as well stop on this machine.
        Next::Server(_) if cut.after.is_none() => Place::Unknown,
        Next::Server(_) => Place::Server,
        Next::Unknown => Place::Unknown,
    };
    (place, cut.after.is_some_and(|hop| !ladders.is_on_your_side(hop)))
}
