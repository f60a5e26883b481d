use time::{Duration, OffsetDateTime};

use super::{NO_CLOCK, chain, dated};
use crate::diagnosis::check::{EndpointFacts, Outcome, Rule, declare_check};
use crate::diagnosis::clock;
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::{day, days};
use crate::observation::CertificateFacts;

/// Certificates that renew themselves are renewed a third of their life before they end, so one
/// that is this near has mostly missed its renewal.
const SOON: Duration = Duration::days(14);

declare_check! {
    /// ## What it checks
    ///
    /// That the server's certificate stays valid for more than fourteen days.
    ///
    /// ## Why it matters
    ///
    /// All is well today. But a certificate that should renew itself does so weeks before its end,
    /// so one that is this near its end has often missed its renewal, or the mail server has not
    /// been reloaded since.
    ///
    /// ## How to fix it
    ///
    /// See whether a newer certificate lies on the server already: then reload the mail server and
    /// make the renewal do that from now on. Otherwise renew it.
    ///
    /// ## When it may be wrong
    ///
    /// Certificates that live for a week or less are always this near their end. For those use
    /// `--ignore certificate-expires-soon`.
    ///
    /// ## References
    ///
    /// RFC 5280 §4.1.2.5
    pub static CERTIFICATE_EXPIRES_SOON = {
        code: "certificate-expires-soon",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "the certificate expires within 14 days",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

/// How long a certificate is still valid, where that is not long.
pub(super) fn ends_soon(certificate: &CertificateFacts, now: OffsetDateTime) -> Option<Duration> {
    let left = certificate.not_after? - now;
    (!left.is_negative() && left <= SOON).then_some(left)
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let tls = match chain(facts) {
        Ok(tls) => tls,
        Err(outcome) => return outcome,
    };
    let leaf = &tls.chain[0];
    let Some(end) = leaf.not_after else {
        return Outcome::CannotTell("the certificate could not be read");
    };
    let Some(left) = ends_soon(leaf, facts.target.observed_at) else { return Outcome::Pass };
    if clock::wrong(facts.run).is_some() {
        return NO_CLOCK;
    }
    Outcome::found(dated(
        format!(
            "the certificate of {} expires in {} ({})",
            facts.endpoint.label(),
            days(left),
            day(end)
        ),
        "Renew it and reload the mail server. If a newer one is installed already, only the reload \
         is missing.",
        &leaf.subject,
        "not after",
        end,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{Talk, now, talk};

    fn ends_in(left: Duration) -> Talk {
        talk(25).tls(|tls| tls.chain[0].not_after = Some(now() + left))
    }

    #[test]
    fn both_ends_of_the_fortnight() {
        assert_eq!(ends_in(Duration::days(14)).codes(), ["certificate-expires-soon"]);
        assert_eq!(ends_in(Duration::SECOND).codes(), ["certificate-expires-soon"]);
        let found = ends_in(Duration::days(3)).found(&CERTIFICATE_EXPIRES_SOON);
        assert!(found.message.ends_with("expires in 3 days (2026-11-26)"), "{found:?}");
        assert!(ends_in(Duration::days(14) + Duration::SECOND).codes().is_empty());
        assert_eq!(ends_in(-Duration::SECOND).codes(), ["certificate-expired"]);
    }
}
