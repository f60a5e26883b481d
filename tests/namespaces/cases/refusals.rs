//! Packets that are answered with an ICMP message or with a reset, at every place.

use super::port_25;
use crate::case::{ANY, Block, Case, Connect, Culprit, Sender, Shows, silence};
use crate::filter::{Filter, Hook, PORT_25, What};
use crate::node::{Family, Node};
use crate::world::Change;

/// An ICMP code for each family: nftables' name, type and code.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    v4: (&'static str, (u8, u8)),
    v6: (&'static str, (u8, u8)),
    /// It says "I refuse" rather than "I know no way".
    refuses: bool,
}

const PAIRS: [Pair; 6] = [
    Pair { v4: ("net-unreachable", (3, 0)), v6: ("no-route", (1, 0)), refuses: false },
    Pair { v4: ("host-unreachable", (3, 1)), v6: ("addr-unreachable", (1, 3)), refuses: false },
    Pair { v4: ("port-unreachable", (3, 3)), v6: ("port-unreachable", (1, 4)), refuses: true },
    Pair { v4: ("net-prohibited", (3, 9)), v6: ("policy-fail", (1, 5)), refuses: true },
    Pair { v4: ("host-prohibited", (3, 10)), v6: ("reject-route", (1, 6)), refuses: true },
    Pair { v4: ("admin-prohibited", (3, 13)), v6: ("admin-prohibited", (1, 1)), refuses: true },
];

pub(super) const PROHIBITED: Pair = PAIRS[5];

impl Pair {
    fn what(self) -> What {
        What::Icmp(self.v4.0, self.v6.0)
    }

    fn from(self, sender: Sender) -> Connect {
        Connect::Icmp(self.v4.1, self.v6.1, sender)
    }
}

fn icmp(by: &'static str, confidence: &'static str, sender: Sender) -> Option<Block> {
    Some(Block { by, how: "icmp", confidence, hop: Some(sender) })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for pair in PAIRS {
        cases.extend(Node::ROUTERS.map(|router| at_router(router, pair)));
        cases.push(at_servers(pair));
        cases.push(at_client(pair));
    }
    cases.extend(Node::ROUTERS.map(reset_at));
    cases.extend([
        Case {
            name: "isp: 25 admin-prohibited, before routing".to_owned(),
            filters: vec![Filter {
                at: Node::Isp,
                hook: Hook::Prerouting,
                what: PROHIBITED.what(),
                ..PORT_25
            }],
            ..at_router(Node::Isp, PROHIBITED)
        },
        // The messages come late, with the second or third SYN, and say the same.
        Case {
            name: "isp: 25 admin-prohibited, the kernel's own limit on ICMP".to_owned(),
            changes: vec![
                Change::Set(Node::Isp, "ipv4/icmp_ratelimit", "1000"),
                Change::Set(Node::Isp, "ipv6/icmp/ratelimit", "1000"),
            ],
            // Nothing optional, which would not be waited for.
            arguments: vec!["--submission=none"],
            // The refusals use up what the router has to spare for the ladder.
            shows: port_25(
                Family::Both,
                PROHIBITED.from(Sender::Machine(Node::Isp)),
                Some(Block { by: "your-network", how: "icmp", confidence: ANY, hop: None }),
            ),
            ..at_router(Node::Isp, PROHIBITED)
        },
        // A router that wants to refuse and may not say so is silent.
        Case {
            name: "isp: 25 admin-prohibited, but it sends no ICMP".to_owned(),
            filters: vec![
                Filter { at: Node::Isp, what: PROHIBITED.what(), ..PORT_25 },
                Filter { at: Node::Isp, hook: Hook::Output, what: What::NoIcmp, ..PORT_25 },
            ],
            shows: port_25(
                Family::Both,
                Connect::TimedOut,
                silence("your-network", "certain", Some(Node::Home)),
            ),
            ..at_router(Node::Isp, PROHIBITED)
        },
        Case {
            name: "edge: 25 to mx2 alone admin-prohibited".to_owned(),
            filters: vec![Filter {
                at: Node::Edge,
                what: PROHIBITED.what(),
                to: Some(Node::Mx2),
                ..PORT_25
            }],
            culprit: Culprit::TheirNetwork,
            faults: vec!["warning mx-partly-unreachable"],
            shows: vec![Shows {
                host: Some(Node::Mx2),
                ports: vec![25],
                family: Family::Both,
                connect: PROHIBITED.from(Sender::Machine(Node::Edge)),
                status: "blocked",
                block: icmp("their-network", "certain", Sender::Machine(Node::Edge)),
            }],
            ..Case::healthy()
        },
        // Others get through there, so it is no rule for the port; and a rule for one destination
        // may be anybody's but for the router itself, which says where it is.
        Case {
            name: "core: 25 to mx1 alone admin-prohibited".to_owned(),
            filters: vec![Filter {
                at: Node::Core,
                what: PROHIBITED.what(),
                to: Some(Node::Mx1),
                ..PORT_25
            }],
            culprit: Culprit::Transit,
            exit: 1,
            verdict: "problems",
            faults: vec!["error port-filtered"],
            shows: port_25(
                Family::Both,
                PROHIBITED.from(Sender::Machine(Node::Core)),
                icmp("transit", "likely", Sender::Machine(Node::Core)),
            )[..1]
                .to_vec(),
            ..Case::healthy()
        },
        Case {
            name: "isp: 25 to mx1 alone admin-prohibited, over IPv4".to_owned(),
            filters: vec![Filter {
                at: Node::Isp,
                what: PROHIBITED.what(),
                to: Some(Node::Mx1),
                family: Family::V4,
                ..PORT_25
            }],
            culprit: Culprit::YourNetwork,
            faults: vec!["warning mx-partly-unreachable"],
            shows: vec![Shows {
                family: Family::V4,
                ..port_25(
                    Family::V4,
                    PROHIBITED.from(Sender::Machine(Node::Isp)),
                    icmp("unknown", "guess", Sender::Machine(Node::Isp)),
                )[0]
                .clone()
            }],
            ..Case::healthy()
        },
    ]);
    cases
}

