use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// Whether something in between answers in the server's place: a transparent proxy of a
    /// hotspot, a firewall or a provider, a mail scanner, or a rule of this machine that redirects
    /// outgoing mail. It takes two signs, such as a connection that is answered from nearer than
    /// the server and unrelated servers that greet as one and the same host.
    ///
    /// ## Why it matters
    ///
    /// What is talked to is not the mail server. Mail may be read, changed, held back or rejected on
    /// its way, STARTTLS is often missing, and everything else that this port seems to show is about
    /// the proxy.
    ///
    /// ## How to fix it
    ///
    /// Show the evidence to whoever runs this network or this machine. Port 465 with a trusted
    /// certificate cannot be answered by a proxy unnoticed; another network or a VPN avoids it.
    /// On this machine, look for a mail scanner and for rules that redirect outgoing connections
    /// (`nft list ruleset`; on cPanel servers: SMTP Restrictions).
    ///
    /// ## When it may be wrong
    ///
    /// A proxy or load balancer in front of the server itself also answers from nearer than other
    /// ports do. That alone is never reported; it would take an unrelated server that does the
    /// same.
    ///
    /// ## References
    ///
    /// RFC 5321 §2.3.10, RFC 8314 §3
    pub static CONNECTION_INTERCEPTED = {
        code: "connection-intercepted",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "something in between answers in the server's place",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, CONNECTION_INTERCEPTED.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn only_its_own_block_is_told() {
        let own =
            talk(25).outcome_of(&CONNECTION_INTERCEPTED, &test_block("connection-intercepted"));
        assert!(matches!(own, Outcome::Found(_)));
        let other = talk(25).outcome_of(&CONNECTION_INTERCEPTED, &test_block("port-silent"));
        assert!(matches!(other, Outcome::NotApplicable(_)));
        assert_eq!(talk(25).outcome(&CONNECTION_INTERCEPTED), Outcome::Pass);
    }
}
