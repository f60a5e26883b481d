use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether a router, or this machine's own routing table, reports that the server's address or
    /// its network cannot be reached.
    ///
    /// ## Why it matters
    ///
    /// That is a fault of routing and no filter: the machine is off, its network is gone, or this
    /// machine has no way there. Every port of that address is affected.
    ///
    /// ## How to fix it
    ///
    /// Check that the address is the right one and that the machine is up. If the report comes from
    /// a router near the server, its operator has to look; if it comes from this machine or from
    /// your own router, look at your own routes, VPN and IPv6 settings.
    ///
    /// ## When it may be wrong
    ///
    /// Some firewalls answer "host unreachable" to hide that they filter. Routes may be gone for
    /// minutes only, so try again before changing anything.
    ///
    /// ## References
    ///
    /// RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1
    pub static HOST_UNREACHABLE = {
        code: "host-unreachable",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "a router reports that the host cannot be reached",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, HOST_UNREACHABLE.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn only_its_own_block_is_told() {
        let own = talk(465).outcome_of(&HOST_UNREACHABLE, &test_block("host-unreachable"));
        assert!(matches!(own, Outcome::Found(_)));
        let other = talk(465).outcome_of(&HOST_UNREACHABLE, &test_block("port-silent"));
        assert!(matches!(other, Outcome::NotApplicable(_)));
    }
}
