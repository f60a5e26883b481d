//! Every case, by what is done to the packets.

mod controls;
mod innocent;
mod ladders;
mod neighbours;
mod network;
mod proxies;
mod refusals;
mod silence;
mod this_machine;

use crate::case::{Block, Case, Connect, Shows};
use crate::node::{Family, Node};

/// All of them. The ones that take long come first, so that they run beside the others.
pub fn all() -> Vec<Case> {
    let mut all = silence::cases();
    all.extend(controls::cases());
    all.extend(ladders::cases());
    all.extend(network::cases());
    all.extend(neighbours::cases());
    all.extend(innocent::cases());
    all.extend(this_machine::cases());
    all.extend(proxies::cases());
    all.extend(refusals::cases());
    all
}

/// What port 25 shows where it gets nowhere: a block on the mail exchangers, and on the submission
/// server, where it is optional, one where it is this side's.
fn port_25(family: Family, connect: Connect, block: Option<Block>) -> Vec<Shows> {
    let on = |host, status, block| Shows {
        host: Some(host),
        ports: vec![25],
        family,
        connect,
        status,
        block,
    };
    let here = block.is_some_and(|block| ["this-host", "your-network"].contains(&block.by));
    let optional = if here { ("blocked", block) } else { ("silent", None) };
    vec![
        on(Node::Mx1, "blocked", block),
        on(Node::Mx2, "blocked", block),
        on(Node::Smtp, optional.0, optional.1),
    ]
}
