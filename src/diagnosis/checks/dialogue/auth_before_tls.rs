use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::shorten;
use crate::port::Mode;

declare_check! {
    /// ## What it checks
    ///
    /// That no login (AUTH with a mechanism, or the old form `AUTH=`) is offered before TLS.
    ///
    /// ## Why it matters
    ///
    /// A mail program that is not set to insist on encryption may send its password in clear, and
    /// whoever can read the connection has it. With AUTH only inside TLS that cannot happen.
    ///
    /// ## How to fix it
    ///
    /// Offer AUTH only inside TLS. On port 25 offer no AUTH at all, users belong on
    /// 465 or 587.
    ///
    /// ## When it may be wrong
    ///
    /// Mechanisms such as SCRAM or GSSAPI do not send the password itself; the evidence shows what
    /// is offered. A server may offer AUTH in clear only to networks that it trusts, and this
    /// client may be in one of them.
    ///
    /// ## References
    ///
    /// RFC 4954 §4, RFC 8314 §4.1
    pub static AUTH_BEFORE_TLS = {
        code: "auth-before-tls",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "AUTH is offered before TLS",
        settings: &[
            (
                "postfix",
                "set `smtpd_tls_auth_only = yes`.",
            ),
            (
                "exim",
                "set `auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}`.",
            ),
            (
                "sendmail",
                "add `p` to `confAUTH_OPTIONS`.",
            ),
            (
                "exchange",
                "add `BasicAuthRequireTLS` to `AuthMechanism` of the receive connector, beside \
                 `BasicAuth`.",
            ),
            (
                "haraka",
                "`auth/flat_file` offers AUTH in clear to private addresses; a plugin of your own \
                 has to look at `connection.tls.enabled`.",
            ),
            (
                "stalwart",
                "let `saslMechanisms` of `MtaStageAuth` depend on `is_tls` (before 0.16: \
                 `session.auth.mechanisms`).",
            ),
            (
                "mox",
                "set no `NoRequireSTARTTLS` in the listener's `Submission`.",
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
    let lines: Vec<String> = offered
        .logins()
        .map(|keyword| format!("{} {}", keyword.keyword, keyword.parameters).trim_end().to_owned())
        .collect();
    let Some(first) = lines.first() else { return Outcome::Pass };
    Outcome::found(Found {
        message: format!(
            "{} offers {} before encryption, so passwords can be sent in clear",
            facts.endpoint.label(),
            shorten(first)
        ),
        fix: "Offer AUTH only inside TLS. Set mail programs to \
              require encryption until then."
            .to_owned(),
        evidence: lines.iter().map(|line| format!("EHLO before TLS offers: {line}")).collect(),
        reference: "RFC 4954 §4",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn both_forms_are_found() {
        let talk = talk(587).offers(&["STARTTLS", "AUTH PLAIN LOGIN", "AUTH=PLAIN LOGIN"]);
        assert_eq!(talk.codes(), ["auth-before-tls"]);
        let found = talk.found(&AUTH_BEFORE_TLS);
        assert_eq!(found.evidence[1], "EHLO before TLS offers: AUTH=PLAIN LOGIN");
        let old = talk.offers(&["STARTTLS", "AUTH=LOGIN"]);
        assert!(old.found(&AUTH_BEFORE_TLS).message.contains("offers AUTH=LOGIN before"));
    }

    #[test]
    fn auth_without_any_tls_is_two_faults() {
        let plain = talk(587).offers(&["AUTH LOGIN"]);
        assert_eq!(plain.codes(), ["starttls-not-supported", "auth-before-tls"]);
    }

    #[test]
    fn auth_inside_tls_is_as_it_should_be() {
        assert_eq!(talk(587).outcome(&AUTH_BEFORE_TLS), Outcome::Pass);
        assert!(matches!(talk(465).outcome(&AUTH_BEFORE_TLS), Outcome::NotApplicable(_)));
        // As mox offers it before TLS: the keyword, and no mechanism.
        let empty = talk(587).offers(&["STARTTLS", "AUTH"]);
        assert_eq!(empty.outcome(&AUTH_BEFORE_TLS), Outcome::Pass);
        let keyword = talk(25).offers(&["STARTTLS", "AUTHENTICATE"]);
        assert_eq!(keyword.outcome(&AUTH_BEFORE_TLS), Outcome::Pass);
    }
}
