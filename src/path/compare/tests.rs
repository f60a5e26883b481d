use super::*;
use crate::observation::Hop;

const TARGET: &str = "192.0.2.25";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A path as `10.0.0.1 * 10.0.0.3`; the address of the answer that ends it stands last.
fn path(port: u16, hops: &str, end: PathEnd) -> PathObservation {
    let hops = hops.split_whitespace().zip(1u8..);
    let hops = hops.map(|(word, ttl)| {
        let address = (word != "*").then(|| ip(word));
        Hop { ttl, address, rtt: None }
    });
    let (address, local) = (ip(TARGET), Some(ip("10.0.0.100")));
    PathObservation { address, port, local, hops: hops.collect(), end }
}

fn icmp(from: &str) -> PathEnd {
    PathEnd::IcmpUnreachable(IcmpMessage { kind: 3, code: 13, from: ip(from) })
}

fn open() -> PathObservation {
    path(587, "10.0.0.1 10.0.0.2 10.0.0.3 192.0.2.25", PathEnd::Connected)
}

#[test]
fn the_cut_lies_between_the_last_hop_and_the_next_that_the_reference_shows() {
    use PathEnd::Silence;
    let beyond = |ttl, address: &str, is_end| Some(Beyond { heard: (ttl, ip(address)), is_end });
    let at = |ttl, address: &str| Some((ttl, ip(address)));
    let gap = path(587, "10.0.0.1 * * 192.0.2.25", PathEnd::Connected);
    for (hops, reference, after, before) in [
        ("10.0.0.1 10.0.0.2 * * *", &open(), at(2, "10.0.0.2"), beyond(3, "10.0.0.3", false)),
        ("10.0.0.1 * *", &open(), at(1, "10.0.0.1"), beyond(2, "10.0.0.2", false)),
        ("10.0.0.1 10.0.0.2 10.0.0.3 *", &open(), at(3, "10.0.0.3"), beyond(4, TARGET, true)),
        ("* * * *", &open(), None, beyond(1, "10.0.0.1", false)),
        ("10.0.0.1 * * *", &gap, at(1, "10.0.0.1"), beyond(4, TARGET, true)),
        // Farther than the reference: nothing is known of what lies beyond.
        ("10.0.0.1 * 10.0.0.8 10.0.0.9 *", &open(), at(4, "10.0.0.9"), None),
        // A silent hop in the middle is no cut.
        ("10.0.0.1 * 10.0.0.3 * *", &open(), at(3, "10.0.0.3"), beyond(4, TARGET, true)),
    ] {
        let parting = parting(&path(25, hops, Silence), reference);
        assert_eq!(parting, Parting::Silent { after, before }, "{hops}");
    }
}

#[test]
fn an_answer_is_compared_by_its_distance() {
    use PathEnd::{Connected, Refused};
    let nearer = |at, refused| Parting::Nearer { at, reference: 4, refused };
    for (hops, end, expected) in [
        ("10.0.0.1 192.0.2.25", Connected, nearer(2, false)),
        ("10.0.0.1 10.0.0.2 192.0.2.25", Refused, nearer(3, true)),
        ("10.0.0.1 * 10.0.0.3 192.0.2.25", Refused, Parting::Nowhere),
        ("10.0.0.1 10.0.0.2 10.0.0.3 192.0.2.25", Connected, Parting::Nowhere),
    ] {
        assert_eq!(parting(&path(25, hops, end), &open()), expected, "{hops}");
    }
}

#[test]
fn whoever_turns_a_packet_away_is_looked_for_on_both_paths() {
    for (from, expected) in [
        ("10.0.0.100", Sender::Own),
        (TARGET, Sender::Target),
        ("10.0.0.1", Sender::Hop(1)),
        ("10.0.0.2", Sender::Hop(2)),
        ("203.0.113.1", Sender::Elsewhere),
    ] {
        let rejected = path(25, &format!("10.0.0.1 * {from}"), icmp(from));
        let Parting::TurnedAway(_, sender) = parting(&rejected, &open()) else {
            panic!("{from}: not turned away");
        };
        assert_eq!(sender, expected, "{from}");
    }
}

#[test]
fn the_farthest_answer_is_the_reference() {
    use PathEnd::{Connected, Refused, Silence};
    let proxied = path(25, "10.0.0.1 192.0.2.25", Connected);
    let refused = path(465, "10.0.0.1 10.0.0.2 10.0.0.3 192.0.2.25", Refused);
    let silent = path(26, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 *", Silence);
    let rejected = path(27, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.4", icmp("10.0.0.4"));
    let all = [silent.clone(), proxied.clone(), rejected.clone(), refused.clone(), open()];
    let port = |paths: &[PathObservation]| reference(paths).map(|path| path.port);
    assert_eq!(port(&all), Some(587), "an open port is more than a refused one");
    assert_eq!(port(&all[..4]), Some(465));
    assert_eq!(port(&all[..3]), Some(25));
    assert_eq!(port(&[rejected, silent.clone()]), Some(26));
    assert_eq!(port(&[silent.clone(), silent]), Some(26));
    assert_eq!(port(&[]), None);
    // What answers nearer than another is not sure to be the server.
    assert!(answers_itself(&open(), all.iter()) && answers_itself(&refused, all.iter()));
    assert!(!answers_itself(&proxied, all.iter()));
    assert!(!answers_itself(&refused, all[3..4].iter()), "a reset may come from anywhere");
}

#[test]
fn the_targets_own_address_on_the_way_shows_a_rewriting_hop() {
    let rewritten = path(25, "10.0.0.1 192.0.2.25 192.0.2.25", PathEnd::Connected);
    assert_eq!(rewritten_at(&rewritten, &open()), Some(2));
    assert_eq!(rewritten_at(&open(), &rewritten), None, "the end is no hop on the way");
    let both = path(587, "10.0.0.1 192.0.2.25 10.0.0.3 192.0.2.25", PathEnd::Connected);
    assert_eq!(rewritten_at(&rewritten, &both), None, "a router that does it for every port");
}

#[test]
fn a_circle_is_one_on_every_port_that_falls_silent_in_it() {
    let round = path(25, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.2 10.0.0.3 10.0.0.2", PathEnd::Silence);
    let hushed = path(587, "10.0.0.1 10.0.0.2 10.0.0.3 * * *", PathEnd::Silence);
    assert_eq!(parting(&round, &round), Parting::Circle(ip("10.0.0.2")));
    assert_eq!(parting(&hushed, &round), Parting::Circle(ip("10.0.0.2")));
    let before = path(587, "10.0.0.1 * * *", PathEnd::Silence);
    assert!(matches!(parting(&before, &round), Parting::Silent { .. }));
}
