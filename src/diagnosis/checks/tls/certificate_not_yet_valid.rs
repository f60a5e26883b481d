use time::Duration;

use super::{NO_CLOCK, OutOfDate, chain, dated, is_excused, out_of_date, whose};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::{day, days};
use crate::observation::UntrustedBecause;

declare_check! {
    /// ## What it checks
    ///
    /// That the validity of the server's certificate, and of every intermediate one that a client
    /// needs, has begun.
    ///
    /// ## Why it matters
    ///
    /// Mail programs refuse such a certificate as they refuse an expired one. Servers that relay to
    /// port 25 mostly go on without authentication.
    ///
    /// ## How to fix it
    ///
    /// Look at the clock of the machine that issued the certificate: that is the usual cause with
    /// certificates of one's own. Otherwise the new certificate was installed too early; put the
    /// old one back until then.
    ///
    /// ## When it may be wrong
    ///
    /// When the clock of the machine that runs this check is slow. Public authorities mostly date
    /// their certificates back by an hour to spare clients that, so a certificate of theirs that is
    /// not yet valid points at this clock.
    ///
    /// ## References
    ///
    /// RFC 5280 §4.1.2.5, RFC 8314 §5.3
    pub static CERTIFICATE_NOT_YET_VALID = {
        code: "certificate-not-yet-valid",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "a certificate's validity has not begun",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

const FIX: &str = "See first whether this machine's clock is right. If it is, look at the clock of \
                   the machine that issued the certificate, and issue it again.";

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let tls = match chain(facts) {
        Ok(tls) => tls,
        Err(outcome) => return outcome,
    };
    let now = facts.target.observed_at;
    // Some servers make a certificate when a client asks, so the last instant counts at which one
    // was seen.
    let until = now + Duration::seconds_f64(facts.target.duration.as_secs());
    let label = facts.endpoint.label();
    let early =
        out_of_date(tls, UntrustedBecause::NotYetValid, |c| c.not_before, |begin| begin > until);
    Outcome::found(match early {
        None => return Outcome::Pass,
        Some(found) if is_excused(facts, &found) => return NO_CLOCK,
        Some(OutOfDate::Certificate { certificate, at, is_leaf }) => dated(
            format!(
                "the {} of {label} is not valid yet: it begins in {} ({})",
                whose(is_leaf),
                days(at - now),
                day(at)
            ),
            FIX,
            &certificate.subject,
            "not before",
            at,
        ),
        Some(OutOfDate::SomewhereInThePath) => Found {
            message: format!(
                "a certificate on the path from {label} to its authority is not valid yet"
            ),
            fix: FIX.to_owned(),
            evidence: tls.path.iter().filter_map(|path| path.error.clone()).collect(),
            reference: "RFC 5280 §4.1.2.5",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{now, talk};

    #[test]
    fn a_certificate_from_the_future_is_dated() {
        let talk = talk(465).tls(|tls| {
            tls.chain[0].not_before = Some(now() + Duration::days(1));
            tls.distrust(UntrustedBecause::NotYetValid, "not valid yet");
        });
        assert_eq!(talk.codes(), ["certificate-not-yet-valid"]);
        let found = talk.found(&CERTIFICATE_NOT_YET_VALID);
        assert!(found.message.ends_with("it begins in 1 day (2026-11-24)"), "{found:?}");
        assert_eq!(found.evidence, ["CN=mx.example.com: not before 2026-11-24T20:00:00Z"]);
    }

    #[test]
    fn a_certificate_that_is_made_while_we_wait_is_valid() {
        // The fixture's run takes 600 ms.
        let made_at = |at| talk(25).tls(|tls| tls.chain[0].not_before = Some(now() + at));
        assert!(made_at(Duration::milliseconds(500)).codes().is_empty());
        assert_eq!(made_at(Duration::SECOND).codes(), ["certificate-not-yet-valid"]);
    }

    #[test]
    fn a_certificate_of_this_very_second_is_valid() {
        let talk = talk(465).tls(|tls| tls.chain[0].not_before = Some(now()));
        assert_eq!(talk.outcome(&CERTIFICATE_NOT_YET_VALID), Outcome::Pass);
    }
}
