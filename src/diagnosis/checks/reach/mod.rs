//! Checks of whether packets get there. Who stops them is decided in
//! [`diagnosis`](crate::diagnosis); most checks here take its words.

pub mod connection_dropped;
pub mod connection_intercepted;
pub mod host_unreachable;
pub mod ipv6_broken;
pub mod ipv6_unavailable_here;
pub mod outbound_port_blocked;
pub mod path_mtu_blackhole;
pub mod port_closed;
pub mod port_filtered;
pub mod port_silent;
pub mod tls_blocked;

use crate::diagnosis::check::{EndpointFacts, Outcome};
use crate::diagnosis::reach::Reach;

/// The words of a block, where it makes this very code.
fn blocked(facts: &EndpointFacts<'_>, own: &str) -> Outcome {
    match facts.reach {
        Reach::NotDialled => Outcome::CannotTell("it was not dialled"),
        Reach::Blocked { code, found, .. } if *code == own => Outcome::found(found.clone()),
        Reach::Blocked { .. } => Outcome::NotApplicable("another finding says what stops it"),
        Reach::Closed(_) | Reach::Connected | Reach::Swallowed { .. } => Outcome::Pass,
    }
}

#[cfg(test)]
pub(super) fn test_block(code: &'static str) -> Reach {
    use crate::diagnosis::check::Found;
    use crate::diagnosis::finding::{Block, BlockedBy, BlockedHow, Confidence};
    Reach::Blocked {
        code,
        block: Block {
            by: BlockedBy::Unknown,
            how: BlockedHow::Silence,
            confidence: Confidence::Guess,
            hop: None,
            hop_address: None,
            evidence: Vec::new(),
        },
        found: Found { message: format!("words of {code}"), ..Found::default() },
    }
}
