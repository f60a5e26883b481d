//! Who stops a port: the decision table.
//!
//! Knows what a connection attempt showed. It claims no culprit without evidence: what no row
//! explains is [`BlockedBy::Unknown`].

use std::net::IpAddr;

use super::check::Found;
use super::finding::{Block, BlockedBy, BlockedHow, Confidence};
use super::reach::Reach;
use crate::observation::{
    ConnectOutcome, Conversation, EndpointObservation, IcmpMessage, Millis, Probe,
};

/// What an ICMP error means, whatever the family (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IcmpMeaning {
    /// There is no way to the host or to its network.
    Unreachable,
    /// A rule refuses the packet: prohibited by policy, or a port that pretends to be absent.
    Refused,
    /// The packet died on the way: a routing loop or too many hops.
    Exceeded,
}

/// No neighbour is given up sooner: Linux asks for it three times, a second apart.
const NEIGHBOUR: Millis = Millis(900.0);

/// Judges whether packets get to an endpoint, and who stops them if not.
pub fn judge(endpoint: &EndpointObservation) -> Reach {
    let conversation = match &endpoint.probe {
        Probe::Skipped(_) => return Reach::NotDialled,
        Probe::Dialled(conversation) => conversation,
    };
    match &conversation.connect.outcome {
        ConnectOutcome::Connected => Reach::Connected,
        ConnectOutcome::Refused => Reach::Closed(refused(endpoint)),
        ConnectOutcome::TimedOut => silent(endpoint, conversation),
        ConnectOutcome::IcmpUnreachable(icmp) => rejected(endpoint, conversation, *icmp),
        ConnectOutcome::NoRoute => no_route(endpoint),
        ConnectOutcome::DeniedLocally { error } => denied(endpoint, error),
    }
}

fn refused(endpoint: &EndpointObservation) -> Found {
    let label = endpoint.label();
    Found {
        message: format!("{label} refuses the connection"),
        fix: "Mostly nothing listens there: start the mail server, or have it listen on this port \
              and this address; if it is not to, take it out of the DNS records that name it. A \
              firewall that answers with resets, on either side, looks the same: if every server \
              refuses this port from here, it is on yours."
            .to_owned(),
        evidence: vec![format!("A connection to {label} was answered with a reset.")],
        reference: "RFC 9293 §3.10.7.1",
    }
}

fn silent(endpoint: &EndpointObservation, conversation: &Conversation) -> Reach {
    let label = endpoint.label();
    let seconds = conversation.connect.elapsed.as_secs();
    let evidence =
        vec![format!("Nothing at all came back from {label} within {seconds:.1} seconds.")];
    blocked(
        "port-silent",
        Block {
            by: BlockedBy::Unknown,
            how: BlockedHow::Silence,
            confidence: Confidence::Guess,
            hop: None,
            hop_address: None,
            evidence: evidence.clone(),
        },
        Found {
            message: format!("{label} does not answer"),
            fix:
                "Packets vanish somewhere between this machine and the server. Run the same check \
                  from another network: if it works there, a firewall, ISP or cloud provider on \
                  this side blocks the port; if not, the server or its firewall is at fault."
                    .to_owned(),
            evidence,
            reference: "",
        },
    )
}

