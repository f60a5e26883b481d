//! Packets that vanish, at every place.

use super::port_25;
use crate::case::{Block, Case, Connect, Culprit, Shows, silence};
use crate::filter::{Filter, Hook, PORT_25, What};
use crate::harness::Checked;
use crate::node::{Family, Node};
use crate::world::{Change, World};

/// A ladder that shows where the port stops on this side, and a control that is silent there.
const HOME: Option<Block> = after("your-network", Some(Node::Home));
const ISP: Option<Block> = after("your-network", Some(Node::Isp));
const EDGE: Option<Block> = after("their-network", Some(Node::Edge));

const fn after(by: &'static str, hop: Option<Node>) -> Option<Block> {
    let hop = match hop {
        Some(node) => Some(crate::case::Sender::Machine(node)),
        None => None,
    };
    Some(Block { by, how: "silence", confidence: "certain", hop })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Node::ROUTERS.map(|router| dropped(router, Hook::Forward)).to_vec();
    cases.extend(Node::ROUTERS.map(|router| dropped(router, Hook::Prerouting)));
    cases.push(dropped(Node::Client, Hook::Output));
    cases.extend(for_some_only());
    cases.extend(of_one_family());
    cases.extend(of_other_ports());
    cases.extend(behind_the_connection());
    cases.extend([
        Case {
            name: "servers: 25 dropped".to_owned(),
            filters: [Node::Mx1, Node::Mx2]
                .map(|at| Filter { at, hook: Hook::Input, ..PORT_25 })
                .to_vec(),
            // The submission server has no filter.
            shows: port_25(Family::Both, Connect::TimedOut, EDGE)[..2].to_vec(),
            ..dropped(Node::Edge, Hook::Forward)
        },
        Case {
            name: "isp: 25 dropped, routers send no ICMP".to_owned(),
            filters: Node::ROUTERS
                .map(|at| Filter { at, hook: Hook::Output, what: What::NoIcmp, ..PORT_25 })
                .into_iter()
                .chain([Filter { at: Node::Isp, ..PORT_25 }])
                .collect(),
            // No hop is known, and two unrelated controls are silent, too.
            shows: port_25(
                Family::Both,
                Connect::TimedOut,
                silence("your-network", "likely", None),
            ),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "isp: 25 dropped, the kernels' own limit on ICMP".to_owned(),
            changes: Node::ROUTERS
                .into_iter()
                .flat_map(|at| {
                    ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"]
                        .map(|key| Change::Set(at, key, "1000"))
                })
                .collect(),
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
    ]);
    cases
}

/// What one destination alone suffers may be anybody's rule up to there, unless it is known to stop
/// behind the last hop.
fn for_some_only() -> Vec<Case> {
    let unknown = |hop| silence("unknown", "guess", Some(hop));
    let mut cases: Vec<Case> = [(Node::Isp, Culprit::YourNetwork), (Node::Core, Culprit::Transit)]
        .map(|(at, culprit)| Case {
            name: format!("{}: 25 to mx1 alone dropped", at.name()),
            filters: vec![Filter { at, to: Some(Node::Mx1), ..PORT_25 }],
            culprit,
            faults: vec!["error port-silent"],
            shows: port_25(Family::Both, Connect::TimedOut, unknown(at))[..1].to_vec(),
            ..dropped(Node::Edge, Hook::Forward)
        })
        .to_vec();
    cases.extend([
        Case {
            name: "edge: 25 to mx2 alone dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, to: Some(Node::Mx2), ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning mx-partly-unreachable"],
            shows: port_25(Family::Both, Connect::TimedOut, EDGE)[1..2].to_vec(),
            ..dropped(Node::Edge, Hook::Forward)
        },
        // No mail exchanger of the highest preference is left, so it is an error.
        Case {
            name: "edge: 25 to mx1 alone dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, to: Some(Node::Mx1), ..PORT_25 }],
            shows: port_25(Family::Both, Connect::TimedOut, EDGE)[..1].to_vec(),
            ..dropped(Node::Edge, Hook::Forward)
        },
    ]);
    cases
}

