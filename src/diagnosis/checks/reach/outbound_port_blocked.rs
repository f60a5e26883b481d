use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether this computer, its network, its Internet provider or its cloud provider stops the
    /// port before a packet is on its way to the server. It needs evidence: the kernel's own
    /// refusal, an ICMP message from this side, or packets that stop on this side while the same
    /// port answers nowhere.
    ///
    /// ## Why it matters
    ///
    /// Nothing is wrong with the mail server, and no change there will help. Providers of homes and
    /// of cloud machines block outgoing port 25 to stop spam; 465 and 587 are meant to stay open.
    ///
    /// ## How to fix it
    ///
    /// To send mail, use the submission server on port 465 or 587. To run a mail server, ask the
    /// provider to open outgoing port 25, or relay through one of its servers. If this computer is
    /// the culprit, look through its firewall's rules for outgoing traffic (nft, iptables, ufw,
    /// firewalld) and its security software.
    ///
    /// ## When it may be wrong
    ///
    /// The finding says how sure it is and shows each piece of evidence. A server that ignores this
    /// client's address everywhere, or a short loss of packets, can look alike where there is
    /// little evidence. A phone's hotspot is a quick second opinion.
    ///
    /// ## References
    ///
    /// RFC 5068 §4.1, RFC 6409 §3.1
    pub static OUTBOUND_PORT_BLOCKED = {
        code: "outbound-port-blocked",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "this host or its network blocks the port",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, OUTBOUND_PORT_BLOCKED.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;
    use crate::diagnosis::reach::Reach;

    #[test]
    fn only_its_own_block_is_told() {
        let talk = talk(25);
        let own = talk.outcome_of(&OUTBOUND_PORT_BLOCKED, &test_block("outbound-port-blocked"));
        assert!(matches!(own, Outcome::Found(found) if found[0].message.contains("words of")));
        let other = talk.outcome_of(&OUTBOUND_PORT_BLOCKED, &test_block("port-filtered"));
        assert!(matches!(other, Outcome::NotApplicable(_)));
        assert_eq!(talk.outcome(&OUTBOUND_PORT_BLOCKED), Outcome::Pass);
        let not_dialled = talk.outcome_of(&OUTBOUND_PORT_BLOCKED, &Reach::NotDialled);
        assert!(matches!(not_dialled, Outcome::CannotTell(_)));
    }
}
