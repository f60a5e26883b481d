use super::*;
use crate::observation::{Hop, PathEnd};

const TARGET: &str = "192.0.2.25";
const CONTROL: &str = "198.51.100.10";
const OTHER: &str = "203.0.113.99";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A ladder as `10.0.0.1 * 203.0.113.1`; the address of what answered stands last.
fn path(to: &str, port: u16, hops: &str, end: PathEnd) -> PathObservation {
    let hop = |(word, ttl): (&str, u8)| {
        let address = (word != "*").then(|| ip(word));
        Hop { ttl, address, rtt: None }
    };
    let hops = hops.split_whitespace().zip(1u8..).map(hop).collect();
    PathObservation { address: ip(to), port, local: Some(ip("10.0.0.100")), hops, end }
}

fn open(to: &str, hops: &str) -> PathObservation {
    path(to, 587, &format!("{hops} {to}"), PathEnd::Connected)
}

fn cut(silent: &str, others: &[PathObservation]) -> Option<Cut> {
    let mut paths = vec![path(TARGET, 25, silent, PathEnd::Silence)];
    paths.extend_from_slice(others);
    let unrelated = |one: IpAddr, other: IpAddr| one != other;
    Ladders::new(&paths, &unrelated).cut(&paths[0])
}

fn next(silent: &str, others: &[PathObservation]) -> Next {
    cut(silent, others).expect("a cut").next
}

const WAY: &str = "192.168.1.1 100.64.0.1 203.0.113.1 203.0.113.18";

#[test]
fn what_is_private_before_the_first_public_hop_is_yours() {
    let own = [open(TARGET, WAY)];
    assert_eq!(next("192.168.1.1 * *", &own), Next::OnYourSide((2, ip("100.64.0.1"))));
    assert_eq!(next("* * *", &own), Next::OnYourSide((1, ip("192.168.1.1"))));
    // The first public hop is somebody's; nothing here says whose.
    let first_public = next("192.168.1.1 100.64.0.1 * *", &own);
    assert_eq!(first_public, Next::Beyond((3, ip("203.0.113.1"))));
    // A private address behind a public one may be anybody's.
    let far = [open(TARGET, "203.0.113.1 10.9.9.9 203.0.113.2 203.0.113.3")];
    assert_eq!(next("203.0.113.1 * *", &far), Next::Beyond((2, ip("10.9.9.9"))));
    // The gateway is yours whatever its address.
    assert_eq!(next("* * *", &far), Next::OnYourSide((1, ip("203.0.113.1"))));
}

#[test]
fn what_the_ways_to_unrelated_servers_share_is_yours() {
    let control = open(CONTROL, "192.168.1.1 100.64.0.1 203.0.113.1");
    let both = [open(TARGET, WAY), control.clone()];
    let third = next("192.168.1.1 100.64.0.1 * *", &both);
    assert_eq!(third, Next::OnYourSide((3, ip("203.0.113.1"))));
    let last = next("192.168.1.1 100.64.0.1 203.0.113.1 * *", &both);
    assert_eq!(last, Next::LastHop((4, ip("203.0.113.18"))));
    // Related servers share their own network's hops, too.
    let mut paths = vec![path(TARGET, 25, "192.168.1.1 100.64.0.1 * *", PathEnd::Silence)];
    paths.extend(both);
    let nobody = |_, _| false;
    let cut = Ladders::new(&paths, &nobody).cut(&paths[0]).expect("a cut");
    assert_eq!(cut.next, Next::Beyond((3, ip("203.0.113.1"))));
}

#[test]
fn the_server_and_the_hop_before_it_are_told_from_what_is_between() {
    let own = [open(TARGET, WAY)];
    let server = cut(&format!("{WAY} * *"), &own).expect("a cut");
    assert_eq!((server.next, server.after), (Next::Server(5), Some((4, ip("203.0.113.18")))));
    assert!(server.own_reference);
    let silent_before = [open(TARGET, "192.168.1.1 * * *")];
    assert_eq!(next("192.168.1.1 * * * *", &silent_before), Next::Unknown);
}

#[test]
fn a_way_to_somebody_else_shows_a_cut_only_as_far_as_it_is_the_same() {
    let control = open(CONTROL, "192.168.1.1 100.64.0.1 203.0.113.1");
    let other = open(OTHER, "192.168.1.1 100.64.0.1 203.0.113.1");
    let cut_by_others = cut("192.168.1.1 100.64.0.1 * *", &[control.clone(), other.clone()]);
    let by_others = cut_by_others.expect("a cut");
    assert_eq!(by_others.next, Next::OnYourSide((3, ip("203.0.113.1"))));
    assert!(!by_others.own_reference);
    // One alone may have turned off behind hop 2.
    assert_eq!(next("192.168.1.1 100.64.0.1 * *", std::slice::from_ref(&control)), Next::Unknown);
    // Another second hop: it is another way.
    assert_eq!(cut("192.168.1.1 100.64.9.9 * *", &[control, other]), None);
}

#[test]
fn hops_under_the_servers_own_address_are_shared_with_nobody() {
    let rewritten = path(TARGET, 587, "192.168.1.1 192.0.2.25 192.0.2.25", PathEnd::Connected);
    let same = path(CONTROL, 587, "192.168.1.1 192.0.2.25 198.51.100.10", PathEnd::Connected);
    let paths = [rewritten, same];
    let unrelated = |one: IpAddr, other: IpAddr| one != other;
    assert_eq!(Ladders::new(&paths, &unrelated).depth(&paths[0]), 1);
}

#[test]
fn the_families_share_nothing() {
    let v6 = path("2001:db8::25", 25, "2001:db8:1::1 * *", PathEnd::Silence);
    let mut paths = vec![v6, open(TARGET, WAY), open(CONTROL, WAY)];
    let unrelated = |one: IpAddr, other: IpAddr| one != other;
    assert_eq!(Ladders::new(&paths, &unrelated).cut(&paths[0]), None);
    paths.push(path("2001:db8::25", 587, "2001:db8:1::1 2001:db8:2::1", PathEnd::Silence));
    let cut = Ladders::new(&paths, &unrelated).cut(&paths[0]).expect("a cut");
    assert_eq!(cut.next, Next::Unknown, "no private addresses, and nobody shares them");
}

#[test]
fn ways_that_leave_this_machine_by_different_doors_are_not_compared() {
    let home = open(CONTROL, "192.168.1.1 100.64.0.1 203.0.113.1");
    assert_eq!(
        next("* * *", std::slice::from_ref(&home)),
        Next::OnYourSide((1, ip("192.168.1.1")))
    );
    // The silent one goes through a tunnel, of which nobody answers.
    let tunnelled = PathObservation { local: Some(ip("10.8.0.2")), ..home };
    assert_eq!(cut("* * *", &[tunnelled]), None);
}

#[test]
fn a_dead_neighbour_is_not_behind_the_gateway() {
    let away = open(CONTROL, "192.168.1.1 100.64.0.1 203.0.113.1");
    let paths = [path("192.168.1.5", 25, "* * * *", PathEnd::Silence), away];
    let unrelated = |one: IpAddr, other: IpAddr| one != other;
    assert_eq!(Ladders::new(&paths, &unrelated).cut(&paths[0]), None);
}
