use std::net::IpAddr;

use super::*;
use crate::diagnosis::finding::Confidence;
use crate::diagnosis::fixture;
use crate::names::Host;
use crate::observation::{Connect, ConnectOutcome, Conversation, IcmpMessage, Millis, Probe, Skip};
use crate::port::{Mode, Requirement, Role};

const OWN: &str = "198.51.100.9";
const SERVER: &str = "192.0.2.25";
const ROUTER: &str = "203.0.113.1";

/// The verdict on one endpoint of which nothing else is known.
fn judge(endpoint: &EndpointObservation) -> Reach {
    let world = fixture::server("mx.example.test:25").endpoint(endpoint.clone());
    super::judge(&Evidence::of(&world.run), endpoint)
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn endpoint(address: &str, probe: Probe) -> EndpointObservation {
    EndpointObservation {
        role: Role::Mx,
        host: Host::parse("mx.example.test").expect("a host"),
        preference: Some(10),
        address: ip(address),
        port: 25,
        mode: Mode::Starttls,
        requirement: Requirement::Required,
        probe,
    }
}

fn judged(outcome: ConnectOutcome) -> Reach {
    judged_at(SERVER, OWN, outcome)
}

fn judged_at(server: &str, own: &str, outcome: ConnectOutcome) -> Reach {
    let local = Some((ip(own), 0).into());
    let connect = Connect { outcome, elapsed: Millis(8000.0), local, ..Connect::default() };
    let conversation = Conversation { connect, ..Conversation::default() };
    judge(&endpoint(server, Probe::Dialled(conversation.into())))
}

fn icmp(kind: u8, code: u8, from: &str) -> ConnectOutcome {
    ConnectOutcome::IcmpUnreachable(IcmpMessage { kind, code, from: ip(from) })
}

#[test]
fn what_was_not_dialled_or_connected_stops_nowhere() {
    assert_eq!(judge(&endpoint(SERVER, Probe::Skipped(Skip::NoIpv6Here))), Reach::NotDialled);
    assert_eq!(judged(ConnectOutcome::Connected), Reach::Connected);
    assert!(matches!(judged(ConnectOutcome::Refused), Reach::Closed(_)));
}

/// The decision table: outcome → code, culprit, means, confidence.
#[test]
fn every_row_of_the_table() {
    use BlockedBy::{TheirNetwork, ThisHost, Unknown};
    use BlockedHow::{Denied, Icmp, Silence};
    use Confidence::{Certain, Guess};
    let denied = ConnectOutcome::DeniedLocally { error: "Permission denied".to_owned() };
    for (outcome, expected) in [
        (ConnectOutcome::TimedOut, ("port-silent", Unknown, Silence, Guess)),
        (ConnectOutcome::NoRoute, ("host-unreachable", ThisHost, Denied, Certain)),
        (denied, ("outbound-port-blocked", ThisHost, Denied, Certain)),
        // Only the kernel sends with our own address: a local firewall …
        (icmp(3, 3, OWN), ("outbound-port-blocked", ThisHost, Icmp, Certain)),
        (icmp(3, 13, OWN), ("outbound-port-blocked", ThisHost, Icmp, Certain)),
        // … but "host unreachable" from it is a neighbour that does not answer.
        (icmp(3, 1, OWN), ("host-unreachable", Unknown, Icmp, Guess)),
        (icmp(3, 0, ROUTER), ("host-unreachable", Unknown, Icmp, Guess)),
        (icmp(3, 1, ROUTER), ("host-unreachable", Unknown, Icmp, Guess)),
        (icmp(11, 0, ROUTER), ("host-unreachable", Unknown, Icmp, Guess)),
        (icmp(3, 3, SERVER), ("port-filtered", TheirNetwork, Icmp, Guess)),
        (icmp(3, 10, SERVER), ("port-filtered", TheirNetwork, Icmp, Guess)),
        // A router that refuses names itself, not the side that it is on.
        (icmp(3, 13, ROUTER), ("port-silent", Unknown, Icmp, Guess)),
        (icmp(3, 9, ROUTER), ("port-silent", Unknown, Icmp, Guess)),
    ] {
        let Reach::Blocked { code, block, found } = judged(outcome.clone()) else {
            panic!("{outcome:?} stops nothing");
        };
        assert_eq!((code, block.by, block.how, block.confidence), expected, "{outcome:?}");
        assert!(!block.evidence.is_empty() && !found.fix.is_empty(), "{outcome:?}");
    }
}

#[test]
fn host_unreachable_from_this_machine_at_once_is_a_rule_and_no_neighbour() {
    let connect = Connect {
        outcome: icmp(3, 1, OWN),
        elapsed: Millis(0.2),
        local: Some((ip(OWN), 0).into()),
        ..Connect::default()
    };
    let conversation = Conversation { connect, ..Conversation::default() };
    let reach = judge(&endpoint(SERVER, Probe::Dialled(conversation.into())));
    let Reach::Blocked { code, block, .. } = reach else { panic!("it stops nothing") };
    assert_eq!((code, block.by), ("outbound-port-blocked", BlockedBy::ThisHost));
}

#[test]
fn icmpv6_means_the_same_by_other_numbers() {
    let (own, server, router) = ("2001:db8::9", "2001:db8::25", "2001:db8:1::1");
    for (kind, code, from, expected) in [
        (1, 0, router, "host-unreachable"),
        (1, 3, router, "host-unreachable"),
        (1, 1, router, "port-silent"),
        (1, 6, router, "port-silent"),
        (1, 4, server, "port-filtered"),
        (1, 1, own, "outbound-port-blocked"),
        (1, 3, own, "host-unreachable"),
        (3, 0, router, "host-unreachable"),
    ] {
        let Reach::Blocked { code: found, block, .. } =
            judged_at(server, own, icmp(kind, code, from))
        else {
            panic!("ICMPv6 {kind}/{code} stops nothing");
        };
        assert_eq!(found, expected, "ICMPv6 {kind}/{code} from {from}");
        assert_eq!(block.hop_address, Some(ip(from)), "the sender is the evidence");
    }
}

#[test]
fn silence_accuses_nobody() {
    let Reach::Blocked { block, found, .. } = judged(ConnectOutcome::TimedOut) else {
        panic!("silence stops nothing");
    };
    assert_eq!((block.by, block.hop, block.hop_address), (BlockedBy::Unknown, None, None));
    assert_eq!(found.message, "mx.example.test[192.0.2.25]:25 does not answer");
}
