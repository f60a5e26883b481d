use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether large packets vanish on the way. A TLS handshake stalled, and on a second connection
    /// that was limited to small segments it was finished.
    ///
    /// ## Why it matters
    ///
    /// Small packets get through, so the port looks open, the greeting comes and then everything
    /// stops: at the certificate, or in the middle of a message. Mail with attachments is tried
    /// again and again until it is given back.
    ///
    /// ## How to fix it
    ///
    /// Clamp the MSS where the path gets narrower: on VPN, tunnel and PPPoE routers (nftables: `tcp
    /// option maxseg size set rt mtu`; iptables: `TCPMSS --clamp-mss-to-pmtu`). Let ICMP
    /// "fragmentation needed" (type 3, code 4) and ICMPv6 "packet too big" (type 2) pass every
    /// firewall: without them nobody learns the size.
    ///
    /// ## When it may be wrong
    ///
    /// A path that loses packets by chance can stall one handshake and let the next one pass. Run
    /// the check again: a black hole is there every time.
    ///
    /// ## References
    ///
    /// RFC 2923 §2.1, RFC 4821, RFC 8899
    pub static PATH_MTU_BLACKHOLE = {
        code: "path-mtu-blackhole",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "large packets vanish: the handshake succeeds with small segments",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, PATH_MTU_BLACKHOLE.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn only_its_own_block_is_told() {
        let own = talk(25).outcome_of(&PATH_MTU_BLACKHOLE, &test_block("path-mtu-blackhole"));
        assert!(matches!(own, Outcome::Found(_)));
        let other = talk(25).outcome_of(&PATH_MTU_BLACKHOLE, &test_block("tls-blocked"));
        assert!(matches!(other, Outcome::NotApplicable(_)));
        assert_eq!(talk(25).outcome(&PATH_MTU_BLACKHOLE), Outcome::Pass);
    }
}
