//! The machines of the lab: which there are, how they are linked, and what their addresses are.
//!
//! Knows the map and nothing else. Go on with `world.rs`, which builds it.
//!
//! ```text
//! client ── home ── isp ── core ── edge ──┬── mx1 (a dead host beside it)
//!            NAT    NAT     │             ├── mx2
//!                           ├── dns       └── smtp
//!                           ├── control a
//!                           └── control b
//! ```

use std::net::IpAddr;

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// Where smtpcheck runs.
    Client,
    /// The router at home: hop 1, with NAT.
    Home,
    /// The provider's router: hop 2, with the provider's own NAT (RFC 6598).
    Isp,
    /// Somebody's router on the way: hop 3.
    Core,
    /// The last router before the mail servers, and their firewall: hop 4.
    Edge,
    Mx1,
    Mx2,
    Smtp,
    /// Mail servers of unrelated operators, right behind the core.
    ControlA,
    ControlB,
    /// The name server.
    Dns,
}

/// An address family, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
    Both,
}

impl Family {
    /// Whether an address is of this family.
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
            Self::Both => true,
        }
    }
}

/// A link: who, with which addresses.
pub struct Link {
    pub ends: (Node, Node),
    pub v4: (&'static str, &'static str),
    pub v6: (&'static str, &'static str),
}

/// The end that is nearer to the client comes first.
pub const LINKS: [Link; 10] = [
    Link {
        ends: (Node::Client, Node::Home),
        v4: ("192.168.1.10/24", "192.168.1.1/24"),
        v6: ("2001:db8:1:1::10/64", "2001:db8:1:1::1/64"),
    },
    Link {
        ends: (Node::Home, Node::Isp),
        v4: ("100.64.0.10/24", "100.64.0.1/24"),
        v6: ("2001:db8:1::2/64", "2001:db8:1::1/64"),
    },
    Link {
        ends: (Node::Isp, Node::Core),
        v4: ("203.0.113.2/28", "203.0.113.1/28"),
        v6: ("2001:db8:3::2/64", "2001:db8:3::1/64"),
    },
    Link {
        ends: (Node::Core, Node::Edge),
        v4: ("203.0.113.17/28", "203.0.113.18/28"),
        v6: ("2001:db8:3:1::1/64", "2001:db8:3:1::2/64"),
    },
    Link {
        ends: (Node::Edge, Node::Mx1),
        v4: ("192.0.2.1/28", "192.0.2.10/28"),
        v6: ("2001:db8:25:1::1/64", "2001:db8:25:1::10/64"),
    },
    Link {
        ends: (Node::Edge, Node::Mx2),
        v4: ("192.0.2.17/28", "192.0.2.20/28"),
        v6: ("2001:db8:25:2::1/64", "2001:db8:25:2::20/64"),
    },
    Link {
        ends: (Node::Edge, Node::Smtp),
        v4: ("192.0.2.33/28", "192.0.2.40/28"),
        v6: ("2001:db8:25:3::1/64", "2001:db8:25:3::40/64"),
    },
    Link {
        ends: (Node::Core, Node::ControlA),
        v4: ("198.51.100.1/28", "198.51.100.10/28"),
        v6: ("2001:db8:51:a::1/64", "2001:db8:51:a::10/64"),
    },
    Link {
        ends: (Node::Core, Node::ControlB),
        v4: ("198.51.100.17/28", "198.51.100.20/28"),
        v6: ("2001:db8:51:b::1/64", "2001:db8:51:b::20/64"),
    },
    Link {
        ends: (Node::Core, Node::Dns),
        v4: ("203.0.113.49/28", "203.0.113.53/28"),
        v6: ("2001:db8:53::1/64", "2001:db8:53::53/64"),
    },
];

/// An address of mx1's network that nobody has.
pub const DEAD: (&str, &str) = ("192.0.2.14", "2001:db8:25:1::14");

/// Where the proxies of routers listen.
pub const PROXY_PORT: u16 = 10025;

/// Where the edge hands its own port 25 on to: there is a server for [`FORWARDED`].
pub const FORWARDED_TO: (Node, u16) = (Node::Mx2, 2600);
/// The mail exchanger that has the edge's address.
pub const FORWARDED: &str = "mx.forwarded.example";

impl Node {
    /// All of them, in the order of the enumeration.
    pub const ALL: [Self; 11] = [
        Self::Client,
        Self::Home,
        Self::Isp,
        Self::Core,
        Self::Edge,
        Self::Mx1,
        Self::Mx2,
        Self::Smtp,
        Self::ControlA,
        Self::ControlB,
        Self::Dns,
    ];
    /// Those that forward.
    pub const ROUTERS: [Self; 4] = [Self::Home, Self::Isp, Self::Core, Self::Edge];

    /// The machine's name; an interface is called like the machine at the link's other end.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Home => "home",
            Self::Isp => "isp",
            Self::Core => "core",
            Self::Edge => "edge",
            Self::Mx1 => "mx1",
            Self::Mx2 => "mx2",
            Self::Smtp => "smtp",
            Self::ControlA => "control-a",
            Self::ControlB => "control-b",
            Self::Dns => "dns",
        }
    }

    /// What a mail server calls itself, and what DNS calls it.
    pub fn host(self) -> String {
        match self {
            Self::ControlA => "mx.control-a.example".to_owned(),
            Self::ControlB => "mx.control-b.example".to_owned(),
            _ => format!("{}.lab.example", self.name()),
        }
    }

    /// The IPv4 and the IPv6 address that the client sees: the one on its own side.
    pub fn addresses(self) -> [IpAddr; 2] {
        let link = LINKS.iter().find(|link| link.ends.1 == self);
        let texts = match link {
            Some(link) => [link.v4.1, link.v6.1],
            None => [LINKS[0].v4.0, LINKS[0].v6.0],
        };
        texts.map(|text| {
            let (address, _) = text.split_once('/').expect("a prefix length");
            address.parse().expect("an address")
        })
    }

    /// The address of the same family as another one.
    pub fn address_like(self, other: IpAddr) -> IpAddr {
        let [v4, v6] = self.addresses();
        if other.is_ipv4() { v4 } else { v6 }
    }
}
