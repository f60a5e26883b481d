use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::reach::Reach;

declare_check! {
    /// ## What it checks
    ///
    /// That something listens on a required port. The connection was refused with a reset, which is
    /// how a machine says that no program has the port open.
    ///
    /// ## Why it matters
    ///
    /// The machine is up and packets reach it, but its mail service is not there: stopped, crashed,
    /// listening on loopback only, or never configured for this port. Mail waits and is given back
    /// in the end.
    ///
    /// ## How to fix it
    ///
    /// On the server, see what listens (`ss -ltnp`) and start or repair the mail service, on this
    /// port and on the address that is dialled. Check the router's port forwarding if there is one.
    ///
    /// ## When it may be wrong
    ///
    /// A firewall can send the same reset in the server's name. Right in front of the server the
    /// two cannot be told apart from here. On a port that nobody promised, being closed is no
    /// problem and is not reported.
    ///
    /// ## References
    ///
    /// RFC 9293 §3.5.2
    pub static PORT_CLOSED = {
        code: "port-closed",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the server refuses the connection on a required port",
        settings: &[
            (
                "postfix",
                "in master.cf, 25 is the line `smtp`, 587 `submission` and 465 `submissions` (older: \
                 `smtps`); `inet_interfaces` has to include the address.",
            ),
            ("exim", "`daemon_smtp_ports` has the ports, `local_interfaces` the addresses."),
            ("sendmail", "`DAEMON_OPTIONS` has the ports and the addresses (`Addr=`)."),
            ("opensmtpd", "each `listen on` in smtpd.conf has an interface and a `port`."),
            ("exchange", "`Bindings` of the receive connectors have the ports and the addresses."),
            ("haraka", "`listen` in config/smtp.ini has the addresses with their ports."),
            ("stalwart", "`bind` of each listener has an address with its port."),
            ("mox", "`Port` and `Enabled` in the listener's `SMTP`, `Submission` and `Submissions`."),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    match facts.reach {
        Reach::NotDialled => Outcome::CannotTell("it was not dialled"),
        Reach::Closed(found) => Outcome::found(found.clone()),
        Reach::Blocked { .. } => Outcome::CannotTell("what stops it hides the server"),
        Reach::Connected | Reach::Swallowed { .. } => Outcome::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::check::Found;
    use crate::diagnosis::checks::reach::test_block;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn a_refusal_is_told_and_a_block_is_no_refusal() {
        let refusal = Found { message: "refused".to_owned(), ..Found::default() };
        let own = talk(25).outcome_of(&PORT_CLOSED, &Reach::Closed(refusal.clone()));
        assert_eq!(own, Outcome::found(refusal));
        let blocked = talk(25).outcome_of(&PORT_CLOSED, &test_block("outbound-port-blocked"));
        assert!(matches!(blocked, Outcome::CannotTell(_)));
    }
}
