use super::blocked;
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That a required port answers at all. Here nothing came back, no connection, no reset and no
    /// ICMP message, and the evidence does not say who is to blame.
    ///
    /// ## Why it matters
    ///
    /// Silence is what a firewall makes that drops packets, on this side or on the other; a server
    /// that is down does it too. Mail that is to be delivered there from here waits until it is
    /// given back.
    ///
    /// ## How to fix it
    ///
    /// Try from another network, for instance from a phone's hotspot. If the port answers there,
    /// your provider or your firewall blocks it: use 465 or 587 for sending, or ask the provider to
    /// open port 25. If it is silent there too, the server or the firewall in front of it is the
    /// place to look.
    ///
    /// ## When it may be wrong
    ///
    /// When packets were lost by chance; several were sent, so that is rare. When the server bans
    /// this client's address, it is silent for this client only.
    ///
    /// ## References
    ///
    /// RFC 9293 §3.8.3, RFC 5321 §4.5.4.1
    pub static PORT_SILENT = {
        code: "port-silent",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "nothing answers, and the evidence does not say why",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    blocked(facts, PORT_SILENT.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn only_its_own_block_is_told() {
        let own = talk(25).outcome_of(&PORT_SILENT, &test_block("port-silent"));
        assert!(matches!(own, Outcome::Found(_)));
        assert_eq!(talk(25).silent().outcome(&PORT_SILENT), Outcome::Pass);
    }
}
