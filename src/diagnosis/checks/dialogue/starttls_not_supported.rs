use super::{keywords, masked_keyword};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::port::{Mode, RELAY};

declare_check! {
    /// ## What it checks
    ///
    /// That a server which begins in plaintext offers STARTTLS in its reply to EHLO.
    ///
    /// ## Why it matters
    ///
    /// Without it everything goes in clear, on a submission port the password too; mail programs
    /// that insist on encryption do not send at all. On port 25 mail is still delivered, readable
    /// for everybody on the way, except by senders that an MTA-STS or DANE policy obliges to
    /// encrypt.
    ///
    /// ## How to fix it
    ///
    /// Give the server a certificate and turn STARTTLS on; on submission ports require it. If the server offers it and the
    /// client does not see it, look for a filter in between.
    ///
    /// ## When it may be wrong
    ///
    /// A server can hide keywords from some clients.
    /// Something in the path, also on this side, can remove the keyword; if unrelated servers lack
    /// it from here too, suspect that. Where the keyword is masked instead, `greeting-rewritten`
    /// says so.
    ///
    /// ## References
    ///
    /// RFC 3207 §2, RFC 8460 §4.3.1, RFC 8314 §4.1
    pub static STARTTLS_NOT_SUPPORTED = {
        code: "starttls-not-supported",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "STARTTLS is not offered",
        settings: &[
            (
                "postfix",
                "set `smtpd_tls_security_level = may` (`encrypt` on submission ports) and \
                 `smtpd_tls_chain_files`; see that `smtpd_discard_ehlo_keywords` does not hide \
                 `starttls`.",
            ),
            (
                "exim",
                "set `tls_certificate`, and let `tls_advertise_hosts` match every client (`*`).",
            ),
            (
                "sendmail",
                "set `confSERVER_CERT` and `confSERVER_KEY`; where their files cannot be used, \
                 the log says so and STARTTLS is not offered. `M=S` in `DAEMON_OPTIONS` turns it \
                 off.",
            ),
            (
                "opensmtpd",
                "write `listen on INTERFACE tls pki NAME`, or `tls-require` to insist on it.",
            ),
            (
                "exchange",
                "add `Tls` to `AuthMechanism` of the receive connector, and give SMTP a \
                 certificate with `Enable-ExchangeCertificate`.",
            ),
            (
                "haraka",
                "put `tls` into config/plugins, with its certificate; see `no_starttls_ports[]` \
                 and `no_tls_hosts` in config/tls.ini.",
            ),
            (
                "stalwart",
                "set `useTls` of the listener, and give the server a certificate.",
            ),
            (
                "mox",
                "give the listener a `TLS` section, and set no `NoSTARTTLS` in its `SMTP`.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    if facts.endpoint.mode == Mode::Implicit {
        return Outcome::NotApplicable("TLS comes first on this port");
    }
    let Some(offered) = facts.connected().and_then(|seen| seen.smtp.capabilities.as_ref()) else {
        return facts.not_reached();
    };
    if offered.offers("STARTTLS") {
        return Outcome::Pass;
    }
    if masked_keyword(offered).is_some() {
        return Outcome::CannotTell("a filter masks what is offered");
    }
    let label = facts.endpoint.label();
    let (message, fix) = if facts.endpoint.port == RELAY {
        (
            format!("{label} does not offer STARTTLS, so mail reaches it unencrypted"),
            "Give the server a certificate and turn STARTTLS on. If it is on, a filter in between may remove it.",
        )
    } else {
        (
            format!("{label} does not offer STARTTLS, so nothing sent through it is encrypted"),
            "Give the server a certificate and require STARTTLS. If it is on, a filter in between may remove it.",
        )
    };
    Outcome::found(Found {
        message,
        fix: fix.to_owned(),
        evidence: vec![keywords(offered)],
        reference: "RFC 3207 §2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn a_missing_keyword_is_told_with_what_is_there() {
        let talk = talk(587).offers(&["SIZE 1000", "8BITMIME"]);
        assert_eq!(talk.codes(), ["starttls-not-supported"]);
        assert_eq!(talk.found(&STARTTLS_NOT_SUPPORTED).evidence, ["EHLO offers: SIZE, 8BITMIME"]);
    }

    #[test]
    fn case_does_not_matter_and_causes_hide_it() {
        let lower_case = talk(25).edit(|c| {
            c.smtp.capabilities.as_mut().expect("offers").keywords[1].keyword = "starttls".into();
        });
        assert_eq!(lower_case.outcome(&STARTTLS_NOT_SUPPORTED), Outcome::Pass);
        for talk in [
            talk(25).silent(),
            talk(25).greeting("554 no"),
            talk(25).greeting("421 busy"),
            talk(25).refuses_ehlo("550 no"),
            talk(25).offers(&["XXXXXXXA"]),
        ] {
            assert!(matches!(talk.outcome(&STARTTLS_NOT_SUPPORTED), Outcome::CannotTell(_)));
        }
        let implicit = talk(465).outcome(&STARTTLS_NOT_SUPPORTED);
        assert!(matches!(implicit, Outcome::NotApplicable(_)));
    }
}
