//! Whether packets get to an endpoint, and what stops them if not: the verdict that the *reach*
//! checks and the status share.

use super::check::Found;
use super::finding::Block;

/// The verdict on one endpoint's connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// It was not dialled.
    NotDialled,
    /// It was connected to; what happened then is for the other checks.
    Connected,
    /// A reset came: nothing listens there.
    Closed(Found),
    /// It was connected to, and something on this side stops the conversation: unrelated servers
    /// show the same. The finding is that of the conversation's end.
    Swallowed {
        /// Who, how, how sure.
        block: Block,
    },
    /// Something stops it.
    Blocked {
        /// The code that this makes on a required port.
        code: &'static str,
        /// Who, how, how sure.
        block: Block,
        /// The finding's words.
        found: Found,
    },
}

impl Reach {
    /// Who stops it, where something does.
    pub fn block(&self) -> Option<&Block> {
        match self {
            Self::Swallowed { block } | Self::Blocked { block, .. } => Some(block),
            Self::NotDialled | Self::Connected | Self::Closed(_) => None,
        }
    }
}
