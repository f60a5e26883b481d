//! Connections that somebody else takes in the server's place, for good or ill.

use crate::case::{Case, Connect, Culprit, Shows};
use crate::filter::{Filter, Hook, PORT_25, What};
use crate::node::{Family, Node};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case { name: "home: 25 taken by its proxy".to_owned(), ..taken(What::Redirect) },
        Case { name: "home: 25 led to a proxy at the isp".to_owned(), ..taken(What::ProxyAtIsp) },
        // The same, but the operator's own: mail is to go through it.
        Case {
            name: "edge: 25 taken by its proxy".to_owned(),
            filters: vec![Filter {
                at: Node::Edge,
                hook: Hook::Prerouting,
                what: What::Redirect,
                ..PORT_25
            }],
            culprit: Culprit::Nobody,
            ..taken(What::Redirect)
        },
        // A router that hands one port on and refuses the others itself.
        Case {
            name: "edge: its own port 25 forwarded to a server".to_owned(),
            target: "forwarded.example",
            filters: vec![Filter {
                at: Node::Edge,
                hook: Hook::Prerouting,
                what: What::ForwardedPort,
                to: Some(Node::Edge),
                ..PORT_25
            }],
            ..Case::healthy()
        },
    ]
}

/// The proxy has no TLS, which is the one thing that shows in the conversation.
fn taken(what: What) -> Case {
    Case {
        filters: vec![Filter { at: Node::Home, hook: Hook::Prerouting, what, ..PORT_25 }],
        culprit: Culprit::YourNetwork,
        faults: vec!["warning starttls-not-supported"],
        shows: vec![Shows {
            host: None,
            ports: vec![25],
            family: Family::Both,
            connect: Connect::Connected,
            status: "open",
            block: None,
        }],
        ..Case::healthy()
    }
}
