//! Worlds in which nobody blocks anything, whatever it looks like.

use crate::case::{Block, Case, Connect, Sender, Shows};
use crate::filter::{Filter, Hook, PORT_25, What};
use crate::harness::Checked;
use crate::node::{Family, Node};
use crate::world::{Change, World};

pub(super) fn cases() -> Vec<Case> {
    let skipped = |family, why| {
        vec![Shows {
            host: None,
            ports: Vec::new(),
            family,
            connect: Connect::Skipped(why),
            status: "skipped",
            block: None,
        }]
    };
    vec![
        Case {
            name: "nothing is filtered".to_owned(),
            also: nobody_was_bothered,
            ..Case::healthy()
        },
        Case {
            name: "nothing is filtered, routers send no ICMP".to_owned(),
            filters: Node::ROUTERS
                .map(|at| Filter { at, hook: Hook::Output, what: What::NoIcmp, ..PORT_25 })
                .to_vec(),
            ..Case::healthy()
        },
        Case {
            name: "a third of all first packets is lost".to_owned(),
            filters: vec![Filter {
                at: Node::Isp,
                what: What::LoseThirdSyn,
                ports: &[25, 465, 587, 2525],
                ..PORT_25
            }],
            // An optional port may well lose three of three.
            arguments: vec!["--ports=25", "--submission=none"],
            ..Case::healthy()
        },
        // The last router asks for the host for three seconds, and then says that it is not there.
        Case {
            name: "the mail exchanger is switched off".to_owned(),
            target: "dead.example",
            // An optional port might be given up in the very moment in which its answer comes.
            arguments: vec!["--ports=25"],
            exit: 1,
            verdict: "problems",
            faults: vec!["error host-unreachable"],
            shows: vec![Shows {
                host: None,
                ports: vec![25],
                family: Family::Both,
                connect: Connect::Icmp((3, 1), (1, 3), Sender::Machine(Node::Edge)),
                status: "blocked",
                block: Some(Block {
                    by: "unknown",
                    how: "icmp",
                    confidence: "guess",
                    hop: Some(Sender::Machine(Node::Edge)),
                }),
            }],
            also: it_took_the_router_a_while,
            ..Case::healthy()
        },
        Case {
            name: "no IPv6 here".to_owned(),
            changes: vec![Change::Set(Node::Client, "ipv6/conf/all/disable_ipv6", "1")],
            shows: skipped(Family::V6, "no-ipv6-here"),
            also: |_, checked| has(checked, "ipv6-unavailable-here"),
            ..Case::healthy()
        },
        Case {
            name: "no way out over IPv6".to_owned(),
            changes: vec![Change::Ip(Node::Client, "-6 route del default".to_owned())],
            shows: skipped(Family::V6, "no-ipv6-here"),
            also: |_, checked| has(checked, "ipv6-unavailable-here"),
            ..Case::healthy()
        },
        Case {
            name: "no way out over IPv4".to_owned(),
            changes: vec![Change::Ip(Node::Client, "route del default".to_owned())],
            resolver: "2001:db8:53::53",
            shows: skipped(Family::V4, "no-ipv4-here"),
            ..Case::healthy()
        },
        Case {
            name: "no way out at all".to_owned(),
            changes: vec![
                Change::Ip(Node::Client, "route del default".to_owned()),
                Change::Ip(Node::Client, "-6 route del default".to_owned()),
            ],
            exit: 3,
            verdict: "undetermined",
            ..Case::healthy()
        },
        Case {
            name: "no way out at all, one address".to_owned(),
            changes: vec![
                Change::Ip(Node::Client, "route del default".to_owned()),
                Change::Ip(Node::Client, "-6 route del default".to_owned()),
            ],
            target: "192.0.2.10:25",
            exit: 3,
            verdict: "undetermined",
            shows: skipped(Family::Both, "no-ipv4-here"),
            ..Case::healthy()
        },
        Case {
            name: "the gateway is switched off".to_owned(),
            changes: vec![Change::Ip(Node::Home, "link set client down".to_owned())],
            exit: 3,
            verdict: "undetermined",
            ..Case::healthy()
        },
    ]
}

fn has(checked: &Checked, code: &str) -> Result<(), String> {
    if checked.has(code) { Ok(()) } else { Err(format!("{code} is not said")) }
}

/// A run in which nothing fails calls on nobody who was not asked about.
fn nobody_was_bothered(world: &World, _: &Checked) -> Result<(), String> {
    match world.calls_on_controls() {
        0 => Ok(()),
        calls => Err(format!("{calls} calls on controls in a healthy world")),
    }
}

fn it_took_the_router_a_while(_: &World, checked: &Checked) -> Result<(), String> {
    let elapsed = checked.endpoints().iter().filter_map(|e| e["connect"]["elapsed_ms"].as_f64());
    let shortest = elapsed.fold(f64::MAX, f64::min);
    if shortest > 1_000.0 { Ok(()) } else { Err(format!("no router asked: {shortest} ms")) }
}
