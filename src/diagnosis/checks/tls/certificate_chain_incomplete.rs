use super::{chain_evidence, distrusted};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::observation::UntrustedBecause;

declare_check! {
    /// ## What it checks
    ///
    /// That the server sends its whole chain. Here the last certificate that it sent says where its
    /// issuer's certificate is to be had, and no authority that is trusted here has issued it.
    ///
    /// ## Why it matters
    ///
    /// Some clients fetch or remember the missing certificate, so the fault seems to come and go:
    /// it works on one computer and fails on the next. Programs on Linux and in Java mostly fail.
    ///
    /// ## How to fix it
    ///
    /// Install the full chain in place of the certificate alone: with certbot `fullchain.pem`
    /// instead of `cert.pem`. Other authorities offer the
    /// intermediate certificates for download; append them below the server's own.
    ///
    /// ## When it may be wrong
    ///
    /// If the issuer is a private authority that also publishes its certificate, the chain may be
    /// complete and only its root unknown here: give that root with `--ca-file`.
    ///
    /// ## References
    ///
    /// RFC 8446 §4.4.2, RFC 5246 §7.4.2, RFC 5280 §4.2.2.1
    pub static CERTIFICATE_CHAIN_INCOMPLETE = {
        code: "certificate-chain-incomplete",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "an intermediate certificate is not sent",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let (tls, path) =
        match distrusted(facts, |because| because == Some(UntrustedBecause::ChainIncomplete)) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
    let missing = tls.chain.last().map(|last| last.issuer.as_str()).unwrap_or_default();
    let mut evidence = chain_evidence(tls, path);
    if let Some(url) = tls.chain.last().and_then(|last| last.issuer_urls.first()) {
        evidence.push(format!("its issuer's certificate is at {url}"));
    }
    Outcome::found(Found {
        message: format!(
            "{} does not send the certificate of {missing}, which its chain needs",
            facts.endpoint.label()
        ),
        fix: "Install the full chain, the server's certificate first and the intermediate ones \
              below it (certbot: fullchain.pem), and reload the \
              mail server."
            .to_owned(),
        evidence,
        reference: "RFC 8446 §4.4.2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn the_missing_issuer_is_named() {
        let talk = talk(587).tls(|tls| {
            tls.chain.truncate(1);
            tls.chain[0].issuer_urls = vec!["http://r1.example/ca.der".to_owned()];
            tls.distrust(UntrustedBecause::ChainIncomplete, "UnknownIssuer");
        });
        assert_eq!(talk.codes(), ["certificate-chain-incomplete"]);
        let found = talk.found(&CERTIFICATE_CHAIN_INCOMPLETE);
        assert!(found.message.contains("the certificate of CN=Example R1,"), "{found:?}");
        assert_eq!(
            found.evidence.last().map(String::as_str),
            Some("its issuer's certificate is at http://r1.example/ca.der")
        );
    }

    #[test]
    fn a_private_authority_without_a_pointer_is_another_fault() {
        let talk = talk(587).tls(|tls| {
            tls.chain.truncate(1);
            tls.distrust(UntrustedBecause::UnknownIssuer, "UnknownIssuer");
        });
        assert_eq!(talk.codes(), ["certificate-not-trusted"]);
        assert_eq!(talk.outcome(&CERTIFICATE_CHAIN_INCOMPLETE), Outcome::Pass);
    }
}
