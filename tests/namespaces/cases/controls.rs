//! Controls that are no good as witnesses, and servers that grow tired of being asked.

use super::port_25;
use super::silence::dropped;
use crate::case::{Case, Connect, Culprit, Shows, silence};
use crate::filter::{Filter, Hook, PORT_25, What};
use crate::harness::Checked;
use crate::node::{Family, Node};
use crate::world::World;

pub(super) fn cases() -> Vec<Case> {
    let at = |at| Filter { at, hook: Hook::Input, ..PORT_25 };
    let dead_servers = || [Node::Mx1, Node::Mx2].map(at).to_vec();
    let with = |more: &[Filter]| [dead_servers(), more.to_vec()].concat();
    let unknown =
        port_25(Family::Both, Connect::TimedOut, silence("unknown", "guess", Some(Node::Edge)));
    let guessed = port_25(
        Family::Both,
        Connect::TimedOut,
        silence("their-network", "guess", Some(Node::Edge)),
    );
    let theirs = || dropped(Node::Edge, Hook::Forward);
    vec![
        // Whoever lets one control through lets the port out for somebody: no rule for the port.
        Case {
            name: "isp: 25 dropped, but not to the first control".to_owned(),
            filters: [Node::Mx1, Node::Mx2, Node::Smtp, Node::ControlB]
                .map(|to| Filter { at: Node::Isp, to: Some(to), ..PORT_25 })
                .to_vec(),
            culprit: Culprit::YourNetwork,
            faults: vec!["error port-silent"],
            shows: port_25(
                Family::Both,
                Connect::TimedOut,
                silence("unknown", "guess", Some(Node::Isp)),
            ),
            ..theirs()
        },
        Case {
            name: "servers: 25 dropped, and the first control refuses us".to_owned(),
            filters: with(&[Filter { what: What::Reset, ..at(Node::ControlA) }]),
            shows: theirs().shows[..2].to_vec(),
            ..theirs()
        },
        Case {
            name: "servers: 25 dropped, and the first control is silent".to_owned(),
            filters: with(&[at(Node::ControlA)]),
            shows: theirs().shows[..2].to_vec(),
            ..theirs()
        },
        // Both are silent as the servers are, and yet it stops behind everybody's last hop.
        Case {
            name: "servers: 25 dropped, and both controls are silent".to_owned(),
            filters: with(&[at(Node::ControlA), at(Node::ControlB)]),
            faults: vec!["error port-silent"],
            shows: unknown[..2].to_vec(),
            ..theirs()
        },
        Case {
            name: "servers: 25 dropped, and both controls refuse us".to_owned(),
            filters: with(
                &[Node::ControlA, Node::ControlB]
                    .map(|node| Filter { what: What::Reset, ..at(node) }),
            ),
            // A reset may come from anywhere, so nobody is known to get through.
            faults: vec!["error port-filtered"],
            shows: guessed[..2].to_vec(),
            ..theirs()
        },
        Case {
            name: "servers: 25 dropped, and no control resolves".to_owned(),
            filters: with(&[]),
            arguments: vec!["--control=mx.nowhere.example"],
            also: |_, checked| {
                let notes = checked.report["network"]["notes"].to_string();
                match notes.contains("mx.nowhere.example") {
                    true => Ok(()),
                    false => Err(format!("nobody says that a control has no address: {notes}")),
                }
            },
            shows: guessed[..2].to_vec(),
            ..theirs()
        },
        // A run sends few enough packets.
        Case {
            name: "servers ban whoever opens too many connections".to_owned(),
            filters: [Node::Mx1, Node::Mx2, Node::Smtp]
                .map(|node| Filter { what: What::BanAfter(6), ..at(node) })
                .to_vec(),
            ..Case::healthy()
        },
        // Looking into a closed port takes two ladders, of which two packets each reach the server.
        Case {
            name: "a server with a closed port bans whoever opens too many connections".to_owned(),
            filters: vec![Filter { what: What::BanAfter(9), ..at(Node::Mx1) }],
            target: "mx1.lab.example:465",
            exit: 1,
            verdict: "problems",
            faults: vec!["error port-closed"],
            also: every_control_was_asked_once,
            ..Case::healthy()
        },
        Case {
            name: "isp: 25 dropped, and controls are off".to_owned(),
            arguments: vec!["--control=none"],
            // The hop behind it is public, and no way to anybody else shows whose it is.
            faults: vec!["error port-silent"],
            shows: port_25(
                Family::Both,
                Connect::TimedOut,
                silence("unknown", "guess", Some(Node::Isp)),
            ),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "isp: 25 dropped, and no ladder is walked".to_owned(),
            arguments: vec!["--trace=never"],
            shows: port_25(
                Family::Both,
                Connect::TimedOut,
                silence("your-network", "likely", None),
            ),
            ..dropped(Node::Isp, Hook::Forward)
        },
        Case {
            name: "client: own 25 dropped, and no ladder is walked".to_owned(),
            arguments: vec!["--trace=never"],
            shows: port_25(Family::Both, Connect::TimedOut, silence("this-host", "guess", None)),
            ..dropped(Node::Client, Hook::Output)
        },
        Case {
            name: "servers: 25 dropped, and no ladder is walked".to_owned(),
            filters: with(&[]),
            arguments: vec!["--trace=never"],
            shows: port_25(
                Family::Both,
                Connect::TimedOut,
                silence("their-network", "guess", None),
            )[..2]
                .to_vec(),
            ..theirs()
        },
        Case {
            name: "nothing is filtered, and every path is traced".to_owned(),
            arguments: vec!["--trace=always"],
            also: |_, checked| {
                let paths = checked.report["network"]["paths"].as_array().map_or(0, Vec::len);
                // Three hosts in two families, each with two ports.
                if paths == 12 { Ok(()) } else { Err(format!("{paths} paths")) }
            },
            ..Case::healthy()
        },
        Case {
            name: "isp: 25 dropped, one address".to_owned(),
            target: "192.0.2.10:25",
            shows: vec![Shows {
                host: None,
                ports: vec![25],
                family: Family::Both,
                connect: Connect::TimedOut,
                status: "blocked",
                block: silence("your-network", "certain", Some(Node::Isp)),
            }],
            also: in_time,
            ..dropped(Node::Isp, Hook::Forward)
        },
    ]
}

/// Etiquette: one conversation a control, address and port in a run.
fn every_control_was_asked_once(_: &World, checked: &Checked) -> Result<(), String> {
    let controls = checked.report["network"]["controls"].as_array().cloned().unwrap_or_default();
    let mut places: Vec<String> = controls
        .iter()
        .map(|control| format!("{} {}", control["address"], control["port"]))
        .collect();
    let asked = places.len();
    places.sort();
    places.dedup();
    match asked {
        0 => Err("no control was asked".to_owned()),
        _ if asked != places.len() => Err(format!("a control was asked twice: {controls:#?}")),
        _ => Ok(()),
    }
}

/// Silence that is conclusive does not cost the connect timeout.
fn in_time(_: &World, checked: &Checked) -> Result<(), String> {
    let waited = checked.endpoints()[0]["connect"]["elapsed_ms"].as_f64().unwrap_or(f64::MAX);
    if waited < 7_000.0 { Ok(()) } else { Err(format!("it was waited for {waited} ms")) }
}
