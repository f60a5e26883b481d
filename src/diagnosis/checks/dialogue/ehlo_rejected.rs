use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::quote;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the server accepts an introduction at all: EHLO with this client's name, EHLO with
    /// its address literal, and HELO were all refused.
    ///
    /// ## Why it matters
    ///
    /// Nothing goes on after that. For a client that gives its name honestly a server must not
    /// refuse mail just because the name cannot be verified, but many do.
    ///
    /// ## How to fix it
    ///
    /// Give a name that the server can resolve with `--helo`, best the reverse name of this
    /// client's address. If the server is yours, loosen its rules, and have none on the submission
    /// ports, where clients have no proper names.
    ///
    /// ## When it may be wrong
    ///
    /// The refusal may be about this client's address or name and not about everybody's. Run this
    /// from the machine that sends the mail, or with its name.
    ///
    /// ## References
    ///
    /// RFC 5321 §4.1.4, RFC 5321 §4.1.1.1, RFC 5321 §4.1.3
    pub static EHLO_REJECTED = {
        code: "ehlo-rejected",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "EHLO and HELO are refused under every honest name",
        settings: &[
            (
                "postfix",
                "see `smtpd_helo_restrictions`.",
            ),
            (
                "exim",
                "see `helo_verify_hosts`, `helo_accept_junk_hosts` and `acl_smtp_helo`.",
            ),
            (
                "sendmail",
                "see the feature block_bad_helo.",
            ),
            (
                "opensmtpd",
                "see the filters with `phase helo` and `phase ehlo`.",
            ),
            (
                "haraka",
                "see the plugin `helo.checks`.",
            ),
            (
                "stalwart",
                "see `rejectNonFqdn` of `MtaStageEhlo` (before 0.16: \
                 `session.ehlo.reject-non-fqdn`).",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some((stop, seen)) = facts.stop().zip(facts.connected()) else { return facts.unseen() };
    let Stop::EhloRejected { attempts, inside_tls } = stop else {
        return match (&seen.smtp.capabilities, &seen.smtp.capabilities_after_tls) {
            (None, None) => facts.not_reached(),
            _ => Outcome::Pass,
        };
    };
    let last = attempts.last().map(|attempt| quote(&attempt.reply)).unwrap_or_default();
    let inside = if inside_tls { " inside TLS" } else { "" };
    let evidence =
        attempts.iter().map(|a| format!("{} {}: {}", a.verb, a.name, quote(&a.reply))).collect();
    Outcome::found(Found {
        message: format!(
            "{} refuses every EHLO and HELO of this client{inside} with `{last}`",
            facts.endpoint.label()
        ),
        fix: "Give a name with --helo that the server can resolve, best the reverse name of this \
              address. If the server is yours, loosen its rules for the EHLO name, on submission ports above all."
            .to_owned(),
        evidence,
        reference: "RFC 5321 §4.1.4",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{reply, talk};
    use crate::observation::Ending;

    #[test]
    fn every_attempt_is_shown_and_no_missing_starttls_told() {
        let refused = talk(25).refuses_ehlo("504 5.5.2 need fully-qualified hostname");
        assert_eq!(refused.codes(), ["ehlo-rejected"]);
        let found = refused.found(&EHLO_REJECTED);
        assert_eq!(found.evidence.len(), 3);
        assert_eq!(
            found.evidence[2],
            "HELO client.example: 504 5.5.2 need fully-qualified hostname"
        );
        assert_eq!(talk(465).refuses_ehlo("550 no").codes(), ["ehlo-rejected"]);
        // A transient refusal that is no 421 is about the name too.
        assert_eq!(talk(25).refuses_ehlo("450 host not found").codes(), ["ehlo-rejected"]);
        // A 421 behind a 5yz ends what was refused already.
        let hung_up = talk(25).refuses_ehlo("550 no").edit(|c| {
            c.smtp.ehlo_attempts[2].reply = reply("421 too many errors");
            c.ending = Some(Ending::Completed);
        });
        assert_eq!(hung_up.codes(), ["ehlo-rejected"]);
    }

    #[test]
    fn one_accepted_attempt_is_enough() {
        let second = talk(25).edit(|c| {
            let mut refused = c.smtp.ehlo_attempts[0].clone();
            refused.reply = reply("501 5.5.4 bad name");
            c.smtp.ehlo_attempts.insert(0, refused);
        });
        assert_eq!(second.outcome(&EHLO_REJECTED), Outcome::Pass);
        assert!(matches!(talk(25).silent().outcome(&EHLO_REJECTED), Outcome::CannotTell(_)));
    }
}
