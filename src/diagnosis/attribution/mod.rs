//! Who stops a port.
//!
//! Knows how the parts meet: [`evidence`] reads the [`signs`] about one port (a [`spot`]) out of a
//! run, [`table`] decides, [`words`] says it and [`proof`] what shows it. Must not know how the
//! evidence was gathered, which [`probe`](crate::probe) does. It claims no culprit without evidence:
//! what no row explains is [`BlockedBy::Unknown`](super::finding::BlockedBy::Unknown).

mod evidence;
mod icmp;
mod proof;
mod signs;
mod spot;
mod table;
mod words;

pub use evidence::Evidence;
pub use icmp::words as icmp_words;
pub use spot::Spot;

use self::evidence::Case;
use self::signs::Event;
use self::table::Verdict;
use super::advice;
use super::finding::{Block, BlockedBy, BlockedHow};
use super::reach::Reach;
use super::stop::{Break, Stop};
use crate::observation::EndpointObservation;

/// Judges whether packets get to an endpoint, and who stops them if not.
pub fn judge(evidence: &Evidence<'_>, endpoint: &EndpointObservation) -> Reach {
    match Spot::of(endpoint) {
        Some(spot) => judge_spot(evidence, spot),
        None => Reach::NotDialled,
    }
}

/// As [`judge`], for anything that was dialled: a control, too.
pub fn judge_spot<'a>(evidence: &Evidence<'a>, spot: Spot<'a>) -> Reach {
    // What stops one server's port on this side stops all of them at the same place, and one
    // ladder shows it.
    for leader in evidence.leaders(spot) {
        let case = evidence.about(leader);
        let (_, verdict) = table::decide(&case.signs);
        let reach = reach(&case, verdict);
        if let Reach::Blocked { block, .. } = &reach
            && block.is_on_this_side()
        {
            return reach;
        }
    }
    let case = evidence.about(spot);
    let (_, verdict) = table::decide(&case.signs);
    reach(&case, verdict)
}

fn reach(case: &Case<'_>, verdict: Verdict) -> Reach {
    match verdict {
        Verdict::Passes => Reach::Connected,
        Verdict::Closed => Reach::Closed(words::closed(case)),
        Verdict::Swallowed { how, confidence } => Reach::Swallowed {
            block: Block {
                by: BlockedBy::YourNetwork,
                how: cut_or(how, case),
                confidence,
                hop: None,
                hop_address: None,
                evidence: proof::of_block(case),
            },
        },
        Verdict::Blocked { code, by, how, confidence } => {
            let mut evidence = proof::of_block(case);
            evidence.extend(advice::policy(case.environment, by, case.spot.port));
            let block = Block {
                by,
                how: cut_or(how, case),
                confidence,
                hop: case.hop.map(|(ttl, _)| ttl),
                hop_address: case.icmp.map(|icmp| icmp.from).or(case.hop.map(|(_, a)| a)),
                evidence,
            };
            let found = words::found(case, code, &block);
            Reach::Blocked { code, block, found }
        }
    }
}

/// A conversation that was reset or closed was not swallowed in silence.
fn cut_or(how: BlockedHow, case: &Case<'_>) -> BlockedHow {
    let stop = Stop::of_conversation(case.spot.mode, case.spot.seen);
    match (case.signs.event, stop) {
        (Event::Connected(_), Stop::Dropped { how: Break::Closed | Break::Reset, .. })
            if how == BlockedHow::Silence =>
        {
            BlockedHow::Reset
        }
        _ => how,
    }
}

#[cfg(test)]
mod tests;
