use super::chain;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::list;
use crate::observation::{CertificateFacts, WiderOffer};

declare_check! {
    /// ## What it checks
    ///
    /// That no certificate which a client relies on has an RSA key under 2048 bits or a signature
    /// with SHA-1 or MD5.
    ///
    /// ## Why it matters
    ///
    /// Short keys can be computed by those with enough machines, and signatures with MD5 and SHA-1
    /// can be forged. Current TLS libraries refuse them already, so connections fail with some
    /// clients and work with others.
    ///
    /// ## How to fix it
    ///
    /// Make a new key, ECDSA P-256 or RSA with 2048 bits or more, and get a certificate for it;
    /// every public authority signs with SHA-256 today.
    ///
    /// ## When it may be wrong
    ///
    /// The signature of a root certificate is not looked at, for nobody relies on it. In a chain
    /// that is trusted only the server's own certificate is judged, since others may be sent that
    /// nobody needs.
    ///
    /// ## References
    ///
    /// RFC 9325 §4.5, RFC 9155 §2
    pub static CERTIFICATE_WEAK = {
        code: "certificate-weak",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "RSA under 2048 bits, or a SHA-1 or MD5 signature",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

/// The least length of an RSA key (RFC 9325 §4.5).
const RSA_BITS: u32 = 2048;

/// The bits of an RSA key that is too short.
pub(super) fn short_rsa_key(certificate: &CertificateFacts) -> Option<u32> {
    let bits = certificate.key.strip_prefix("RSA ")?.split(' ').next()?.parse().ok()?;
    (bits < RSA_BITS).then_some(bits)
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let relied_on: Vec<&CertificateFacts> = match (chain(facts), facts.wider_offer()) {
        (Ok(tls), _) => {
            let trusted = tls.path.as_ref().is_some_and(|path| path.trusted);
            relied_on(&tls.chain, trusted).collect()
        }
        // A weak certificate may be why the server and this program did not agree.
        (Err(_), Some(WiderOffer::Chosen(choice))) if !choice.chain.is_empty() => {
            relied_on(&choice.chain, false).collect()
        }
        (Err(outcome), _) => return outcome,
    };
    let mut weaknesses = Vec::new();
    let mut evidence = Vec::new();
    for certificate in relied_on {
        let key = short_rsa_key(certificate).map(|bits| format!("an RSA key of {bits} bits"));
        let hash = weak_hash(&certificate.signature).map(|hash| format!("a {hash} signature"));
        for weakness in [key, hash].into_iter().flatten() {
            evidence.push(format!("{}: {weakness}", certificate.subject));
            if !weaknesses.contains(&weakness) {
                weaknesses.push(weakness);
            }
        }
    }
    if weaknesses.is_empty() {
        return Outcome::Pass;
    }
    Outcome::found(Found {
        message: format!(
            "the certificate of {} is weak: {}",
            facts.endpoint.label(),
            list(&weaknesses)
        ),
        fix:
            "Make a new key, ECDSA P-256 or RSA with 2048 bits or more, and get a certificate with \
              a SHA-256 signature for it."
                .to_owned(),
        evidence,
        reference: "RFC 9325 §4.5",
    })
}

/// The certificates that a client relies on: the leaf, and where the chain is not trusted (so that
/// no path is known) every other one that is not a root.
fn relied_on(chain: &[CertificateFacts], trusted: bool) -> impl Iterator<Item = &CertificateFacts> {
    chain
        .iter()
        .enumerate()
        .filter(move |(position, c)| *position == 0 || (!trusted && c.subject != c.issuer))
        .map(|(_, certificate)| certificate)
}

fn weak_hash(signature: &str) -> Option<&'static str> {
    let signature = signature.to_ascii_lowercase();
    let has = |part| signature.contains(part);
    if has("md5") || has("md2") || has("md4") {
        Some("MD5")
    } else if has("sha1") || has("sha-1") {
        Some("SHA-1")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{certificate, talk};
    use crate::observation::{Choice, TlsErrorKind, TlsFacts, TlsPart, UntrustedBecause};

    #[test]
    fn a_short_key_and_an_old_hash_are_named() {
        let talk = talk(25).tls(|tls| {
            tls.chain[0].key = "RSA 1024".to_owned();
            tls.chain[0].signature = "sha1WithRSAEncryption".to_owned();
        });
        assert_eq!(talk.codes(), ["certificate-weak"]);
        let found = talk.found(&CERTIFICATE_WEAK);
        assert!(
            found.message.ends_with("an RSA key of 1024 bits and a SHA-1 signature"),
            "{found:?}"
        );
    }

    #[test]
    fn good_ones_and_ones_that_nobody_needs_pass() {
        for (key, signature) in [
            ("RSA 2048", "sha256WithRSAEncryption"),
            ("ECDSA P-256", "ecdsa-with-SHA512"),
            ("Ed25519", "ed25519"),
        ] {
            let talk = talk(25).tls(|tls| {
                tls.chain[0].key = key.to_owned();
                tls.chain[0].signature = signature.to_owned();
            });
            assert_eq!(talk.outcome(&CERTIFICATE_WEAK), Outcome::Pass, "{key} {signature}");
        }
        let root = |tls: &mut TlsFacts| {
            tls.chain[1].signature = "sha1WithRSAEncryption".to_owned();
        };
        assert!(talk(25).tls(root).codes().is_empty());
        let private = talk(25).tls(|tls| {
            root(tls);
            tls.distrust(UntrustedBecause::UnknownIssuer, "UnknownIssuer");
        });
        assert_eq!(private.codes(), ["certificate-not-trusted", "certificate-weak"]);
    }

    #[test]
    fn one_that_only_a_wider_offer_showed_counts() {
        let mut leaf = certificate("mx.example.com", "Example R1", &["mx.example.com"]);
        leaf.key = "RSA 1024".to_owned();
        let choice = Choice {
            not_offered: vec![TlsPart::CipherSuite],
            chain: vec![leaf],
            ..Choice::default()
        };
        let failed = talk(25).tls_fails(TlsErrorKind::HandshakeFailure, "handshake_failure", b"");
        let codes = failed.clone().then_chose(choice).codes();
        assert_eq!(codes, ["tls-no-common-cipher", "certificate-weak"]);
        let unseen = failed.then_refused("handshake_failure");
        assert!(matches!(unseen.outcome(&CERTIFICATE_WEAK), Outcome::CannotTell(_)));
    }
}
