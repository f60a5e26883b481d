//! Connections that somebody else takes in the server's place, for good or ill.

use crate::case::{Block, Case, Connect, Culprit, Shows};
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
        },
        Case {
            name: "client: own 25 taken by its own proxy".to_owned(),
            filters: vec![Filter {
                at: Node::Client,
                hook: Hook::Output,
                what: What::Redirect,
                ..PORT_25
            }],
            culprit: Culprit::ThisHost,
            shows: intercepted("this-host", "certain"),
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
pub(super) fn taken(what: What) -> Case {
    Case {
        filters: vec![Filter { at: Node::Home, hook: Hook::Prerouting, what, ..PORT_25 }],
        culprit: Culprit::YourNetwork,
        exit: 1,
        verdict: "problems",
        faults: vec!["error connection-intercepted"],
        shows: intercepted("your-network", "certain"),
        ..Case::healthy()
    }
}

/// On the submission server, where 25 is optional, no ladder is walked: there the greeting that
/// unrelated servers share is all that shows it.
fn intercepted(by: &'static str, confidence: &'static str) -> Vec<Shows> {
    let on = |host, confidence| Shows {
        host: Some(host),
        ports: vec![25],
        family: Family::Both,
        connect: Connect::Connected,
        status: "blocked",
        block: Some(Block { by, how: "intercepted", confidence, hop: None }),
    };
    let optional = if by == "this-host" { confidence } else { "likely" };
    vec![on(Node::Mx1, confidence), on(Node::Mx2, confidence), on(Node::Smtp, optional)]
}