pub(super) fn at_router(router: Node, pair: Pair) -> Case {
    let sender = Sender::Machine(router);
    let block = match (pair.refuses, router) {
        (false, _) => icmp("unknown", "guess", sender),
        (true, Node::Edge) => icmp("their-network", "certain", sender),
        (true, _) => icmp("your-network", "certain", sender),
    };
    Case {
        name: format!("{}: 25 {} / {}", router.name(), pair.v4.0, pair.v6.0),
        filters: vec![Filter { at: router, what: pair.what(), ..PORT_25 }],
        culprit: Culprit::at(router),
        exit: 1,
        verdict: "problems",
        faults: vec![match (pair.refuses, router) {
            (false, _) => "error host-unreachable",
            (true, Node::Edge) => "error port-filtered",
            (true, _) => "error outbound-port-blocked",
        }],
        shows: port_25(Family::Both, pair.from(sender), block),
        ..Case::healthy()
    }
}

fn at_servers(pair: Pair) -> Case {
    let input = Filter { hook: Hook::Input, what: pair.what(), ..PORT_25 };
    let block = match pair.refuses {
        true => icmp("their-network", "certain", Sender::Target),
        false => icmp("unknown", "guess", Sender::Target),
    };
    let mut shows = port_25(Family::Both, pair.from(Sender::Target), block);
    // The submission server has no filter.
    shows.pop();
    Case {
        name: format!("servers: 25 {} / {}", pair.v4.0, pair.v6.0),
        filters: [Node::Mx1, Node::Mx2].map(|at| Filter { at, ..input.clone() }).to_vec(),
        culprit: Culprit::TheirNetwork,
        exit: 1,
        verdict: "problems",
        faults: vec![if pair.refuses { "error port-filtered" } else { "error host-unreachable" }],
        shows,
        ..Case::healthy()
    }
}

fn at_client(pair: Pair) -> Case {
    let sender = Sender::Machine(Node::Client);
    let connect = pair.from(sender);
    // Whatever its code, what the kernel says at once in its own name is a rule; and a block on
    // this side counts on optional ports, too.
    let shows = vec![Shows {
        host: None,
        ports: vec![25],
        family: Family::Both,
        connect,
        status: "blocked",
        block: icmp("this-host", "certain", sender),
    }];
    Case {
        name: format!("client: own 25 {} / {}", pair.v4.0, pair.v6.0),
        filters: vec![Filter {
            at: Node::Client,
            hook: Hook::Output,
            what: pair.what(),
            ..PORT_25
        }],
        culprit: Culprit::ThisHost,
        exit: 1,
        verdict: "problems",
        faults: vec!["error outbound-port-blocked"],
        shows,
        ..Case::healthy()
    }
}

/// A reset from nearer than the server is this side's where the controls are reset from there, too.
/// One hop before the server it looks like the server's own, and nobody is accused.
pub(super) fn reset_at(router: Node) -> Case {
    let after = match router {
        Node::Home | Node::Isp => Some(router),
        // The controls are the core's neighbours, so for them it is the hop before the server.
        _ => None,
    };
    let block = after.map(|after| Block {
        by: "your-network",
        how: "reset",
        confidence: "certain",
        hop: Some(Sender::Machine(after)),
    });
    let closed = |host| Shows {
        host: Some(host),
        ports: vec![25],
        family: Family::Both,
        connect: Connect::Refused,
        status: "closed",
        block: None,
    };
    Case {
        name: format!("{}: 25 reset", router.name()),
        filters: vec![Filter { at: router, what: What::Reset, ..PORT_25 }],
        culprit: Culprit::at(router),
        exit: 1,
        verdict: "problems",
        faults: match block {
            Some(_) => vec!["error outbound-port-blocked"],
            None => vec!["error port-closed"],
        },
        shows: match block {
            Some(_) => port_25(Family::Both, Connect::Refused, block),
            None => vec![closed(Node::Mx1), closed(Node::Mx2)],
        },
        ..Case::healthy()
    }
}
