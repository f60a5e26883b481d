//! What kind of address an IP address is: public, or one that means nothing out there.
//!
//! Knows the registries of special-purpose addresses (RFC 6890). Must not know whose address it is
//! or how it was found. Go on with [`diagnosis`](crate::diagnosis), which judges an MX host by it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address, as far as mail cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// Anything that is none of the others. The blocks for documentation and for benchmarks count
    /// as public: they stand for public addresses wherever they are used.
    Public,
    /// For use inside one network: RFC 1918, RFC 4193, and the site-local addresses of old. Also
    /// an IPv6 address that a translator or a tunnel turns into an IPv4 address that is not public.
    Private,
    /// Shared between a provider and its customers: 100.64.0.0/10 (RFC 6598).
    Shared,
    /// This machine itself: 127.0.0.0/8, `::1`.
    Loopback,
    /// The same link only: 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291 §2.5.6).
    LinkLocal,
    /// No address at all: 0.0.0.0/8, `::`. Connecting to it reaches this machine.
    Unspecified,
    /// No single host: multicast and broadcast, and the reserved 240.0.0.0/4.
    NoHost,
}

impl fmt::Display for AddressKind {
    /// An adjective that fits before "address".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Shared => "shared (carrier-grade NAT)",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Unspecified => "unspecified",
            Self::NoHost => "multicast or reserved",
        })
    }
}

/// The kind of `address`. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) has the kind
/// of the IPv4 address.
pub fn kind(address: IpAddr) -> AddressKind {
    match address {
        IpAddr::V4(v4) => kind_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => kind_v4(v4),
            None => kind_v6(v6),
        },
    }
}

/// The IPv4 address at which a translator or a tunnel delivers what is sent to `address`: NAT64
/// (RFC 6052 §2.1), 6to4 (RFC 3056 §2), and the IPv4-compatible addresses of old (RFC 4291
/// §2.5.5.1). Without this, `64:ff9b::10.0.0.1` would be a public way to a private server.
fn delivered_at(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ipv4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => {
            Some(ipv4(high, low))
        }
        [0x2002, high, low, ..] => Some(ipv4(high, low)),
        _ => None,
    }
}

/// Whether a packet to `address` can be meant for a host on the public Internet.
pub fn is_public(address: IpAddr) -> bool {
    kind(address) == AddressKind::Public
}

/// Whether a connection to `address` would reach this very machine, whoever wrote the address.
pub fn is_loopback_or_unspecified(address: IpAddr) -> bool {
    matches!(kind(address), AddressKind::Loopback | AddressKind::Unspecified)
}

fn kind_v4(address: Ipv4Addr) -> AddressKind {
    let [a, b, _, _] = address.octets();
    match (a, b) {
        (0, _) => AddressKind::Unspecified,
        (127, _) => AddressKind::Loopback,
        (10, _) | (172, 16..=31) | (192, 168) => AddressKind::Private,
        (100, 64..=127) => AddressKind::Shared,
        (169, 254) => AddressKind::LinkLocal,
        (224.., _) => AddressKind::NoHost,
        _ => AddressKind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> AddressKind {
    let first = address.segments()[0];
    match address {
        Ipv6Addr::UNSPECIFIED => AddressKind::Unspecified,
        Ipv6Addr::LOCALHOST => AddressKind::Loopback,
        _ if first & 0xfe00 == 0xfc00 => AddressKind::Private,
        // 64:ff9b:1::/48, for translators of one network's own (RFC 8215).
        _ if address.segments()[..3] == [0x64, 0xff9b, 1] => AddressKind::Private,
        _ if delivered_at(address).is_some_and(|v4| kind_v4(v4) != AddressKind::Public) => {
            AddressKind::Private
        }
        // fec0::/10, deprecated by RFC 3879 and still not routed anywhere.
        _ if first & 0xffc0 == 0xfec0 => AddressKind::Private,
        _ if first & 0xffc0 == 0xfe80 => AddressKind::LinkLocal,
        _ if first & 0xff00 == 0xff00 => AddressKind::NoHost,
        _ => AddressKind::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::AddressKind::{LinkLocal, Loopback, NoHost, Private, Public, Shared, Unspecified};
    use super::*;

    #[test]
    fn both_edges_of_every_block() {
        for (text, expected) in [
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("1.0.0.0", Public),
            ("9.255.255.255", Public),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.64.0.0", Shared),
            ("100.127.255.255", Shared),
            ("100.128.0.0", Public),
            ("126.255.255.255", Public),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("128.0.0.0", Public),
            ("169.253.255.255", Public),
            ("169.254.169.254", LinkLocal),
            ("169.255.0.0", Public),
            ("172.15.255.255", Public),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("172.32.0.0", Public),
            ("192.0.2.1", Public),
            ("192.167.255.255", Public),
            ("192.168.0.0", Private),
            ("192.169.0.0", Public),
            ("198.18.0.1", Public),
            ("203.0.113.9", Public),
            ("223.255.255.255", Public),
            ("224.0.0.1", NoHost),
            ("240.0.0.1", NoHost),
            ("255.255.255.255", NoHost),
            ("::", Unspecified),
            ("::1", Loopback),
            ("::2", Private),
            ("::10.0.0.1", Private),
            ("::192.0.2.1", Public),
            ("64:ff9b::10.0.0.1", Private),
            ("64:ff9b::127.0.0.1", Private),
            ("64:ff9b::192.0.2.1", Public),
            ("64:ff9b:0:1::10.0.0.1", Public),
            ("64:ff9b:1::1", Private),
            ("64:ff9b:1:ffff::1", Private),
            ("64:ff9b:2::1", Public),
            ("2002:a00:1::1", Private),
            ("2002:c0a8:101::", Private),
            ("2002:c000:201::1", Public),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:192.168.1.1", Private),
            ("::ffff:192.0.2.1", Public),
            ("2001:db8::1", Public),
            ("fbff::1", Public),
            ("fc00::1", Private),
            ("fdff:ffff::1", Private),
            ("fe00::1", Public),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Private),
            ("feff::1", Private),
            ("ff02::1", NoHost),
        ] {
            let address: IpAddr = text.parse().expect("an IP address");
            assert_eq!(kind(address), expected, "{text}");
            assert_eq!(is_public(address), expected == Public, "{text}");
            assert_eq!(
                is_loopback_or_unspecified(address),
                matches!(expected, Loopback | Unspecified),
                "{text}"
            );
        }
    }
}
