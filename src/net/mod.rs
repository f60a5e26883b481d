//! The wire: TCP connections, and conversations on them.
//!
//! Knows sockets and what the kernel says about them. Must not know any verdict. Begin with
//! [`connect`]: one connection attempt, and what this machine's routing table offers. [`drive`]
//! runs a [`Dialogue`](crate::smtp::Dialogue) on the result; [`connector`] is the narrow trait
//! through which everybody else connects.

pub mod connect;
pub mod connector;
pub mod drive;
