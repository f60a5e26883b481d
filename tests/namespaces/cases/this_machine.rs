//! What the client's own kernel refuses without sending a packet.

use crate::case::{Block, Case, Connect, Culprit, Shows};
use crate::filter::{Filter, PORT_25};
use crate::node::{Family, Node};
use crate::world::Change;

pub(super) fn cases() -> Vec<Case> {
    let both = |kind: &str| {
        vec![
            Change::Ip(Node::Client, format!("route add {kind} 192.0.2.0/24")),
            Change::Ip(Node::Client, format!("-6 route add {kind} 2001:db8:25::/48")),
        ]
    };
    let refused = |connect, code| Case {
        changes: Vec::new(),
        culprit: Culprit::ThisHost,
        exit: 1,
        verdict: "problems",
        faults: vec![code],
        shows: vec![Shows {
            host: None,
            ports: Vec::new(),
            family: Family::Both,
            connect,
            status: "blocked",
            block: Some(Block { by: "this-host", how: "denied", confidence: "certain", hop: None }),
        }],
        ..Case::healthy()
    };
    vec![
        Case {
            name: "client: prohibiting route".to_owned(),
            changes: both("prohibit"),
            ..refused(Connect::DeniedLocally, "error outbound-port-blocked")
        },
        Case {
            name: "client: unreachable route".to_owned(),
            changes: both("unreachable"),
            ..refused(Connect::NoRoute, "error host-unreachable")
        },
        Case {
            name: "client: blackhole route".to_owned(),
            changes: both("blackhole"),
            ..refused(Connect::DeniedLocally, "error outbound-port-blocked")
        },
        // Nothing is known of the second exchanger then, and what is known of the others stays.
        Case {
            name: "client: link down in the middle".to_owned(),
            filters: vec![Filter { at: Node::Edge, to: Some(Node::Mx2), ..PORT_25 }],
            midway: vec![Change::Ip(Node::Client, format!("link set {} down", Node::Home.name()))],
            culprit: Culprit::ThisHost,
            faults: vec!["warning mx-partly-unreachable"],
            shows: vec![Shows {
                host: Some(Node::Mx2),
                ports: vec![25],
                connect: Connect::NoRoute,
                family: Family::Both,
                status: "blocked",
                block: Some(Block {
                    by: "this-host",
                    how: "denied",
                    confidence: "certain",
                    hop: None,
                }),
            }],
            ..Case::healthy()
        },
    ]
}
