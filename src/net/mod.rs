//! The wire: TCP connections.
//!
//! Knows sockets and what the kernel says about them. Must not know SMTP's meaning or any verdict.
//! Begin with [`connect`]: one connection attempt, and what this machine's routing table offers.

pub mod connect;
