//! What is told of a block: the finding's message and remedy. The evidence for it is put into words
//! in [`proof`](super::proof).
//!
//! Knows how to say what a [`Case`] shows, and never more than that: a stop lies "at or just after"
//! a hop. Must not decide anything: [`table`](super::table) has done that.

use super::evidence::Case;
use super::icmp;
use super::proof;
use super::signs::{Broken, Event, Place, Sender};
use super::spot::Spot;
use crate::diagnosis::check::Found;
use crate::diagnosis::finding::{Block, BlockedBy, BlockedHow};
use crate::diagnosis::words::list;
use crate::observation::ConnectOutcome;
use crate::path::compare::Heard;

/// More servers than this in one sentence help nobody.
const NAMED: usize = 3;

/// The finding's words.
pub fn found(case: &Case<'_>, code: &str, block: &Block) -> Found {
    let (message, fix) = match (code, block.by) {
        ("host-unreachable", _) => unreachable(case),
        ("path-mtu-blackhole", by) => large_packets(case, by),
        ("tls-blocked", _) => (
            "TLS is cut off on the way: no handshake from here is finished".to_owned(),
            "Something on this side lets mail in plaintext pass and cuts TLS: a firewall, an \
             antivirus program or a provider's filter. Show this evidence to whoever runs this \
             network, and send from another one until then: passwords must not go out without TLS."
                .to_owned(),
        ),
        ("connection-intercepted", BlockedBy::ThisHost) => (
            format!("something on this machine answers port {} in the servers' place", case.spot.port),
            "Look for a mail scanner or security software, and for rules that redirect outgoing \
             connections (nft list ruleset, iptables -t nat -S OUTPUT); hosting panels redirect \
             mail ports to the machine's own server (cPanel: SMTP Restrictions)."
                .to_owned(),
        ),
        ("connection-intercepted", _) => (
            format!("something on this side answers port {} in the servers' place", case.spot.port),
            "A firewall, a hotspot or a provider redirects mail connections to a proxy of its own. \
             Show this evidence to whoever runs this network. Until then use implicit TLS (port \
             465), which a proxy cannot answer unnoticed, or another network."
                .to_owned(),
        ),
        (_, BlockedBy::ThisHost) => this_machine(case, block),
        (_, BlockedBy::YourNetwork) => (
            format!("port {} does not leave your network", case.spot.port),
            "Nothing is wrong with the mail server. Show the evidence to whoever runs this \
             network: the router's own settings first (many have a mail filter), then the Internet \
             or cloud provider."
                .to_owned(),
        ),
        (_, BlockedBy::Transit) => (
            format!(
                "{} does not get through: it is stopped in transit, beyond your network{}",
                case.spot.label(),
                at_hop(block)
            ),
            "Neither this network nor the server's is to blame, as far as can be seen. Give the \
             evidence to the server's operator and to your provider; either can ask the network in \
             between."
                .to_owned(),
        ),
        (_, BlockedBy::TheirNetwork) => their_network(case, block),
        (_, BlockedBy::Unknown) => unknown(case),
    };
    Found { message, fix, evidence: block.evidence.clone(), reference: reference(case) }
}

fn this_machine(case: &Case<'_>, block: &Block) -> (String, String) {
    let port = case.spot.port;
    match (&case.spot.seen.connect.outcome, block.how) {
        (ConnectOutcome::DeniedLocally { error }, _) => (
            format!("this machine does not allow connections to port {port}: {error}"),
            "A policy of this machine refuses the call: look for a prohibiting route (ip route \
             get), SELinux or AppArmor denials, a sandbox of the program that runs this, or \
             security software."
                .to_owned(),
        ),
        (_, how) => {
            let (message, otherwise) = match how {
                BlockedHow::Silence => (
                    format!("a firewall on this machine swallows connections to port {port}"),
                    " If those for outgoing packets let it out, the first router is the next to look at.",
                ),
                _ => (format!("a firewall on this machine rejects connections to port {port}"), ""),
            };
            let fix = "Look at this machine's rules for outgoing packets (nft list ruleset, iptables -S, \
                       ufw status, firewall-cmd --list-all), and where the server is this machine itself at \
                       those for incoming ones, and allow the port.";
            (message, format!("{fix}{otherwise}"))
        }
    }
}

fn their_network(case: &Case<'_>, block: &Block) -> (String, String) {
    let label = case.spot.label();
    let message = match (case.signs.event, case.icmp) {
        (Event::Refused(Sender::Target), Some(icmp)) => {
            format!("{label} refuses the connection: {}", icmp::words(icmp))
        }
        (Event::Refused(_), Some(icmp)) => format!(
            "the router in front of {label} refuses the connection: {}{}",
            icmp::words(icmp),
            at_hop(block)
        ),
        _ if case.signs.place == Place::Unknown => {
            format!("{label} does not answer, while another port of the same address does")
        }
        _ => format!("{label} does not answer: packets get as far as the server's own network"),
    };
    let fix = "Only the server's operator can mend this: open the port in its firewall, in the \
               cloud's security group or on the router that forwards it, and see that the mail \
               server is up. The server may also have banned this address (fail2ban and the like). \
               Where the name points to a web proxy (CDN), give mail a name of its own: those \
               carry no mail.";
    (message, fix.to_owned())
}

