use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

/// From here on a greeting counts as slow. Below it are servers that look the client's name up
/// before they speak; above it people and some mail programs give up.
const SLOW_SECONDS: f64 = 5.0;

declare_check! {
    /// ## What it checks
    ///
    /// That the first byte of the greeting comes within five seconds after the connection was made.
    ///
    /// ## Why it matters
    ///
    /// Servers wait patiently, for five minutes by the standard, but mail programs and web
    /// applications often give up after ten or thirty seconds. A slow greeting is also the first
    /// sign of an overloaded server.
    ///
    /// ## How to fix it
    ///
    /// The usual cause is a look-up that times out: reverse DNS of the client, an ident query, or a
    /// block list that no longer answers. Check the server's resolver and its list of block lists.
    /// Some servers delay on purpose to put off spammers.
    ///
    /// ## When it may be wrong
    ///
    /// The delay may be meant for this client alone, because its address has no reverse name or a
    /// bad reputation. Only the first byte counts, so a greeting that is held back after its first
    /// line (as postscreen does for six seconds) is not reported.
    ///
    /// ## References
    ///
    /// RFC 5321 §4.5.3.2.1
    pub static GREETING_SLOW = {
        code: "greeting-slow",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "the first byte of the greeting took more than 5 s",
        settings: &[
            (
                "postfix",
                "it looks the client's name up first (`smtpd_peername_lookup`): see that the \
                 server's own resolver answers fast.",
            ),
            (
                "exim",
                "see `host_lookup`, `rfc1413_query_timeout` (`0s` asks no ident) and a `delay` in \
                 `acl_smtp_connect`.",
            ),
            (
                "sendmail",
                "`confTO_IDENT` set to `0` asks no ident; the feature greet_pause waits on \
                 purpose.",
            ),
            (
                "haraka",
                "the plugin `early_talker` waits on purpose.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(seen) = facts.connected() else { return facts.unseen() };
    let Some(took) = seen.smtp.greeting_first_byte else {
        return Outcome::CannotTell("no greeting was read");
    };
    if took.as_secs() <= SLOW_SECONDS {
        return Outcome::Pass;
    }
    if seen.did_not_run.is_some() {
        return Outcome::CannotTell("this program did not run all the time");
    }
    let seconds = took.as_secs();
    Outcome::found(Found {
        message: format!("{} took {seconds:.1} s to begin its greeting", facts.endpoint.label()),
        fix:
            "On the server, look for a look-up that times out before the greeting: reverse DNS of \
              the client, ident, or a block list. If the delay is meant to put off spammers, keep \
              it on port 25 and under ten seconds."
                .to_owned(),
        evidence: vec![format!(
            "first byte after {seconds:.1} s, slow from {SLOW_SECONDS:.0} s on"
        )],
        reference: "RFC 5321 §4.5.3.2.1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;
    use crate::observation::Millis;

    #[test]
    fn only_the_first_byte_counts() {
        let slow = talk(25).edit(|c| c.smtp.greeting_first_byte = Some(Millis(5_001.0)));
        assert_eq!(slow.codes(), ["greeting-slow"]);
        let postscreen = talk(25).edit(|c| {
            c.smtp.greeting_first_byte = Some(Millis(5_000.0));
            c.timings.greeting = Some(Millis(11_000.0));
        });
        assert_eq!(postscreen.outcome(&GREETING_SLOW), Outcome::Pass);
        let stopped = slow.edit(|c| c.did_not_run = Some(Millis(5_000.0)));
        assert!(matches!(stopped.outcome(&GREETING_SLOW), Outcome::CannotTell(_)));
        assert!(matches!(talk(25).silent().outcome(&GREETING_SLOW), Outcome::CannotTell(_)));
    }
}
