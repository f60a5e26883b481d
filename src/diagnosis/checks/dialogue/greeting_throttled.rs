use super::greeting_seen;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::quote;
use crate::observation::{Phase, pushback};

declare_check! {
    /// ## What it checks
    ///
    /// Whether the server puts this client off: a 421 or another 4yz greeting, a 421 later in the
    /// conversation, or a 4yz that speaks of too many connections or sessions. One polite second try
    /// is made, alone and after the pause that the reply advises, unless that is longer than 30 s.
    ///
    /// ## Why it matters
    ///
    /// Servers that relay try again later, so mail is late and not lost. A mail program does not:
    /// its user sees an error. Nothing is known of what the server would have offered.
    ///
    /// ## How to fix it
    ///
    /// Try again in some minutes. If it stays, the operator should look at connection limits, at
    /// load and at free disk space. A client that is put off for its address finds the reason in
    /// the reply.
    ///
    /// ## When it may be wrong
    ///
    /// The limit may be for this client alone, because it or a neighbour behind the same address
    /// connected too often; this program opens one connection at a time to an address and port. The
    /// server may be fine for everybody else.
    ///
    /// ## References
    ///
    /// RFC 5321 §3.8, RFC 5321 §4.2.1
    pub static GREETING_THROTTLED = {
        code: "greeting-throttled",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "the server puts this client off (421 or another 4yz)",
        settings: &[
            (
                "postfix",
                "`smtpd_client_connection_count_limit`, `smtpd_client_connection_rate_limit` and \
                 `smtpd_client_new_tls_session_rate_limit` set the limits; the anvil lines in the \
                 log show who meets them.",
            ),
            (
                "exim",
                "`smtp_accept_max` and `smtp_accept_max_per_host` set the limits.",
            ),
            (
                "sendmail",
                "`confMAX_DAEMON_CHILDREN`, `confCONNECTION_RATE_THROTTLE` and the features \
                 ratecontrol and conncontrol set the limits.",
            ),
            (
                "exchange",
                "`MaxInboundConnection` and `MaxInboundConnectionPerSource` of the receive \
                 connector set the limits.",
            ),
            (
                "haraka",
                "the plugins `limit` and `toobusy` set the limits.",
            ),
            (
                "stalwart",
                "`MtaInboundThrottle` objects and `maxConnections` of the listener set the \
                 limits.",
            ),
            (
                "mox",
                "its limits for each address and network are built in and pass with time.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some((stop, seen)) = facts.stop().zip(facts.connected()) else { return facts.unseen() };
    let Stop::Throttled { step, reply } = stop else { return greeting_seen(facts) };
    let when = match step {
        Phase::Ehlo => " at EHLO",
        Phase::Starttls => " at STARTTLS",
        Phase::Tls => " after its go-ahead to STARTTLS",
        Phase::EhloAfterTls => " at EHLO inside TLS",
        _ => "",
    };
    let mut evidence = Vec::new();
    if let Some(first) = &seen.put_off {
        evidence.push(format!("first try: {}", quote(first)));
        evidence.push(format!("second try: {reply}"));
    } else {
        evidence.push(format!("reply: {reply}"));
    }
    let after = match pushback::advised_pause(&reply).map(|pause| pause.as_secs()) {
        None => "in some minutes".to_owned(),
        Some(seconds @ ..120) => format!("after {seconds} seconds, as it asks"),
        Some(seconds @ ..7200) => format!("after {} minutes, as it asks", seconds.div_ceil(60)),
        Some(seconds) => format!("after {} hours, as it asks", seconds.div_ceil(3600)),
    };
    Outcome::found(Found {
        message: format!("{} puts this client off{when} with `{reply}`", facts.endpoint.label()),
        fix: format!(
            "Try again {after}. If it stays, the operator should look at the server's limits on \
             connections and at its load; the path to it is fine."
        ),
        evidence,
        reference: "RFC 5321 §3.8",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{reply, talk};
    use crate::observation::TlsErrorKind;

    #[test]
    fn a_transient_refusal_is_told_wherever_it_comes() {
        let twice = talk(25)
            .greeting("421 4.7.0 mx too many connections")
            .edit(|c| c.put_off = Some(reply("421 4.7.0 mx try again")));
        assert_eq!(twice.codes(), ["greeting-throttled"]);
        assert_eq!(
            twice.found(&GREETING_THROTTLED).evidence,
            ["first try: 421 4.7.0 mx try again", "second try: 421 4.7.0 mx too many connections"]
        );
        assert_eq!(talk(587).greeting("450 greylisted").codes(), ["greeting-throttled"]);
        assert_eq!(talk(25).refuses_ehlo("421 busy").codes(), ["greeting-throttled"]);
        assert_eq!(talk(465).refuses_ehlo("421 busy").codes(), ["greeting-throttled"]);
        assert_eq!(talk(25).starttls("421 busy").codes(), ["greeting-throttled"]);
        let sessions = "454 4.7.0 Error: too many new TLS sessions from unknown[192.0.2.9]";
        assert_eq!(talk(587).starttls(sessions).codes(), ["greeting-throttled"]);
        assert_eq!(
            talk(25).refuses_ehlo("450 connection rate limit").codes(),
            ["greeting-throttled"]
        );
        // In plaintext where the handshake was to begin.
        let behind = talk(25).tls_fails(TlsErrorKind::NotTls, "corrupt", b"421 4.3.2 closing\r\n");
        assert_eq!(behind.codes(), ["greeting-throttled"]);
        // In plaintext on the TLS port, before any handshake.
        let plain = talk(465).tls_fails(TlsErrorKind::NotTls, "corrupt", b"421 Too many\r\n");
        assert_eq!(plain.codes(), ["greeting-throttled"]);
    }

    #[test]
    fn the_advice_says_when_the_server_wants_to_be_asked_again() {
        let fix = |greeting| talk(25).greeting(greeting).found(&GREETING_THROTTLED).fix;
        assert!(fix("421 busy").starts_with("Try again in some minutes."));
        assert!(fix("421 try again in 90 seconds").contains("after 90 seconds, as it asks"));
        assert!(fix("450-greylisted\n450 come back in 5 minutes").contains("after 5 minutes"));
        assert!(fix("421 retry after 3 hours").contains("after 3 hours"));
    }

    #[test]
    fn a_fault_of_starttls_is_no_limit() {
        for fault in ["454 4.7.0 TLS not available due to local problem", "454 TLS unavailable"] {
            assert_eq!(talk(25).starttls(fault).codes(), ["starttls-refused"]);
        }
        let then = talk(25).tls_fails(TlsErrorKind::NotTls, "corrupt", b"454 no key\r\n");
        assert_eq!(then.codes(), ["tls-handshake-failed"]);
    }

    #[test]
    fn a_second_try_that_works_is_as_good_as_a_first() {
        let talk = talk(25).edit(|c| c.put_off = Some(reply("421 busy")));
        assert_eq!(talk.outcome(&GREETING_THROTTLED), Outcome::Pass);
        assert!(talk.codes().is_empty());
    }

    #[test]
    fn a_missing_client_certificate_does_not_pass_with_time() {
        let reply = "421 4.7.1 mx Error: No client certificate presented";
        assert_eq!(talk(465).refuses_ehlo(reply).codes(), ["client-certificate-required"]);
    }
}
