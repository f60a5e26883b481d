//! What this machine's routing table offers. Everything here connects a UDP socket, which asks
//! the table and chooses a source address, and sends nothing: no packet leaves.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::{bind_of_family, outcome};
use crate::observation::LocalNetwork;

/// Public addresses that no network gives to anything of its own: root name servers, from their
/// hints file, and a public resolver. Not the documentation ranges, which laboratories use and
/// routers blackhole. IPv4 has some on both sides of 128.0.0.0, because many a VPN splits the
/// default route there.
const PUBLIC_IPV4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(198, 41, 0, 4), Ipv4Addr::new(193, 0, 14, 129), Ipv4Addr::new(9, 9, 9, 9)];
const PUBLIC_IPV6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30),
    Ipv6Addr::new(0x2001, 0x500, 0x2f, 0, 0, 0, 0, 0xf),
    Ipv6Addr::new(0x2001, 0x7fd, 0, 0, 0, 0, 0, 1),
];

/// Any port will do, as nothing is sent.
const SOME_PORT: u16 = 25;

/// Whether the routing table has a way to this address, from `bind` where that is of its family.
///
/// False only where the table says so: a rule that forbids, or a shortage of this machine, shows
/// when the address is dialled, and with its own name.
pub fn has_route(to: IpAddr, bind: Option<IpAddr>) -> bool {
    match ask(to, bind_of_family(bind, to)) {
        Ok(source) => is_usable(source, to),
        Err(error) => !says_no_route(&error),
    }
}

/// The local address from which packets to this address would leave.
pub fn source_for(to: IpAddr, bind: Option<IpAddr>) -> Option<IpAddr> {
    ask(to, bind_of_family(bind, to)).ok().filter(|source| !source.is_unspecified())
}

/// Whether there are routes to public addresses, a family at a time.
pub fn local_network() -> LocalNetwork {
    LocalNetwork {
        ipv4: PUBLIC_IPV4.iter().any(|a| has_route((*a).into(), None)),
        ipv6: PUBLIC_IPV6.iter().any(|a| has_route((*a).into(), None)),
    }
}

/// Whether this address is one of this machine's, so that connections can leave from it.
pub fn can_bind(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn ask(to: IpAddr, bind: Option<IpAddr>) -> io::Result<IpAddr> {
    let to = to.to_canonical();
    let from = bind.unwrap_or(match to {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    });
    let socket = UdpSocket::bind(SocketAddr::new(from, 0))?;
    socket.connect((to, SOME_PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// A link-local source reaches nothing beyond its link: it is what a host has that found no
/// network (RFC 3927 §2.7, RFC 4291 §2.5.6), a default route or not.
fn is_usable(source: IpAddr, to: IpAddr) -> bool {
    is_link_local(to) || !is_link_local(source)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn says_no_route(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
    ) || outcome::family_is_absent(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_a_route_and_a_source() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(has_route(loopback, None));
        assert_eq!(source_for(loopback, None), Some(loopback));
        assert!(has_route(loopback, Some(loopback)));
        // A documentation address is none of this machine's.
        assert!(!has_route(loopback, Some([192, 0, 2, 1].into())));
        assert!(!can_bind([192, 0, 2, 1].into()));
        assert!(can_bind(loopback));
    }

    #[test]
    fn a_link_local_source_serves_only_its_link() {
        let public: IpAddr = "2001:db8::1".parse().expect("an address");
        let link: IpAddr = "fe80::1".parse().expect("an address");
        assert!(!is_usable(link, public));
        assert!(is_usable(link, link));
        assert!(is_usable(public, public));
        assert!(!is_usable([169, 254, 1, 1].into(), [198, 51, 100, 1].into()));
    }

    #[test]
    fn only_the_table_says_that_there_is_no_route() {
        use nix::errno::Errno;
        for (errno, no_route) in [
            (Errno::ENETUNREACH, true),
            (Errno::EHOSTUNREACH, true),
            (Errno::EADDRNOTAVAIL, true),
            (Errno::EAFNOSUPPORT, true),
            (Errno::EMFILE, false),
            (Errno::EACCES, false),
        ] {
            let error = io::Error::from_raw_os_error(errno as i32);
            assert_eq!(says_no_route(&error), no_route, "{errno:?}");
        }
    }
}