fn rejected(
    endpoint: &EndpointObservation,
    conversation: &Conversation,
    icmp: IcmpMessage,
) -> Reach {
    let label = endpoint.label();
    let from = icmp.from;
    let (meaning, words) = meaning(icmp);
    let own = conversation.connect.local.is_some_and(|local| local.ip() == from);
    // The kernel gives a neighbour that does not answer about three seconds before it reports it
    // in its own name; what it says at once is a rule.
    let meaning = match own && conversation.connect.elapsed < NEIGHBOUR {
        true => IcmpMeaning::Refused,
        false => meaning,
    };
    let evidence = vec![format!(
        "{} answered a connection to {label} with ICMP \"{words}\" (type {}, code {}).",
        if own { "This machine itself".to_owned() } else { from.to_string() },
        icmp.kind,
        icmp.code,
    )];
    let block = |by, confidence| Block {
        by,
        how: BlockedHow::Icmp,
        confidence,
        hop: None,
        hop_address: Some(from),
        evidence: evidence.clone(),
    };
    let found = |message: String, fix: &str| Found {
        message,
        fix: fix.to_owned(),
        evidence: evidence.clone(),
        reference: if from.is_ipv4() { "RFC 1812 §5.2.7.1" } else { "RFC 4443 §3.1" },
    };
    match meaning {
        IcmpMeaning::Unreachable if own => blocked(
            "host-unreachable",
            block(BlockedBy::Unknown, Confidence::Guess),
            found(
                format!("{label} cannot be reached: the next hop does not answer"),
                "The server, where it is in this machine's own network, or else this machine's \
                 gateway is down or has another address. Check cables, Wi-Fi and the routing table.",
            ),
        ),
        IcmpMeaning::Unreachable | IcmpMeaning::Exceeded => blocked(
            "host-unreachable",
            block(BlockedBy::Unknown, Confidence::Guess),
            found(
                format!("{label} cannot be reached, says the router {from}: {words}"),
                "The server is down, its address is wrong, or routing to it is broken. Check that \
                 the address records are right; its operator can tell whether the server is up.",
            ),
        ),
        // Only the kernel sends with this machine's own address, so nobody else can be meant.
        IcmpMeaning::Refused if own => blocked(
            "outbound-port-blocked",
            block(BlockedBy::ThisHost, Confidence::Certain),
            found(
                format!("a firewall on this machine rejects connections to port {}", endpoint.port),
                "Look at this machine's rules for outgoing packets (nft list ruleset, iptables -S, \
                 ufw status, firewall-cmd --list-all), and where the server is this machine itself \
                 at those for incoming ones, and allow the port.",
            ),
        ),
        IcmpMeaning::Refused if from == endpoint.address => blocked(
            "port-filtered",
            block(BlockedBy::TheirNetwork, Confidence::Guess),
            found(
                format!("{label} refuses the connection: {words}"),
                "A firewall at the server's address refuses the port, for everybody or for this \
                 address. Only its operator can allow it.",
            ),
        ),
        IcmpMeaning::Refused => blocked(
            "port-silent",
            block(BlockedBy::Unknown, Confidence::Guess),
            found(
                format!("a router at {from} refuses connections to {label}: {words}"),
                "Find out whose router that is: if it is in your own network or your provider's, \
                 ask there for the port to be allowed; otherwise ask the server's operator.",
            ),
        ),
    }
}

fn no_route(endpoint: &EndpointObservation) -> Reach {
    let label = endpoint.label();
    let evidence =
        vec![format!("This machine's routing table has no way to {}.", endpoint.address)];
    local(
        "host-unreachable",
        Found {
            message: format!("{label} cannot be reached: this machine has no route to it"),
            fix: "Check this machine's network connection and its routing table (ip route get)."
                .to_owned(),
            evidence,
            reference: "",
        },
    )
}

fn denied(endpoint: &EndpointObservation, error: &str) -> Reach {
    let port = endpoint.port;
    let evidence = vec![format!(
        "The kernel of this machine refused a connection to {}: {error}.",
        endpoint.label()
    )];
    local(
        "outbound-port-blocked",
        Found {
            message: format!("this machine does not allow connections to port {port}: {error}"),
            fix: "A policy of this machine refuses the call: look for a prohibiting route (ip \
                  route get), SELinux or AppArmor denials, a sandbox of the program that runs \
                  this, or security software."
                .to_owned(),
            evidence,
            reference: "",
        },
    )
}

/// What this machine's kernel itself refuses, without sending a packet.
fn local(code: &'static str, found: Found) -> Reach {
    let block = Block {
        by: BlockedBy::ThisHost,
        how: BlockedHow::Denied,
        confidence: Confidence::Certain,
        hop: None,
        hop_address: None,
        evidence: found.evidence.clone(),
    };
    blocked(code, block, found)
}

fn blocked(code: &'static str, block: Block, found: Found) -> Reach {
    Reach::Blocked { code, block, found }
}

/// An ICMP message's meaning in words, as the RFCs have it.
pub fn icmp_words(icmp: IcmpMessage) -> &'static str {
    meaning(icmp).1
}

