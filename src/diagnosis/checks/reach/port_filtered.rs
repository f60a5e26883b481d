use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the port does not get through although it leaves this side: the evidence points at a
    /// network in between or at the firewall in front of the server.
    ///
    /// ## Why it matters
    ///
    /// Mail to this address of the server waits and is given back in the end, for everybody whom
    /// that firewall keeps out. Other servers answer on the same port, so your own network lets it
    /// pass.
    ///
    /// ## How to fix it
    ///
    /// The operator of the server opens the port in the firewall, in the cloud's security group or
    /// on the router that forwards it, for IPv4 and IPv6. Check too that the name does not point to
    /// a web proxy (CDN), which carries only web traffic.
    ///
    /// ## When it may be wrong
    ///
    /// A server whose ban list has just this client's address looks the same from here. So does a
    /// server that is down while something else answers in its place. A run from another network
    /// tells.
    ///
    /// ## References
    ///
    /// RFC 5321 §4.5.4.1, RFC 2979
    pub static PORT_FILTERED = {
        code: "port-filtered",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the port does not get through in transit or at their network",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, PORT_FILTERED.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn only_its_own_block_is_told() {
        let own = talk(25).outcome_of(&PORT_FILTERED, &test_block("port-filtered"));
        assert!(matches!(own, Outcome::Found(_)));
        let other = talk(25).outcome_of(&PORT_FILTERED, &test_block("port-silent"));
        assert!(matches!(other, Outcome::NotApplicable(_)));
    }
}
