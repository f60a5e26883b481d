//! What an ICMP error means, whatever the family. Knows the registries of types and codes; must
//! not know who sent it.

use std::net::IpAddr;

use crate::observation::IcmpMessage;

/// What an ICMP error means (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// There is no way to the host or to its network.
    Unreachable,
    /// A rule refuses the packet: prohibited by policy, or a port that pretends to be absent.
    Refused,
    /// The packet died on the way: a routing loop or too many hops.
    Exceeded,
}

/// An ICMP message's meaning in words, as the RFCs have it.
pub fn words(icmp: IcmpMessage) -> &'static str {
    meaning(icmp).1
}

/// An ICMP message's meaning, and the RFCs' words for it.
pub fn meaning(icmp: IcmpMessage) -> (Meaning, &'static str) {
    use Meaning::{Exceeded, Refused, Unreachable};
    match (icmp.from, icmp.kind, icmp.code) {
        (IpAddr::V4(_), 3, 0) => (Unreachable, "network unreachable"),
        (IpAddr::V4(_), 3, 1) => (Unreachable, "host unreachable"),
        (IpAddr::V4(_), 3, 2) => (Refused, "protocol unreachable"),
        (IpAddr::V4(_), 3, 3) => (Refused, "port unreachable"),
        (IpAddr::V4(_), 3, 6) => (Unreachable, "network unknown"),
        (IpAddr::V4(_), 3, 7) => (Unreachable, "host unknown"),
        (IpAddr::V4(_), 3, 9) => (Refused, "network administratively prohibited"),
        (IpAddr::V4(_), 3, 10) => (Refused, "host administratively prohibited"),
        (IpAddr::V4(_), 3, 13) => (Refused, "communication administratively prohibited"),
        (IpAddr::V4(_), 3, _) => (Unreachable, "destination unreachable"),
        (IpAddr::V6(_), 1, 0) => (Unreachable, "no route to destination"),
        (IpAddr::V6(_), 1, 1) => (Refused, "communication administratively prohibited"),
        (IpAddr::V6(_), 1, 3) => (Unreachable, "address unreachable"),
        (IpAddr::V6(_), 1, 4) => (Refused, "port unreachable"),
        (IpAddr::V6(_), 1, 5) => (Refused, "source address failed policy"),
        (IpAddr::V6(_), 1, 6) => (Refused, "reject route to destination"),
        (IpAddr::V6(_), 1, _) => (Unreachable, "destination unreachable"),
        (IpAddr::V4(_), 11, _) | (IpAddr::V6(_), 3, _) => (Exceeded, "time exceeded"),
        _ => (Unreachable, "an error that is not known"),
    }
}
