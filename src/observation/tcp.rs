//! What a TCP connection attempt showed.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Millis;

/// One connection attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connect {
    /// How it ended.
    pub outcome: ConnectOutcome,
    /// From the first SYN to the outcome.
    pub elapsed: Millis,
    /// The local address that the connection had or would have had.
    pub local: Option<SocketAddr>,
    /// The address and port that were dialled, where `--connect-to` changed them.
    pub dialled: Option<SocketAddr>,
}

/// How a connection attempt ended. These are facts: who is to blame is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectOutcome {
    /// The three-way handshake completed.
    Connected,
    /// A reset came, and no ICMP message: something at that address or before it says no.
    Refused,
    /// Nothing came within the wait.
    #[default]
    TimedOut,
    /// An ICMP message ended it; Linux names its sender.
    IcmpUnreachable(IcmpMessage),
    /// This machine's routing table has no way there; no packet left.
    NoRoute,
    /// A policy of this machine refused the call itself (EACCES, EPERM, EINVAL); no packet left.
    DeniedLocally {
        /// The system's words for the error.
        error: String,
    },
}

/// An ICMP or ICMPv6 error message, from the socket's error queue (ip(7), `IP_RECVERR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct IcmpMessage {
    /// The ICMP type (RFC 792, RFC 4443).
    #[serde(rename = "type")]
    pub kind: u8,
    /// The ICMP code.
    pub code: u8,
    /// Who sent it.
    pub from: IpAddr,
}
