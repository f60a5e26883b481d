//! The protocol: what is said to an SMTP server, and what its replies mean.
//!
//! Knows RFC 5321 replies and EHLO keywords, RFC 3207, and the order of a conversation. Must not
//! know sockets, clocks or TLS: bytes and the time come in through [`Dialogue`]'s methods, and
//! [`Next`] says what to do. Nor does it judge: it hands over facts, and
//! [`diagnosis`](crate::diagnosis) makes findings of them.
//!
//! Start with [`Dialogue`], go on with [`ReplyReader`]. What drives a dialogue on a real stream
//! is `net::drive`.

mod command;
mod dialogue;
mod ehlo;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod introduction;
mod line;
#[cfg(test)]
mod properties;
mod reply;
mod room;
mod stated_time;
mod transcript;

pub use dialogue::{Dialogue, Next, Said};
pub use introduction::HeloNames;
pub use reply::{ReplyProgress, ReplyReader};

/// As many of a peer's first bytes as are kept to show what it speaks: enough for the first line
/// of any protocol.
const FIRST_BYTES: usize = 512;

/// As many octets as are kept of one line. RFC 5321 §4.5.3.1.5 allows 512; real servers pass
/// that, none by so much.
const LINE_KEPT: usize = 8 * 1024;

/// The longest reply, in octets and in lines. Without it, one reply would hold the conversation
/// for as long as the server likes to talk.
const REPLY_OCTETS: usize = 64 * 1024;
const REPLY_LINES: usize = 128;

/// As much as is read on one connection. Without it, a server that answers each command with a
/// reply of the greatest size decides how much memory a check of a thousand servers needs.
const CONVERSATION_OCTETS: usize = 256 * 1024;
