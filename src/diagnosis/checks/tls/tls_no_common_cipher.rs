use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::{list, shorten};
use crate::observation::{Choice, TlsPart};

declare_check! {
    /// ## What it checks
    ///
    /// That the server and this program have a cipher suite, a key exchange group and a signature
    /// scheme in common. Here the server refused what this program speaks, and on a second
    /// connection chose something else from a much wider offer, which the finding names.
    ///
    /// ## Why it matters
    ///
    /// The server is no ruin: clients that still speak what it chose get through. But clients drop
    /// these things one after the other, and each then fails with a bare "handshake failure", while
    /// servers that relay to port 25 go on in clear or put the mail off.
    ///
    /// ## How to fix it
    ///
    /// Let the server offer ECDHE with AES-GCM or ChaCha20, and X25519 or P-256, beside what it has;
    /// update its TLS library where it cannot. Where the signature is what is missing, get a
    /// certificate with an ECDSA P-256 or RSA 2048 key, and let the server sign with SHA-256.
    ///
    /// ## When it may be wrong
    ///
    /// This program speaks TLS 1.2 and 1.3 with modern ciphers only: no CBC, no RSA key exchange,
    /// no finite-field Diffie-Hellman, no P-521. Others may succeed, OpenSSL among them; that does
    /// not make the server's choice a good one.
    ///
    /// ## References
    ///
    /// RFC 9325 §4.2, RFC 8446 §9.1, RFC 5246 §7.2.2
    pub static TLS_NO_COMMON_CIPHER = {
        code: "tls-no-common-cipher",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "no cipher suite or group in common with this program",
        settings: &[
            (
                "postfix",
                "take `tls_medium_cipherlist`, `tls_high_cipherlist`, `tls_eecdh_auto_curves` and \
                 `smtpd_tls_exclude_ciphers` of your own out; `smtpd_tls_chain_files` may name an \
                 ECDSA and an RSA key with their chains.",
            ),
            (
                "exim",
                "see `tls_require_ciphers` and `tls_eccurve`; `tls_certificate` and \
                 `tls_privatekey` may each be a list, of an ECDSA and an RSA one.",
            ),
            (
                "sendmail",
                "see `confCIPHER_LIST`; `confSERVER_CERT` and `confSERVER_KEY` may name a second \
                 pair behind a comma.",
            ),
            (
                "opensmtpd",
                "see `ciphers` and `protocols` at `listen on`, and the key of `pki`.",
            ),
            (
                "exchange",
                "turn the ECDHE suites with GCM and the curves on for Windows \
                 (`Enable-TlsCipherSuite`, `Enable-TlsEccCurve`) and restart.",
            ),
            (
                "haraka",
                "take `ciphers` out of config/tls.ini, and see the key in `key`.",
            ),
            (
                "stalwart",
                "leave `tlsDisableCipherSuites` of the listener empty, and see the key of the \
                 certificate.",
            ),
            (
                "mox",
                "it chooses its ciphers itself: see the keys that `KeyCerts` of the listener's \
                 `TLS` names.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let choice = match facts.stop() {
        None => return facts.unseen(),
        Some(Stop::NothingInCommon(choice)) => choice,
        Some(_) if facts.handshake().is_some_and(|tls| tls.version.is_some()) => {
            return Outcome::Pass;
        }
        Some(_) => return facts.not_reached(),
    };
    let (missing, chosen): (Vec<_>, Vec<_>) =
        choice.not_offered.iter().filter_map(|part| missing(*part, choice)).unzip();
    let refusal = facts.handshake().and_then(|tls| tls.error.as_ref());
    let mut evidence: Vec<String> =
        refusal.iter().map(|error| format!("TLS: {}", shorten(&error.text))).collect();
    evidence.push(answer(choice));
    let about_its_key =
        |part: &TlsPart| matches!(part, TlsPart::SignatureScheme | TlsPart::CertificateKey);
    let fix = if choice.not_offered.iter().all(about_its_key) {
        "Other clients may succeed with this server, those that use OpenSSL among them. Get a \
         certificate with an ECDSA P-256 or RSA 2048 key beside or in place of this one, and let \
         the server sign with SHA-256, as every client can."
    } else {
        "Other clients may succeed with this server, those that use OpenSSL among them. Let it offer \
         TLS 1.2 or 1.3 with ECDHE, AES-GCM or ChaCha20, and X25519 or P-256, as every current \
         client has."
    };
    Outcome::found(Found {
        message: format!(
            "{} has no {} in common with this program: from a wider offer it chose {}",
            facts.endpoint.label(),
            missing.join(" and no "),
            list(&chosen)
        ),
        fix: fix.to_owned(),
        evidence,
        reference: "RFC 9325 §4.2",
    })
}

/// What is missing, and what the server chose in its place.
fn missing(part: TlsPart, choice: &Choice) -> Option<(&'static str, &str)> {
    match part {
        // That has a code of its own.
        TlsPart::Version => None,
        TlsPart::CipherSuite => Some(("cipher suite", &choice.cipher_suite)),
        TlsPart::KeyExchange => Some(("key exchange group", choice.key_exchange.as_deref()?)),
        TlsPart::SignatureScheme => Some(("signature scheme", choice.signature_scheme.as_deref()?)),
        TlsPart::CertificateKey => Some(("kind of certificate key", &choice.chain.first()?.key)),
    }
}

/// What a server chose from the wider offer, for evidence.
pub(super) fn answer(choice: &Choice) -> String {
    format!("a wider offer on a second connection was answered with {}", list(&choice.parts()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{certificate, talk};
    use crate::observation::TlsErrorKind;

    const REFUSAL: TlsErrorKind = TlsErrorKind::HandshakeFailure;

    fn chosen(suite: &str, group: Option<&str>, scheme: Option<&str>) -> Choice {
        Choice {
            version: "TLSv1.2".to_owned(),
            cipher_suite: suite.to_owned(),
            key_exchange: group.map(str::to_owned),
            signature_scheme: scheme.map(str::to_owned),
            ..Choice::default()
        }
    }

    #[test]
    fn what_the_server_chose_is_named_and_others_may_succeed() {
        let choice = Choice {
            not_offered: vec![TlsPart::CipherSuite],
            ..chosen("TLS_RSA_WITH_3DES_EDE_CBC_SHA", None, None)
        };
        let talk = talk(587).tls_fails(REFUSAL, "handshake_failure", b"").then_chose(choice);
        assert_eq!(talk.codes(), ["tls-no-common-cipher"]);
        let found = talk.found(&TLS_NO_COMMON_CIPHER);
        assert_eq!(
            found.message,
            "mx.example.com[192.0.2.1]:587 has no cipher suite in common with this program: from a \
             wider offer it chose TLS_RSA_WITH_3DES_EDE_CBC_SHA"
        );
        assert!(found.fix.starts_with("Other clients may succeed"), "{found:?}");
        assert_eq!(
            found.evidence,
            [
                "TLS: handshake_failure",
                "a wider offer on a second connection was answered with TLSv1.2 and \
                 TLS_RSA_WITH_3DES_EDE_CBC_SHA"
            ]
        );
    }

    #[test]
    fn a_group_and_a_signature_scheme_can_be_missing_as_well() {
        let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        let of = |not_offered: &[TlsPart]| {
            let scheme = Some("ecdsa_secp521r1_sha512");
            let choice = Choice {
                not_offered: not_offered.to_vec(),
                ..chosen(suite, Some("secp521r1"), scheme)
            };
            let failed = talk(25).tls_fails(REFUSAL, "handshake_failure", b"");
            failed.then_chose(choice).found(&TLS_NO_COMMON_CIPHER)
        };
        let both = of(&[TlsPart::KeyExchange, TlsPart::SignatureScheme]);
        let says = "no key exchange group and no signature scheme in common with this program: from \
                    a wider offer it chose secp521r1 and ecdsa_secp521r1_sha512";
        assert!(both.message.ends_with(says), "{}", both.message);
        assert!(of(&[TlsPart::SignatureScheme]).fix.contains("RSA 2048"));
    }

    #[test]
    fn a_key_on_a_curve_that_was_not_offered_is_named() {
        let mut leaf = certificate("mx.example.com", "Example R1", &["mx.example.com"]);
        leaf.key = "ECDSA P-521".to_owned();
        let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        let choice = Choice {
            not_offered: vec![TlsPart::CertificateKey],
            chain: vec![leaf],
            ..chosen(suite, Some("x25519"), Some("ecdsa_secp256r1_sha256"))
        };
        let failed = talk(587).tls_fails(REFUSAL, "handshake_failure", b"").then_chose(choice);
        assert_eq!(failed.codes(), ["tls-no-common-cipher"]);
        let found = failed.found(&TLS_NO_COMMON_CIPHER);
        let says = "no kind of certificate key in common with this program: from a wider offer it \
                    chose ECDSA P-521";
        assert!(found.message.ends_with(says), "{found:?}");
        assert!(found.fix.contains("Get a certificate"), "{found:?}");
    }

    #[test]
    fn where_everything_is_in_common_it_is_something_else() {
        let suite = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        let choice = chosen(suite, Some("x25519"), Some("rsa_pss_rsae_sha256"));
        let odd = talk(465).tls_fails(REFUSAL, "handshake_failure", b"").then_chose(choice);
        assert_eq!(odd.codes(), ["tls-handshake-failed"]);
        assert!(matches!(odd.outcome(&TLS_NO_COMMON_CIPHER), Outcome::CannotTell(_)));
        assert_eq!(talk(465).outcome(&TLS_NO_COMMON_CIPHER), Outcome::Pass);
    }
}