fn meaning(icmp: IcmpMessage) -> (IcmpMeaning, &'static str) {
    use IcmpMeaning::{Exceeded, Refused, Unreachable};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Host;
    use crate::observation::{Connect, Skip};
    use crate::port::{Mode, Requirement, Role};

    const OWN: &str = "198.51.100.9";
    const SERVER: &str = "192.0.2.25";
    const ROUTER: &str = "203.0.113.1";

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn endpoint(address: &str, probe: Probe) -> EndpointObservation {
        EndpointObservation {
            role: Role::Mx,
            host: Host::parse("mx.example.test").expect("a host"),
            preference: Some(10),
            address: ip(address),
            port: 25,
            mode: Mode::Starttls,
            requirement: Requirement::Required,
            probe,
        }
    }

    fn judged(outcome: ConnectOutcome) -> Reach {
        judged_at(SERVER, OWN, outcome)
    }

    fn judged_at(server: &str, own: &str, outcome: ConnectOutcome) -> Reach {
        let local = Some((ip(own), 0).into());
        let connect = Connect { outcome, elapsed: Millis(8000.0), local, dialled: None };
        let conversation = Conversation { connect, ..Conversation::default() };
        judge(&endpoint(server, Probe::Dialled(Box::new(conversation))))
    }

    fn icmp(kind: u8, code: u8, from: &str) -> ConnectOutcome {
        ConnectOutcome::IcmpUnreachable(IcmpMessage { kind, code, from: ip(from) })
    }

    #[test]
    fn what_was_not_dialled_or_connected_stops_nowhere() {
        assert_eq!(judge(&endpoint(SERVER, Probe::Skipped(Skip::NoIpv6Here))), Reach::NotDialled);
        assert_eq!(judged(ConnectOutcome::Connected), Reach::Connected);
        assert!(matches!(judged(ConnectOutcome::Refused), Reach::Closed(_)));
    }

    /// The decision table: outcome → code, culprit, means, confidence.
    #[test]
    fn every_row_of_the_table() {
        use BlockedBy::{TheirNetwork, ThisHost, Unknown};
        use BlockedHow::{Denied, Icmp, Silence};
        use Confidence::{Certain, Guess};
        let denied = ConnectOutcome::DeniedLocally { error: "Permission denied".to_owned() };
        for (outcome, expected) in [
            (ConnectOutcome::TimedOut, ("port-silent", Unknown, Silence, Guess)),
            (ConnectOutcome::NoRoute, ("host-unreachable", ThisHost, Denied, Certain)),
            (denied, ("outbound-port-blocked", ThisHost, Denied, Certain)),
            // Only the kernel sends with our own address: a local firewall …
            (icmp(3, 3, OWN), ("outbound-port-blocked", ThisHost, Icmp, Certain)),
            (icmp(3, 13, OWN), ("outbound-port-blocked", ThisHost, Icmp, Certain)),
            // … but "host unreachable" from it is a neighbour that does not answer.
            (icmp(3, 1, OWN), ("host-unreachable", Unknown, Icmp, Guess)),
            (icmp(3, 0, ROUTER), ("host-unreachable", Unknown, Icmp, Guess)),
            (icmp(3, 1, ROUTER), ("host-unreachable", Unknown, Icmp, Guess)),
            (icmp(11, 0, ROUTER), ("host-unreachable", Unknown, Icmp, Guess)),
            (icmp(3, 3, SERVER), ("port-filtered", TheirNetwork, Icmp, Guess)),
            (icmp(3, 10, SERVER), ("port-filtered", TheirNetwork, Icmp, Guess)),
            // A router that refuses names itself, not the side that it is on.
            (icmp(3, 13, ROUTER), ("port-silent", Unknown, Icmp, Guess)),
            (icmp(3, 9, ROUTER), ("port-silent", Unknown, Icmp, Guess)),
        ] {
            let Reach::Blocked { code, block, found } = judged(outcome.clone()) else {
                panic!("{outcome:?} stops nothing");
            };
            assert_eq!((code, block.by, block.how, block.confidence), expected, "{outcome:?}");
            assert!(!block.evidence.is_empty() && !found.fix.is_empty(), "{outcome:?}");
        }
    }

    #[test]
    fn host_unreachable_from_this_machine_at_once_is_a_rule_and_no_neighbour() {
        let connect = Connect {
            outcome: icmp(3, 1, OWN),
            elapsed: Millis(0.2),
            local: Some((ip(OWN), 0).into()),
            dialled: None,
        };
        let conversation = Conversation { connect, ..Conversation::default() };
        let reach = judge(&endpoint(SERVER, Probe::Dialled(Box::new(conversation))));
        let Reach::Blocked { code, block, .. } = reach else { panic!("it stops nothing") };
        assert_eq!((code, block.by), ("outbound-port-blocked", BlockedBy::ThisHost));
    }

    #[test]
    fn icmpv6_means_the_same_by_other_numbers() {
        let (own, server, router) = ("2001:db8::9", "2001:db8::25", "2001:db8:1::1");
        for (kind, code, from, expected) in [
            (1, 0, router, "host-unreachable"),
            (1, 3, router, "host-unreachable"),
            (1, 1, router, "port-silent"),
            (1, 6, router, "port-silent"),
            (1, 4, server, "port-filtered"),
            (1, 1, own, "outbound-port-blocked"),
            (1, 3, own, "host-unreachable"),
            (3, 0, router, "host-unreachable"),
        ] {
            let Reach::Blocked { code: found, block, .. } =
                judged_at(server, own, icmp(kind, code, from))
            else {
                panic!("ICMPv6 {kind}/{code} stops nothing");
            };
            assert_eq!(found, expected, "ICMPv6 {kind}/{code} from {from}");
            assert_eq!(block.hop_address, Some(ip(from)), "the sender is the evidence");
        }
    }

    #[test]
    fn silence_accuses_nobody() {
        let Reach::Blocked { block, found, .. } = judged(ConnectOutcome::TimedOut) else {
            panic!("silence stops nothing");
        };
        assert_eq!((block.by, block.hop, block.hop_address), (BlockedBy::Unknown, None, None));
        assert_eq!(found.message, "mx.example.test[192.0.2.25]:25 does not answer");
    }
}
