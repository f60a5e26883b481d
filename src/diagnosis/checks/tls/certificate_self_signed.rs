use super::{distrusted, leaf_line};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::observation::UntrustedBecause;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the server vouches for itself: issuer and subject of its certificate are the same,
    /// and it is no trust anchor here.
    ///
    /// ## Why it matters
    ///
    /// Anybody can make such a certificate for any name, so clients cannot tell the server from an
    /// impostor. Mail programs refuse it or warn. Servers that relay to port 25 mostly take it, for
    /// the connection is at least encrypted.
    ///
    /// ## How to fix it
    ///
    /// Get a certificate from a public authority, which costs nothing, and install it with its
    /// chain. It is often the one that the system made at its installation ("snakeoil") and that
    /// the mail server still uses.
    ///
    /// ## When it may be wrong
    ///
    /// If it is meant, as inside one company, give the certificate with `--ca-file`. Under DANE it
    /// is in order on port 25. Security software on this side can show a certificate of its own for
    /// every server.
    ///
    /// ## References
    ///
    /// RFC 5280 §3.2, RFC 8314 §5.3, RFC 7435 §3
    pub static CERTIFICATE_SELF_SIGNED = {
        code: "certificate-self-signed",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "the certificate is self-signed",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let (tls, path) =
        match distrusted(facts, |because| because == Some(UntrustedBecause::SelfSigned)) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
    let mut evidence = vec![leaf_line(tls)];
    evidence.extend(path.error.as_ref().map(|error| format!("validation: {error}")));
    Outcome::found(Found {
        message: format!("the certificate of {} is self-signed", facts.endpoint.label()),
        fix: "Get a certificate from a public authority and install it with its chain; see that the \
              mail server does not still use the one that was made at installation. If it is meant, \
              trust it with --ca-file."
            .to_owned(),
        evidence,
        reference: "RFC 5280 §3.2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn self_signed_is_told_alone() {
        let talk = talk(25).tls(|tls| {
            tls.chain.truncate(1);
            tls.distrust(UntrustedBecause::SelfSigned, "CaUsedAsEndEntity");
        });
        assert_eq!(talk.codes(), ["certificate-self-signed"]);
        assert_eq!(
            talk.found(&CERTIFICATE_SELF_SIGNED).evidence[1],
            "validation: CaUsedAsEndEntity"
        );
    }

    #[test]
    fn one_that_is_a_trust_anchor_is_trusted() {
        let talk = talk(25).tls(|tls| {
            tls.chain.truncate(1);
            tls.chain[0].issuer = tls.chain[0].subject.clone();
        });
        assert_eq!(talk.outcome(&CERTIFICATE_SELF_SIGNED), Outcome::Pass);
    }
}