fn of_one_family() -> Vec<Case> {
    let silent = |host, ports: &[u16], status, block| Shows {
        host,
        ports: ports.to_vec(),
        family: Family::V6,
        connect: Connect::TimedOut,
        status,
        block,
    };
    // Nothing of the host answers, so no ladder shows how far away it is.
    let dead = silence("unknown", "guess", Some(Node::Edge));
    vec![
        Case {
            name: "isp: 25 dropped over IPv6 alone".to_owned(),
            filters: vec![Filter { at: Node::Isp, family: Family::V6, ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning ipv6-broken"],
            shows: port_25(Family::V6, Connect::TimedOut, ISP),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "isp: 25 dropped over IPv4 alone".to_owned(),
            filters: vec![Filter { at: Node::Isp, family: Family::V4, ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning mx-partly-unreachable"],
            shows: port_25(Family::V4, Connect::TimedOut, ISP),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "edge: all of IPv6 dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, family: Family::V6, ports: &[], ..PORT_25 }],
            exit: 0,
            verdict: "ok",
            faults: vec!["warning ipv6-broken"],
            shows: vec![
                silent(Some(Node::Mx1), &[25], "blocked", dead),
                silent(Some(Node::Mx2), &[25], "blocked", dead),
                silent(Some(Node::Smtp), &[465, 587], "blocked", dead),
                silent(None, &[], "silent", None),
            ],
            ..dropped(Node::Edge, Hook::Forward)
        },
    ]
}

fn of_other_ports() -> Vec<Case> {
    let silent = |host, ports: &[u16], status, block| Shows {
        host,
        ports: ports.to_vec(),
        family: Family::Both,
        connect: Connect::TimedOut,
        status,
        block,
    };
    vec![
        // On this side a block is one for every server, required or not.
        Case {
            name: "isp: 465 and 587 dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, ports: &[465, 587], ..PORT_25 }],
            shows: vec![silent(None, &[465, 587], "blocked", ISP)],
            ..dropped(Node::Isp, Hook::Forward)
        },
        // 2525 is required of nobody, so nobody looks into it.
        Case {
            name: "isp: every port of mail dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, ports: &[25, 465, 587, 2525], ..PORT_25 }],
            shows: vec![silent(None, &[2525], "silent", None), silent(None, &[], "blocked", ISP)],
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "isp: optional ports dropped".to_owned(),
            filters: vec![Filter { at: Node::Isp, ports: &[2525], ..PORT_25 }],
            arguments: vec!["--connect-timeout=25"],
            culprit: Culprit::YourNetwork,
            shows: vec![silent(None, &[2525], "silent", None)],
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
                .map(|mx| silent(Some(mx), &[465, 587, 2525], "silent", None))
                .to_vec(),
            also: given_up_early,
            ..Case::healthy()
        },
    ]
}

/// The connection comes about, so no packet filter on a port is at work.
fn behind_the_connection() -> Vec<Case> {
    let likely = silence("your-network", "likely", None);
    let stopped = |host, ports: &[u16]| Shows {
        host: Some(host),
        ports: ports.to_vec(),
        family: Family::Both,
        connect: Connect::Connected,
        status: "blocked",
        block: likely,
    };
    let everywhere = |name: &str, at, what, fault| Case {
        name: name.to_owned(),
        filters: vec![Filter { at, what, ports: &[25, 465, 587], ..PORT_25 }],
        arguments: vec!["--timeout=4"],
        culprit: Culprit::YourNetwork,
        exit: 1,
        verdict: "problems",
        faults: vec![fault],
        shows: vec![
            stopped(Node::Mx1, &[25]),
            stopped(Node::Mx2, &[25]),
            stopped(Node::Smtp, &[465, 587]),
        ],
        ..Case::healthy()
    };
    let (large, hello) = (What::DropLarge, What::DropClientHello);
    vec![
        Case {
            filters: vec![Filter { at: Node::Isp, what: What::DropData, ..PORT_25 }],
            shows: vec![stopped(Node::Mx1, &[25]), stopped(Node::Mx2, &[25])],
            ..everywhere(
                "isp: whatever carries data on 25 dropped",
                Node::Isp,
                What::DropData,
                "error greeting-missing",
            )
        },
        everywhere("core: large packets dropped", Node::Core, large, "error path-mtu-blackhole"),
        everywhere("isp: every ClientHello dropped", Node::Isp, hello, "error tls-blocked"),
        // The controls are not behind the edge, and all is well there.
        Case {
            culprit: Culprit::TheirNetwork,
            shows: vec![
                Shows { block: silence("unknown", "guess", None), ..stopped(Node::Mx1, &[25]) },
                Shows { block: silence("unknown", "guess", None), ..stopped(Node::Mx2, &[25]) },
                Shows {
                    block: silence("unknown", "guess", None),
                    ..stopped(Node::Smtp, &[465, 587])
                },
            ],
            ..everywhere(
                "edge: large packets dropped",
                Node::Edge,
                large,
                "error path-mtu-blackhole",
            )
        },
        Case {
            culprit: Culprit::TheirNetwork,
            shows: [(Node::Mx1, &[25][..]), (Node::Mx2, &[25]), (Node::Smtp, &[465, 587])]
                .map(|(node, ports)| Shows {
                    status: "misconfigured",
                    block: None,
                    ..stopped(node, ports)
                })
                .to_vec(),
            ..everywhere(
                "edge: every ClientHello dropped",
                Node::Edge,
                hello,
                "error connection-dropped",
            )
        },
        Case {
            name: "edge: whatever carries data on 25 dropped".to_owned(),
            filters: vec![Filter { at: Node::Edge, what: What::DropData, ..PORT_25 }],
            culprit: Culprit::TheirNetwork,
            faults: vec!["error greeting-missing"],
            shows: [Node::Mx1, Node::Mx2]
                .map(|node| Shows { status: "misconfigured", block: None, ..stopped(node, &[25]) })
                .to_vec(),
            ..everywhere("", Node::Edge, What::DropData, "")
        },
    ]
}

/// Everything to port 25 is dropped at a machine, and what that shows.
pub(super) fn dropped(at: Node, hook: Hook) -> Case {
    let place = match hook {
        Hook::Prerouting => "before routing",
        Hook::Output => "on its way out",
        _ => "while forwarding",
    };
    // A filter before routing swallows the packet that would name its router.
    let block = match (at, hook) {
        (Node::Client, _) => silence("this-host", "likely", None),
        (Node::Home, Hook::Prerouting) => after("your-network", None),
        (Node::Isp, Hook::Prerouting) | (Node::Home, _) => HOME,
        (Node::Core, Hook::Prerouting) | (Node::Isp, _) => ISP,
        // Behind the core the ways part, so nothing shows whose the next hop is; and before the
        // edge the core may have a rule for this destination.
        (Node::Edge, Hook::Prerouting) | (Node::Core, _) => {
            silence("unknown", "guess", Some(Node::Core))
        }
        _ => EDGE,
    };
    let fault = match block.map(|block| block.by) {
        Some("unknown") => "error port-silent",
        Some("their-network") => "error port-filtered",
        _ => "error outbound-port-blocked",
    };
    Case {
        name: format!("{}: 25 dropped {place}", at.name()),
        filters: vec![Filter { at, hook, ..PORT_25 }],
        culprit: Culprit::at(at),
        exit: 1,
        verdict: "problems",
        faults: vec![fault],
        shows: port_25(Family::Both, Connect::TimedOut, block),
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
