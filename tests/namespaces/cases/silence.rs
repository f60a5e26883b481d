//! Packets that vanish, at every place.

use super::port_25;
use crate::case::{Case, Connect, Culprit, SILENCE, Shows};
use crate::filter::{Filter, Hook, PORT_25, What};
use crate::harness::Checked;
use crate::node::{Family, Node};
use crate::world::World;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Node::ROUTERS.map(|router| dropped(router, Hook::Forward)).to_vec();
    cases.extend(Node::ROUTERS.map(|router| dropped(router, Hook::Prerouting)));
    let silent = |host, ports: &[u16], family, status, block| Shows {
        host,
        ports: ports.to_vec(),
        family,
        connect: Connect::TimedOut,
        status,
        block,
    };
    cases.extend([
        Case { name: "client: own 25 dropped".to_owned(), ..dropped(Node::Client, Hook::Output) },
        Case {
            name: "servers: 25 dropped".to_owned(),
            filters: [Node::Mx1, Node::Mx2]
                .map(|at| Filter { at, hook: Hook::Input, ..PORT_25 })
                .to_vec(),
            shows: port_25(Family::Both, Connect::TimedOut, SILENCE)[..2].to_vec(),
            ..dropped(Node::Mx1, Hook::Input)
        },
        Case {
            name: "isp: 25 dropped over IPv6 alone".to_owned(),
            filters: vec![Filter { at: Node::Isp, family: Family::V6, ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning ipv6-broken"],
            shows: port_25(Family::V6, Connect::TimedOut, SILENCE),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "isp: 25 dropped over IPv4 alone".to_owned(),
            filters: vec![Filter { at: Node::Isp, family: Family::V4, ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning mx-partly-unreachable"],
            shows: port_25(Family::V4, Connect::TimedOut, SILENCE),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "edge: all of IPv6 dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, family: Family::V6, ports: &[], ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning ipv6-broken"],
            shows: vec![
                silent(Some(Node::Mx1), &[25], Family::V6, "blocked", SILENCE),
                silent(Some(Node::Mx2), &[25], Family::V6, "blocked", SILENCE),
                silent(Some(Node::Smtp), &[465, 587], Family::V6, "blocked", SILENCE),
                silent(None, &[], Family::V6, "silent", None),
            ],
            ..dropped(Node::Edge, Hook::Forward)
        },
        Case {
            name: "edge: 25 to mx2 alone dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, to: Some(Node::Mx2), ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning mx-partly-unreachable"],
            shows: port_25(Family::Both, Connect::TimedOut, SILENCE)[1..2].to_vec(),
            ..dropped(Node::Edge, Hook::Forward)
        },
        // No mail exchanger of the highest preference is left, so it is an error.
        Case {
            name: "edge: 25 to mx1 alone dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, to: Some(Node::Mx1), ..PORT_25 }],
            shows: port_25(Family::Both, Connect::TimedOut, SILENCE)[..1].to_vec(),
            ..dropped(Node::Edge, Hook::Forward)
        },
        Case {
            name: "isp: 465 and 587 dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, ports: &[465, 587], ..PORT_25 }],
            shows: vec![
                silent(Some(Node::Smtp), &[465, 587], Family::Both, "blocked", SILENCE),
                silent(None, &[465, 587], Family::Both, "silent", None),
            ],
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "isp: every port of mail dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, ports: &[25, 465, 587, 2525], ..PORT_25 }],
            shows: vec![
                silent(Some(Node::Mx1), &[25], Family::Both, "blocked", SILENCE),
                silent(Some(Node::Mx2), &[25], Family::Both, "blocked", SILENCE),
                silent(Some(Node::Smtp), &[465, 587], Family::Both, "blocked", SILENCE),
                silent(None, &[], Family::Both, "silent", None),
            ],
            ..dropped(Node::Isp, Hook::Forward)
        },
        // Names cannot be looked up either, so nothing can be said, and nobody is accused.
        Case {
            name: "home: everything dropped".to_owned(),
            filters: vec![Filter { at: Node::Home, ports: &[], ..PORT_25 }],
            culprit: Culprit::YourNetwork,
            exit: 3,
            verdict: "undetermined",
            also: no_endpoints,
            ..Case::healthy()
        },
        Case {
            name: "isp: optional ports dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, ports: &[2525], ..PORT_25 }],
            arguments: vec!["--connect-timeout=25"],
            culprit: Culprit::YourNetwork,
            shows: vec![silent(None, &[2525], Family::Both, "silent", None)],
            also: given_up_early,
            ..Case::healthy()
        },
        Case {
            name: "edge: optional ports dropped".to_owned(),
            filters: vec![
                Filter { at: Node::Edge, ports: &[465, 587, 2525], to: Some(Node::Mx1), ..PORT_25 },
                Filter { at: Node::Edge, ports: &[465, 587, 2525], to: Some(Node::Mx2), ..PORT_25 },
            ],
            arguments: vec!["--connect-timeout=25"],
            culprit: Culprit::TheirNetwork,
            shows: [Node::Mx1, Node::Mx2]
                .map(|mx| silent(Some(mx), &[465, 587, 2525], Family::Both, "silent", None))
                .to_vec(),
            also: given_up_early,
            ..Case::healthy()
        },
        // The connection comes about, so no packet filter on a port is at work.
        Case {
            name: "isp: whatever carries data on 25 dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, what: What::DropData, ..PORT_25 }],
            arguments: vec!["--timeout=4"],
            faults: vec!["error greeting-missing"],
            shows: [Node::Mx1, Node::Mx2]
                .map(|mx| Shows {
                    connect: Connect::Connected,
                    ..silent(Some(mx), &[25], Family::Both, "misconfigured", None)
                })
                .to_vec(),
            ..dropped(Node::Isp, Hook::Forward)
        },
    ]);
    cases.extend([
        broken_off("core: large packets dropped", Node::Core, What::DropLarge),
        broken_off("isp: every ClientHello dropped", Node::Isp, What::DropClientHello),
    ]);
    cases
}

/// The conversation stops at the handshake, on every port.
fn broken_off(name: &str, at: Node, what: What) -> Case {
    let stopped = |host, ports: &[u16]| Shows {
        host: Some(host),
        ports: ports.to_vec(),
        family: Family::Both,
        connect: Connect::Connected,
        status: "misconfigured",
        block: None,
    };
    Case {
        name: name.to_owned(),
        filters: vec![Filter { at, what, ports: &[25, 465, 587], ..PORT_25 }],
        arguments: vec!["--timeout=4"],
        culprit: Culprit::at(at),
        exit: 1,
        verdict: "problems",
        faults: vec!["error connection-dropped"],
        shows: vec![
            stopped(Node::Mx1, &[25]),
            stopped(Node::Mx2, &[25]),
            stopped(Node::Smtp, &[465, 587]),
        ],
        ..Case::healthy()
    }
}

pub(super) fn dropped(at: Node, hook: Hook) -> Case {
    let place = match hook {
        Hook::Prerouting => "before routing",
        _ => "while forwarding",
    };
    Case {
        name: format!("{}: 25 dropped {place}", at.name()),
        filters: vec![Filter { at, hook, ..PORT_25 }],
        culprit: Culprit::at(at),
        exit: 1,
        verdict: "problems",
        faults: vec!["error port-silent"],
        shows: port_25(Family::Both, Connect::TimedOut, SILENCE),
        ..Case::healthy()
    }
}

fn no_endpoints(_: &World, checked: &Checked) -> Result<(), String> {
    match checked.endpoints() {
        [] => Ok(()),
        some => Err(format!("{} endpoints come from nowhere", some.len())),
    }
}

/// An optional port does not cost the connect timeout.
fn given_up_early(_: &World, checked: &Checked) -> Result<(), String> {
    let took = checked.report["duration_ms"].as_f64().unwrap_or(f64::MAX);
    if took < 12_000.0 { Ok(()) } else { Err(format!("optional ports were waited for: {took} ms")) }
}
