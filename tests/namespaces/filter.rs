//! Filters, the ground truth of a case: where, at which hook, which packets, and what becomes of
//! them. Knows nftables' language; must not know what smtpcheck makes of it.

use std::fmt::Write;
use std::net::IpAddr;

use crate::node::{FORWARDED_TO, Family, Node, PROXY_PORT};

/// A rule at one machine. Start from [`PORT_25`]: `Filter { at: Node::Isp, ..PORT_25 }`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Whose rule it is.
    pub at: Node,
    /// Where in its network stack.
    pub hook: Hook,
    /// What becomes of the packets.
    pub what: What,
    /// The TCP ports; empty for everything, whatever the protocol.
    pub ports: &'static [u16],
    /// The address family.
    pub family: Family,
    /// The only destination that is meant.
    pub to: Option<Node>,
}

/// Everything to port 25 is dropped while it is forwarded at home.
pub const PORT_25: Filter = Filter {
    at: Node::Home,
    hook: Hook::Forward,
    what: What::Drop,
    ports: &[25],
    family: Family::Both,
    to: None,
};

/// A place in the network stack, where netfilter has its hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// What a machine itself sends.
    Output,
    /// Before the TTL is looked at: a filter here swallows a ladder's packet that would expire.
    Prerouting,
    /// After it: the packet that would expire here is answered.
    Forward,
    /// What is for the machine itself.
    Input,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Drop,
    /// An ICMP message, by nftables' names of the code for IPv4 and for IPv6.
    Icmp(&'static str, &'static str),
    /// A reset in the server's name.
    Reset,
    /// A proxy on this router takes the connection.
    Redirect,
    /// A proxy on the provider's router takes it.
    ProxyAtIsp,
    /// A router hands its own port on to a server behind it: see [`FORWARDED_TO`].
    ForwardedPort,
    /// Whatever carries data is dropped, in both directions: connections still come about.
    DropData,
    /// Whatever is larger than a bad tunnel lets through is dropped, in both directions: more than
    /// segments of 1000 bytes need, and less than a certificate with its chain.
    DropLarge,
    /// The first message of a TLS handshake is dropped.
    DropClientHello,
    /// Every third packet that opens a connection is lost.
    LoseThirdSyn,
    /// The machine sends no ICMP errors.
    NoIcmp,
    /// Whoever opens more connections than this in a while is not answered any more, on any port.
    BanAfter(u32),
}

impl Filter {
    /// The rules of one machine as a ruleset of its own, in the place of the one before.
    pub fn ruleset(filters: &[&Self]) -> String {
        let mut text = String::from("table inet lab\ndelete table inet lab\ntable inet lab {\n");
        for (at, filter) in filters.iter().enumerate() {
            let (hook, kind, priority) = match (filter.hook, filter.what) {
                (Hook::Prerouting, What::Redirect | What::ProxyAtIsp | What::ForwardedPort) => {
                    ("prerouting", "nat", "dstnat")
                }
                (Hook::Output, What::Redirect) => ("output", "nat", "-100"),
                (Hook::Prerouting, _) => ("prerouting", "filter", "raw"),
                (Hook::Output, _) => ("output", "filter", "filter"),
                (Hook::Forward, _) => ("forward", "filter", "filter"),
                (Hook::Input, _) => ("input", "filter", "filter"),
            };
            write!(text, "chain c{at} {{\ntype {kind} hook {hook} priority {priority};\n")
                .expect("a string takes everything");
            for rule in filter.rules() {
                text.push_str(&rule);
                text.push('\n');
            }
            text.push_str("}\n");
        }
        text.push_str("}\n");
        text
    }

    /// The ruleset that filters nothing any more.
    pub fn nothing() -> &'static str {
        "table inet lab\ndelete table inet lab\n"
    }

    fn rules(&self) -> Vec<String> {
        let families = [("ipv4", "ip", 0), ("ipv6", "ip6", 1)];
        let mine = families.into_iter().filter(|(_, _, at)| match self.family {
            Family::V4 => *at == 0,
            Family::V6 => *at == 1,
            Family::Both => true,
        });
        mine.flat_map(|(family, ip, at)| {
            let to = match self.to {
                Some(node) => format!(" {ip} daddr {}", node.addresses()[at]),
                None => String::new(),
            };
            let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
            let ports = format!("{{ {} }}", ports.join(", "));
            let tcp =
                if self.ports.is_empty() { String::new() } else { format!(" tcp dport {ports}") };
            let which = format!("meta nfproto {family}{to}{tcp}");
            let lead_to = |node: Node, port: u16| match node.addresses()[at] {
                IpAddr::V4(address) => format!("dnat ip to {address}:{port}"),
                IpAddr::V6(address) => format!("dnat ip6 to [{address}]:{port}"),
            };
            let from_there = format!("meta nfproto {family} tcp sport {ports}");
            match self.what {
                What::Drop => vec![format!("{which} drop")],
                What::Icmp(v4, v6) => {
                    let (icmp, code) = if at == 0 { ("icmp", v4) } else { ("icmpv6", v6) };
                    vec![format!("{which} reject with {icmp} type {code}")]
                }
                What::Reset => vec![format!("{which} reject with tcp reset")],
                What::Redirect => vec![format!("{which} redirect to :{PROXY_PORT}")],
                What::ProxyAtIsp => vec![format!("{which} {}", lead_to(Node::Isp, PROXY_PORT))],
                What::ForwardedPort => {
                    vec![format!("{which} {}", lead_to(FORWARDED_TO.0, FORWARDED_TO.1))]
                }
                What::DropData => [which, from_there]
                    .map(|packets| format!("{packets} tcp flags & psh == psh drop"))
                    .to_vec(),
                What::DropLarge => [which, from_there]
                    .map(|packets| format!("{packets} meta length > 1064 drop"))
                    .to_vec(),
                // A record of type handshake (RFC 8446 §5.1), right behind the TCP header.
                What::DropClientHello => vec![format!("{which} @ih,0,16 0x1603 drop")],
                What::LoseThirdSyn => {
                    vec![format!("{which} tcp flags syn / syn,ack numgen inc mod 3 == 0 drop")]
                }
                What::BanAfter(connections) => vec![format!(
                    "meta nfproto {family} tcp flags syn / syn,ack limit rate over 1/hour burst \
                     {connections} packets drop"
                )],
                What::NoIcmp if at == 0 => {
                    vec!["icmp type { destination-unreachable, time-exceeded } drop".to_owned()]
                }
                What::NoIcmp => {
                    vec!["icmpv6 type { destination-unreachable, time-exceeded } drop".to_owned()]
                }
            }
        })
        .collect()
    }
}
