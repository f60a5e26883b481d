use super::{NO_CLOCK, OutOfDate, chain, dated, is_excused, out_of_date, whose};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::{day, days};
use crate::observation::UntrustedBecause;

declare_check! {
    /// ## What it checks
    ///
    /// That the server's certificate, and every intermediate one that a client needs, is still
    /// valid at the time of the run.
    ///
    /// ## Why it matters
    ///
    /// Mail programs refuse to send through a server with an expired certificate. Servers that
    /// relay to port 25 mostly go on without authentication, unless DANE or MTA-STS forbids it.
    ///
    /// ## How to fix it
    ///
    /// Renew the certificate, install the whole new chain, and reload the mail server: most keep
    /// the old one in memory until then. If it is renewed automatically, find out why that stopped.
    ///
    /// ## When it may be wrong
    ///
    /// When the clock of the machine that runs this check is wrong; then certificates of unrelated
    /// servers seem expired too. An expired certificate that is sent beside a chain that holds
    /// without it does no harm and is not reported.
    ///
    /// ## References
    ///
    /// RFC 5280 §4.1.2.5, RFC 8314 §5.3, RFC 8460 §4.3.1
    pub static CERTIFICATE_EXPIRED = {
        code: "certificate-expired",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "a certificate's validity has ended",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

const FIX: &str = "Renew it, install the whole new chain, and reload the mail server, which keeps \
                   the old one in memory until then.";

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let tls = match chain(facts) {
        Ok(tls) => tls,
        Err(outcome) => return outcome,
    };
    let now = facts.target.observed_at;
    let label = facts.endpoint.label();
    let expired = out_of_date(tls, UntrustedBecause::Expired, |c| c.not_after, |end| end < now);
    Outcome::found(match expired {
        None => return Outcome::Pass,
        Some(found) if is_excused(facts, &found) => return NO_CLOCK,
        Some(OutOfDate::Certificate { certificate, at, is_leaf }) => dated(
            format!(
                "the {} of {label} expired {} ago ({})",
                whose(is_leaf),
                days(now - at),
                day(at)
            ),
            FIX,
            &certificate.subject,
            "not after",
            at,
        ),
        Some(OutOfDate::SomewhereInThePath) => Found {
            message: format!("a certificate on the path from {label} to its authority has expired"),
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
    use time::Duration;

    #[test]
    fn an_expired_certificate_is_dated() {
        let talk = talk(587).tls(|tls| {
            tls.chain[0].not_after = Some(now() - Duration::days(12));
            tls.distrust(UntrustedBecause::Expired, "certificate expired");
        });
        assert_eq!(talk.codes(), ["certificate-expired"]);
        let found = talk.found(&CERTIFICATE_EXPIRED);
        assert_eq!(
            found.message,
            "the certificate of mx.example.com[192.0.2.1]:587 expired 12 days ago (2026-11-11)"
        );
        assert_eq!(found.evidence, ["CN=mx.example.com: not after 2026-11-11T20:00:00Z"]);
    }

    #[test]
    fn three_faults_are_three_findings() {
        let talk = talk(25).tls(|tls| {
            tls.chain.truncate(1);
            tls.chain[0].not_after = Some(now() - Duration::HOUR);
            tls.distrust(UntrustedBecause::SelfSigned, "UnknownIssuer");
            tls.name_matches = Some(false);
        });
        assert_eq!(
            talk.codes(),
            ["certificate-expired", "certificate-host-mismatch", "certificate-self-signed"]
        );
        assert!(talk.found(&CERTIFICATE_EXPIRED).message.contains("less than a day ago"));
    }

    #[test]
    fn an_intermediate_counts_only_where_the_path_needs_it() {
        let old = |tls: &mut crate::observation::TlsFacts| {
            tls.chain[1].not_after = Some(now() - Duration::days(400));
        };
        // The cross-signed certificate too many: the path holds without it.
        assert!(talk(587).tls(old).codes().is_empty());
        let needed = talk(587).tls(|tls| {
            old(tls);
            tls.distrust(UntrustedBecause::Expired, "certificate expired");
        });
        assert_eq!(needed.codes(), ["certificate-expired"]);
        assert!(needed.found(&CERTIFICATE_EXPIRED).message.contains("intermediate"));
        let unknown = talk(587).tls(|tls| {
            old(tls);
            tls.distrust(UntrustedBecause::UnknownIssuer, "UnknownIssuer");
        });
        assert_eq!(unknown.codes(), ["certificate-not-trusted"]);
    }

    #[test]
    fn the_validator_is_believed_where_no_date_shows_it() {
        let talk = talk(587).tls(|tls| tls.distrust(UntrustedBecause::Expired, "expired: x"));
        assert_eq!(talk.found(&CERTIFICATE_EXPIRED).evidence, ["expired: x"]);
        let until_now = talk.tls(|tls| {
            tls.chain[0].not_after = Some(now());
            tls.path = None;
        });
        assert_eq!(until_now.outcome(&CERTIFICATE_EXPIRED), Outcome::Pass);
    }
}
