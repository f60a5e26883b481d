use super::*;
use crate::names::Host;
use crate::observation::{Hop, IcmpMessage, Lookup, LookupOutcome};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// `25 silence: 10.0.0.1 *`
fn path(line: &str) -> PathObservation {
    let (head, hops) = line.split_once(':').expect("port and end, then the hops");
    let (port, end) = head.split_once(' ').expect("port and end");
    let hops = hops.split_whitespace().zip(1u8..);
    let hops =
        hops.map(|(word, ttl)| Hop { ttl, address: (word != "*").then(|| ip(word)), rtt: None });
    let hops: Vec<Hop> = hops.collect();
    let end = match end {
        "open" => PathEnd::Connected,
        "refused" => PathEnd::Refused,
        "silence" => PathEnd::Silence,
        _ => {
            let from = hops.last().and_then(|hop| hop.address).expect("a sender");
            PathEnd::IcmpUnreachable(IcmpMessage { kind: 3, code: 13, from })
        }
    };
    let (address, local) = (ip("192.0.2.25"), Some(ip("10.0.0.100")));
    PathObservation { address, port: port.parse().expect("a port"), local, hops, end }
}

fn told(lines: &[&str], missing: Option<Missing>) -> String {
    let paths = lines.iter().map(|line| path(line)).collect();
    let host = Host::parse("mx.example.test").expect("a host");
    summary(&TraceObservation { host, address: Some(ip("192.0.2.25")), paths, missing })
}

const OPEN: &str = "587 open: 10.0.0.1 10.0.0.2 10.0.0.3 192.0.2.25";

#[test]
fn every_way_of_parting_is_told_without_a_culprit() {
    for (line, expected) in [
        (
            "25 silence: 10.0.0.1 10.0.0.2 * * *",
            "Packets to port 25 stop at or just after hop 2 (10.0.0.2); packets to port 587 pass it.",
        ),
        (
            "25 silence: 10.0.0.1 10.0.0.2 10.0.0.3 * *",
            "Packets to port 25 stop at or just after hop 3 (10.0.0.3), the last hop before the server, or at the server itself; packets to port 587 are answered there.",
        ),
        (
            "25 silence: * * * *",
            "Nothing on the way answers packets to port 25: they stop on this machine or not later than hop 1 (10.0.0.1); packets to port 587 pass it.",
        ),
        (
            "25 refused: 10.0.0.1 10.0.0.2 192.0.2.25",
            "Port 25 is refused at hop 3, nearer than port 587, which is answered at hop 4.",
        ),
        (
            "25 open: 192.0.2.25",
            "Port 25 is connected at hop 1, nearer than port 587, which is answered at hop 4.",
        ),
        (
            "25 icmp: 10.0.0.1 10.0.0.2 10.0.0.2",
            "Packets to port 25 are turned away by hop 2 (10.0.0.2) with the ICMP message \"communication administratively prohibited\" (type 3, code 13); packets to port 587 get through.",
        ),
        (
            "25 icmp: 10.0.0.100",
            "Packets to port 25 are turned away by this machine itself with the ICMP message \"communication administratively prohibited\" (type 3, code 13); packets to port 587 get through.",
        ),
        (
            "25 open: 192.0.2.25 10.0.0.2 192.0.2.25",
            "Port 25 is connected at hop 3, nearer than port 587, which is answered at hop 4. On the way to port 25, hop 1 answers under the server's own address 192.0.2.25: something at or before it rewrites addresses.",
        ),
        (
            "25 refused: 10.0.0.1 * 10.0.0.3 192.0.2.25",
            "The paths do not part: ports 25 and 587 are all answered at hop 4.",
        ),
    ] {
        assert_eq!(told(&[line, OPEN], None), expected);
    }
}

#[test]
fn silent_hops_of_the_reference_widen_the_place() {
    let gap = "587 open: 10.0.0.1 * 10.0.0.3 192.0.2.25";
    assert_eq!(
        told(&["25 silence: 10.0.0.1 * * *", gap], None),
        "Packets to port 25 stop between hop 1 (10.0.0.1) and hop 3 (10.0.0.3), which packets to \
         port 587 reach; no hop between those answers."
    );
    let deaf = "587 open: * * * 192.0.2.25";
    assert_eq!(
        told(&["25 silence: * * * *", deaf], None),
        "Nothing on the way answers packets to port 25: they stop somewhere between this machine \
         and the server at hop 4, where port 587 is answered."
    );
}

#[test]
fn ports_that_fare_alike_share_a_sentence() {
    let silent = ["25 silence: 10.0.0.1 * *", "465 silence: 10.0.0.1 * *", OPEN];
    assert_eq!(
        told(&silent, None),
        "Packets to ports 25 and 465 stop at or just after hop 1 (10.0.0.1); packets to port 587 \
         pass it."
    );
}

#[test]
fn without_a_port_that_answers_nothing_is_said_to_part() {
    assert_eq!(
        told(&["25 silence: 10.0.0.1 * *", "587 silence: 10.0.0.1 * *"], None),
        "Packets to ports 25 and 587 get as far as hop 1 (10.0.0.1), and nothing beyond it \
         answers. No port is answered by the server, so nothing shows where they part."
    );
    let alone = told(&["25 silence: 10.0.0.1 * *"], None);
    assert!(alone.ends_with("whether that is the port or the whole path."), "{alone}");
}

#[test]
fn what_is_missing_is_said() {
    let lookup = |outcome| Lookup {
        name: "mx.example.test".to_owned(),
        record_type: "A".to_owned(),
        outcome,
        aliases: Vec::new(),
    };
    for (missing, part) in [
        (Missing::NoAddress(Vec::new()), "no address of the family"),
        (Missing::NoAddress(vec![lookup(LookupOutcome::NxDomain)]), "A of mx.example.test: there"),
        (Missing::NoAddress(vec![lookup(LookupOutcome::TimedOut)]), "no name server answered"),
        (Missing::Represented(3), "3 more addresses"),
        (Missing::Skipped(Skip::NoIpv6Here), "this machine has no IPv6"),
        (Missing::Failed("this machine has no route to it".to_owned()), "It was not traced: this"),
        (Missing::Interrupted, "interrupted"),
    ] {
        let said = told(&[], Some(missing));
        assert!(said.contains(part) && said.ends_with('.'), "{said}");
    }
    let said = told(&[OPEN], Some(Missing::Interrupted));
    assert_eq!(
        said,
        "Port 587 is open, at hop 4. Not every port was traced to the end: interrupted."
    );
}