fn unknown(case: &Case<'_>) -> (String, String) {
    let label = case.spot.label();
    if let (Event::Refused(_), Some(icmp)) = (case.signs.event, case.icmp) {
        return (
            format!(
                "a router at {} refuses connections to {label}: {}",
                icmp.from,
                icmp::words(icmp)
            ),
            "Find out whose router that is: if it is in your own network or your provider's, ask \
             there for the port to be allowed; otherwise ask the server's operator."
                .to_owned(),
        );
    }
    let fix = match (case.signs.passing, case.signs.host_answers) {
        _ if case.signs.answered_once => {
            "The port answers sometimes, so no firewall blocks it outright: packets are lost, the \
             way is slow, or a limit on connections lets some pass. Try again, with a longer \
             --connect-timeout where that was shortened."
        }
        // The port works elsewhere, so it is not this side's rule for the port.
        (1.., false) => {
            "This network lets the port out, and no port of this host answers: it is down, or \
             something on the way keeps this address out (a ban list, a firewall). Ask its \
             operator, or try from another network."
        }
        (1.., true) => {
            "This network lets the port out elsewhere, so the server's side is the place to look \
             first. Run the same check from another network: if it works there, this address may \
             be banned."
        }
        (0, _) => {
            "Packets vanish somewhere between this machine and the server. Run the same check from \
             another network: if it works there, a firewall, ISP or cloud provider on this side \
             blocks the port; if not, the server or its firewall is at fault."
        }
    };
    (format!("{label} does not answer"), fix.to_owned())
}

fn unreachable(case: &Case<'_>) -> (String, String) {
    let label = case.spot.label();
    match (case.signs.event, case.icmp) {
        (Event::Unreachable { own: true }, _) => (
            format!("{label} cannot be reached: the next hop does not answer"),
            "The server, where it is in this machine's own network, or else this machine's gateway \
             is down or has another address. Check cables, Wi-Fi and the routing table."
                .to_owned(),
        ),
        (_, Some(icmp)) => (
            format!("{label} cannot be reached, says the router {}: {}", icmp.from, icmp::words(icmp)),
            "The server is down, its address is wrong, or routing to it is broken. Check that the \
             address records are right; its operator can tell whether the server is up."
                .to_owned(),
        ),
        _ => (
            format!("{label} cannot be reached: this machine has no route to it"),
            "Check this machine's network connection and its routing table (ip route get)."
                .to_owned(),
        ),
    }
}

fn large_packets(case: &Case<'_>, by: BlockedBy) -> (String, String) {
    let whose = match by {
        BlockedBy::YourNetwork => "this network's way out loses large packets",
        _ => "the way to it loses large packets",
    };
    (
        format!("{} cannot finish a TLS handshake: {whose}", case.spot.label()),
        "Something on the way drops packets above its size and the ICMP message that would say so. \
         Clamp the MSS on routers with tunnels, VPNs or PPPoE (nft: tcp option maxseg size set rt \
         mtu), and let ICMP \"fragmentation needed\" and ICMPv6 \"packet too big\" pass firewalls."
            .to_owned(),
    )
}

/// A refusal with a reset: nothing listens there, or so it looks.
pub fn closed(case: &Case<'_>) -> Found {
    let label = case.spot.label();
    Found {
        message: format!("{label} refuses the connection"),
        fix: "Mostly nothing listens there: start the mail server, or have it listen on this port \
              and this address; if it is not to, take it out of the DNS records that name it. A \
              firewall that answers with resets, on either side, looks the same: if every server \
              refuses this port from here, it is on yours."
            .to_owned(),
        evidence: proof::of_refusal(case),
        reference: "RFC 9293 §3.10.7.1",
    }
}

fn reference(case: &Case<'_>) -> &'static str {
    match case.icmp {
        Some(icmp) if icmp.from.is_ipv4() => "RFC 1812 §5.2.7.1",
        Some(_) => "RFC 4443 §3.1",
        None => match case.signs.event {
            Event::Connected(Broken::LargePackets) => "RFC 2923 §2.1",
            _ => "",
        },
    }
}

fn at_hop(block: &Block) -> String {
    match (block.hop, block.hop_address, block.how) {
        (Some(ttl), Some(address), BlockedHow::Icmp) => {
            format!(", by {}", hop_words((ttl, address)))
        }
        (Some(ttl), Some(address), _) => {
            format!(", at or just after {}", hop_words((ttl, address)))
        }
        _ => String::new(),
    }
}

/// The servers of these spots, each once.
pub fn servers(spots: &[Spot<'_>]) -> String {
    let mut names: Vec<String> = Vec::new();
    for spot in spots {
        let name = spot.server();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len() {
        0..=NAMED => list(&names),
        more => format!("{} and {} more", names[..NAMED].join(", "), more - NAMED),
    }
}

/// A hop as it is named in a sentence.
pub fn hop_words((ttl, address): Heard) -> String {
    format!("hop {ttl} ({address})")
}
