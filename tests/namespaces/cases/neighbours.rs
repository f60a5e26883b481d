//! Servers that no packet has to leave this network for: what happens to packets that do says
//! nothing of them.

use crate::case::{Case, Connect, Culprit, Shows, silence};
use crate::filter::{Filter, Hook, PORT_25};
use crate::node::{Family, Node};

pub(super) fn cases() -> Vec<Case> {
    let provider = Filter { at: Node::Isp, ..PORT_25 };
    let itself = |at| Filter { at, hook: Hook::Input, ..PORT_25 };
    let silent = |by, fault| Case {
        exit: 1,
        verdict: "problems",
        faults: vec![fault],
        shows: vec![Shows {
            host: None,
            ports: vec![25],
            family: Family::Both,
            connect: Connect::TimedOut,
            status: "blocked",
            block: silence(by, "guess", None),
        }],
        ..Case::healthy()
    };
    vec![
        Case {
            name: "home: drops 25 to itself".to_owned(),
            filters: vec![itself(Node::Home)],
            culprit: Culprit::TheirNetwork,
            target: "192.168.1.1:25",
            ..silent("their-network", "error port-filtered")
        },
        Case {
            name: "home: drops 25 to itself, and isp: 25 dropped".to_owned(),
            filters: vec![itself(Node::Home), provider.clone()],
            culprit: Culprit::TheirNetwork,
            target: "192.168.1.1:25",
            ..silent("unknown", "error port-silent")
        },
        Case {
            name: "client: drops 25 to itself, and isp: 25 dropped".to_owned(),
            filters: vec![itself(Node::Client), provider],
            culprit: Culprit::ThisHost,
            target: "192.168.1.10:25",
            ..silent("unknown", "error port-silent")
        },
    ]
}
