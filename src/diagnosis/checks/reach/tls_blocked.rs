use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether something on the way cuts TLS. The dialogue works, the connection dies at the
    /// handshake, and it does so at every other server of this run that got as far, on any port;
    /// one of them has nothing to do with this one.
    ///
    /// ## Why it matters
    ///
    /// Mail and passwords could only go out in the clear, and mail programs that insist on TLS
    /// cannot send at all. Nothing is wrong with the servers.
    ///
    /// ## How to fix it
    ///
    /// Look at the mail inspection of firewalls and of security software on this machine, and show
    /// the evidence to whoever runs this network. Until then send from another network.
    ///
    /// ## When it may be wrong
    ///
    /// A path that loses large packets looks alike; that is tried with small segments first and
    /// told as `path-mtu-blackhole`. A few servers that are all broken in the same way on the same
    /// day would look alike, too.
    ///
    /// ## References
    ///
    /// RFC 3207 §6, RFC 8314 §3
    pub static TLS_BLOCKED = {
        code: "tls-blocked",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "every TLS handshake from here dies, whatever the server",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, TLS_BLOCKED.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn only_its_own_block_is_told() {
        let own = talk(25).outcome_of(&TLS_BLOCKED, &test_block("tls-blocked"));
        assert!(matches!(own, Outcome::Found(_)));
        let other = talk(25).outcome_of(&TLS_BLOCKED, &test_block("path-mtu-blackhole"));
        assert!(matches!(other, Outcome::NotApplicable(_)));
        assert_eq!(talk(25).outcome(&TLS_BLOCKED), Outcome::Pass);
    }
}
