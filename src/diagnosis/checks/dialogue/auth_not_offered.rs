use super::keywords;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::port::{ALTERNATE, RELAY, Role, SUBMISSION, SUBMISSIONS};

declare_check! {
    /// ## What it checks
    ///
    /// That a submission port offers a login (AUTH) once TLS stands.
    ///
    /// ## Why it matters
    ///
    /// Users send through this port by logging in. Without AUTH the server takes their mail for
    /// mail from a stranger and refuses to pass it on.
    ///
    /// ## How to fix it
    ///
    /// Turn authentication on for the port, with a service behind it that runs. If it is on, see whether the port
    /// really leads to the submission service and not to the one for port 25.
    ///
    /// ## When it may be wrong
    ///
    /// Some servers ask for a client certificate instead, or know their users by address. Some hide
    /// AUTH from clients whose address or EHLO name they dislike. AUTH is looked for only inside
    /// TLS, since good servers hide it before.
    ///
    /// ## References
    ///
    /// RFC 6409 §4.3, RFC 4954 §3
    pub static AUTH_NOT_OFFERED = {
        code: "auth-not-offered",
        group: Dialogue,
        relay: None,
        elsewhere: Some(Severity::Error),
        summary: "no AUTH inside TLS on a submission port",
        settings: &[
            (
                "postfix",
                "set `smtpd_sasl_auth_enable = yes` for the submission services in master.cf, \
                 with `smtpd_sasl_type` and `smtpd_sasl_path` of a service that runs (Dovecot or \
                 Cyrus).",
            ),
            (
                "exim",
                "define authenticators, and let `auth_advertise_hosts` match every client inside \
                 TLS.",
            ),
            (
                "sendmail",
                "name the mechanisms in `TRUST_AUTH_MECH` and `confAUTH_MECHANISMS`.",
            ),
            (
                "opensmtpd",
                "add `auth` at `listen on`.",
            ),
            (
                "exchange",
                "add `BasicAuth` and `BasicAuthRequireTLS` to `AuthMechanism` of the receive \
                 connector for clients.",
            ),
            (
                "haraka",
                "put an authentication plugin, such as `auth/flat_file`, into config/plugins.",
            ),
            (
                "stalwart",
                "see `saslMechanisms` of `MtaStageAuth` (before 0.16: `session.auth.mechanisms`).",
            ),
            (
                "mox",
                "set `Enabled` in the listener's `Submissions` (465) and `Submission` (587).",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let endpoint = facts.endpoint;
    let for_submission = match endpoint.port {
        RELAY => false,
        SUBMISSIONS | SUBMISSION | ALTERNATE => true,
        _ => endpoint.role == Role::Submission,
    };
    if !for_submission {
        return Outcome::NotApplicable("it is no submission port");
    }
    let Some(offered) =
        facts.connected().and_then(|seen| seen.smtp.capabilities_after_tls.as_ref())
    else {
        return facts.not_reached();
    };
    if offered.offers_login() {
        return Outcome::Pass;
    }
    if offered.helo_only {
        return Outcome::CannotTell("only HELO was accepted, which cannot offer AUTH");
    }
    Outcome::found(Found {
        message: format!("{} offers no login (AUTH) inside TLS", endpoint.label()),
        fix: "Turn authentication on for this port, with a service behind it that runs, and see that the port leads to the submission service."
            .to_owned(),
        evidence: vec![format!("inside TLS, {}", keywords(offered))],
        reference: "RFC 6409 §4.3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn a_submission_port_without_a_login_is_found() {
        for port in [465, 587, 2525] {
            let talk = talk(port).offers_inside_tls(&["SIZE", "PIPELINING"]);
            assert_eq!(talk.codes(), ["auth-not-offered"], "{port}");
        }
        let empty = talk(587).offers_inside_tls(&["SIZE", "AUTH"]);
        assert_eq!(empty.codes(), ["auth-not-offered"], "no mechanism is no login");
        let named = talk(10587).offers_inside_tls(&["SIZE"]);
        assert_eq!(named.codes(), ["auth-not-offered"]);
    }

    #[test]
    fn ports_of_other_kinds_and_talks_without_tls_are_not_judged() {
        let outcome = |talk: crate::diagnosis::fixture::Talk| talk.outcome(&AUTH_NOT_OFFERED);
        assert!(matches!(outcome(talk(25)), Outcome::NotApplicable(_)));
        let relay = talk(10025).offers_inside_tls(&["SIZE"]).at(|e| e.role = Role::Host);
        assert!(matches!(outcome(relay), Outcome::NotApplicable(_)));
        assert!(matches!(outcome(talk(587).starttls("454 no")), Outcome::CannotTell(_)));
        assert!(matches!(outcome(talk(587).offers(&["SIZE"])), Outcome::NotApplicable(_)));
        let helo_only = talk(465).offers_inside_tls(&[]).edit(|c| {
            c.smtp.capabilities_after_tls.as_mut().expect("offers").helo_only = true;
        });
        assert!(matches!(outcome(helo_only), Outcome::CannotTell(_)));
        let old_form = talk(587).offers_inside_tls(&["AUTH=LOGIN"]);
        assert_eq!(outcome(old_form), Outcome::Pass);
    }
}
