//! What a ladder showed: connection attempts to one port whose packets live for 1, 2, 3 … hops.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{IcmpMessage, LocalNetwork, Lookup, Millis, Skip};
use crate::names::Host;

/// The path to one port of one address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathObservation {
    /// The address that was dialled.
    pub address: IpAddr,
    /// The port that was meant, whatever `--connect-to` made of it.
    pub port: u16,
    /// The address that packets left from, where it is known.
    pub local: Option<IpAddr>,
    /// Every TTL that was tried, nearest first. Where something answered that is no router on the
    /// way, it is the last one.
    pub hops: Vec<Hop>,
    /// How the path ended.
    pub end: PathEnd,
}

/// What one TTL showed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// How many hops the packet lived for.
    pub ttl: u8,
    /// Who answered; absent where nobody did. A connection or a reset bears the address that was
    /// dialled, whoever made it.
    pub address: Option<IpAddr>,
    /// From the packet to the answer.
    pub rtt: Option<Millis>,
}

/// How a path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathEnd {
    /// A connection was made.
    Connected,
    /// A reset came.
    Refused,
    /// An ICMP message other than time-exceeded came.
    IcmpUnreachable(IcmpMessage),
    /// Nothing came any more.
    Silence,
}

impl PathObservation {
    /// The smallest TTL at which something answered that is no router on the way: how far away it
    /// is. `None` where the path ended in silence.
    pub fn distance(&self) -> Option<u8> {
        match self.end {
            PathEnd::Silence => None,
            _ => self.hops.last().map(|hop| hop.ttl),
        }
    }

    /// The distance of what answered in the server's own name: a connection, a reset, or an ICMP
    /// message that the address itself sent.
    pub fn own_distance(&self) -> Option<u8> {
        match self.end {
            PathEnd::IcmpUnreachable(icmp) if icmp.from != self.address => None,
            _ => self.distance(),
        }
    }

    /// The hops that let the packet's time run out and said so (RFC 792, RFC 4443 §3.3).
    pub fn routers(&self) -> impl DoubleEndedIterator<Item = (u8, IpAddr)> {
        let end = self.distance();
        let routers = self.hops.iter().filter(move |hop| Some(hop.ttl) != end);
        routers.filter_map(|hop| Some((hop.ttl, hop.address?)))
    }
}

/// Everything that one run of the command `trace` saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceObservations {
    /// When the run began.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// How long it took.
    pub duration: Millis,
    /// What this machine can do.
    pub local: LocalNetwork,
    /// One for each address, in the order in which the hosts were asked for; one without an
    /// address for a host that has none.
    pub traces: Vec<TraceObservation>,
}

/// What was seen on the way to one address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceObservation {
    /// The host as the user named it.
    pub host: Host,
    /// The address that was dialled; absent where this is about the host as a whole.
    pub address: Option<IpAddr>,
    /// Every port whose path was walked to its end, in the order in which they were asked for.
    pub paths: Vec<PathObservation>,
    /// Why paths are missing, where some are.
    pub missing: Option<Missing>,
}

/// Why paths are missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// No address is known, or not every one: these look-ups gave none.
    NoAddress(Vec<Lookup>),
    /// So many more addresses of the host were left out; those that were traced stand for them.
    Represented(usize),
    /// No packet was to be sent there.
    Skipped(Skip),
    /// It could not be done; the text is a clause ("this machine has no route to it").
    Failed(String),
    /// The user interrupted.
    Interrupted,
}
