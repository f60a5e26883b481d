use super::certificate_weak::short_rsa_key;
use super::tls_no_common_cipher::answer;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::shorten;
use crate::observation::{TlsErrorKind, TlsFacts, WiderOffer};

declare_check! {
    /// ## What it checks
    ///
    /// That the TLS handshake comes to its end and the server proves that it has the key of its
    /// certificate. Here it failed with an answer of the server's, which the finding quotes.
    ///
    /// ## Why it matters
    ///
    /// Clients like this one cannot encrypt to the server. Mail programs fail; servers that relay
    /// to port 25 go on in clear or put the mail off.
    ///
    /// ## How to fix it
    ///
    /// The server's log names the reason: a key that does not belong to the certificate, a
    /// certificate that cannot be read, or no cipher in common. Offer ECDHE with AES-GCM or
    /// ChaCha20 and the curves X25519 and P-256, which every current client has. Where the server
    /// refused a wider offer as well, it is not about ciphers: mostly it has no certificate and key
    /// that it can use.
    ///
    /// ## When it may be wrong
    ///
    /// This program speaks TLS 1.2 and 1.3 with modern ciphers only (no CBC, no RSA key exchange,
    /// no finite-field Diffie-Hellman). After a bare "handshake failure" it makes a much wider offer
    /// on a second connection; where even that was not answered, other clients may succeed.
    /// Software that inspects TLS on this side can fail in the server's name.
    ///
    /// ## References
    ///
    /// RFC 8446 §6.2, RFC 5246 §7.2.2, RFC 9325 §4.2
    pub static TLS_HANDSHAKE_FAILED = {
        code: "tls-handshake-failed",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "the handshake fails for a reason of the server's",
        settings: &[
            (
                "postfix",
                "`smtpd_tls_loglevel = 1` has the reason in the log; see `smtpd_tls_chain_files`, \
                 `smtpd_tls_ciphers` and `smtpd_tls_exclude_ciphers`.",
            ),
            (
                "exim",
                "the main log has the reason; see `tls_certificate`, `tls_privatekey` and \
                 `tls_require_ciphers`.",
            ),
            (
                "sendmail",
                "see `confSERVER_CERT`, `confSERVER_KEY` and `confCIPHER_LIST`.",
            ),
            (
                "opensmtpd",
                "see `pki`, `ciphers` and `protocols` at `listen on`.",
            ),
            (
                "exchange",
                "the events of the source Schannel in the Windows system log have the reason; see \
                 that the certificate has its private key.",
            ),
            (
                "haraka",
                "see `cert`, `key`, `ciphers` and `minVersion` in config/tls.ini.",
            ),
            (
                "stalwart",
                "see `tlsDisableCipherSuites` and `tlsDisableProtocols` of the listener.",
            ),
            (
                "mox",
                "see `MinVersion` and `KeyCerts` in the listener's `TLS`.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let label = facts.endpoint.label();
    let Some(tls) = facts.handshake() else { return facts.not_reached() };
    let Some(Stop::HandshakeFailed { why }) = facts.stop() else {
        if let Some(error) = unproven(tls) {
            return Outcome::found(Found {
                message: format!("{label} does not prove that it has the key of its certificate"),
                fix: "See on the server that key and certificate belong together. If they do, \
                      something in the path answers in the server's place."
                    .to_owned(),
                evidence: vec![format!("handshake signature: {}", shorten(error))],
                reference: "RFC 8446 §4.4.3",
            });
        }
        return match &tls.error {
            None => Outcome::Pass,
            Some(_) => Outcome::NotApplicable("another finding says why it fails"),
        };
    };
    let maybe_nothing_in_common =
        tls.error.as_ref().is_some_and(|error| error.kind == TlsErrorKind::HandshakeFailure);
    let mut evidence: Vec<String> =
        tls.error.iter().map(|error| format!("TLS: {}", shorten(&error.text))).collect();
    let offer = facts.wider_offer();
    evidence.extend(offer.map(|offer| match offer {
        WiderOffer::Chosen(choice) => answer(choice),
        WiderOffer::Refused(alert) => format!(
            "a second connection that offered TLS 1.0 to 1.3 with old ciphers as well was refused \
             with {alert}"
        ),
    }));
    let fix = if matches!(offer, Some(WiderOffer::Refused(_))) {
        "It refuses every cipher, old ones too, so it most likely has no certificate and key that it \
         can use: see that their files can be read and belong together. The server's log for this \
         handshake names the reason."
    } else if maybe_nothing_in_common && offer.is_none() {
        "Offer TLS 1.2 or 1.3 with ECDHE, AES-GCM or ChaCha20, and the curves X25519 and P-256. This \
         program has no older ciphers, so other clients may succeed with this server; its log says \
         what was missing."
    } else {
        "Look in the server's log for this handshake: it names the reason. See that key and \
         certificate can be read and belong together."
    };
    Outcome::found(Found {
        message: format!("the TLS handshake with {label} fails: {}", shorten(&why)),
        fix: fix.to_owned(),
        evidence,
        reference: "RFC 8446 §6.2",
    })
}

/// Why the server's handshake signature does not verify, where that is its own fault: a short RSA
/// key, which is too short for our library and reported as weak, is not, nor is a scheme that our
/// library cannot verify.
fn unproven(tls: &TlsFacts) -> Option<&str> {
    const UNVERIFIABLE: [&str; 4] =
        ["rsa_pkcs1_sha1", "ecdsa_sha1", "ecdsa_secp521r1_sha512", "ed448"];
    let signature = tls.signature.as_ref()?;
    if tls.chain.first().is_some_and(|leaf| short_rsa_key(leaf).is_some())
        || UNVERIFIABLE.contains(&signature.scheme.as_str())
    {
        return None;
    }
    signature.error.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{Talk, talk};

    #[test]
    fn the_servers_answer_is_quoted() {
        for kind in [TlsErrorKind::Alert, TlsErrorKind::PeerMisbehaved, TlsErrorKind::Other] {
            let talk = talk(587).tls_fails(kind, "received fatal alert: InternalError", b"");
            assert_eq!(talk.codes(), ["tls-handshake-failed"]);
            let found = talk.found(&TLS_HANDSHAKE_FAILED);
            assert!(found.message.ends_with("alert: InternalError"), "{found:?}");
        }
        let common = talk(25).tls_fails(TlsErrorKind::HandshakeFailure, "HandshakeFailure", b"");
        assert!(common.found(&TLS_HANDSHAKE_FAILED).fix.contains("other clients may succeed"));
        let plain = talk(25).tls_fails(TlsErrorKind::NotTls, "corrupt", b"454 4.7.0 no\r\n");
        assert!(plain.found(&TLS_HANDSHAKE_FAILED).message.contains("`454 4.7.0 no`"));
    }

    #[test]
    fn a_server_that_refuses_everything_has_no_certificate_rather_than_old_ciphers() {
        let kind = TlsErrorKind::HandshakeFailure;
        let refuses = talk(25).tls_fails(kind, "x", b"").then_refused("handshake_failure");
        assert_eq!(refuses.codes(), ["tls-handshake-failed"]);
        let found = refuses.found(&TLS_HANDSHAKE_FAILED);
        assert!(found.fix.contains("no certificate and key"), "{found:?}");
        assert!(found.evidence[1].ends_with("refused with handshake_failure"), "{found:?}");
    }

    fn unproven_with(scheme: &str, key: &str) -> Talk {
        talk(587).tls(|tls| {
            let signature = tls.signature.as_mut().expect("a signature");
            signature.scheme = scheme.to_owned();
            signature.error = Some("BadSignature".to_owned());
            tls.chain[0].key = key.to_owned();
        })
    }

    #[test]
    fn a_key_that_does_not_belong_is_found_and_our_own_limits_are_not() {
        let wrong = unproven_with("rsa_pss_rsae_sha256", "RSA 2048");
        assert_eq!(wrong.codes(), ["tls-handshake-failed"]);
        let short = unproven_with("rsa_pss_rsae_sha256", "RSA 1024");
        assert_eq!(short.codes(), ["certificate-weak"]);
        assert!(unproven_with("ed448", "Ed448").codes().is_empty());
    }

    #[test]
    fn what_has_a_finding_of_its_own_is_not_told_twice() {
        let dropped = talk(465).tls_fails(TlsErrorKind::Reset, "reset", b"");
        assert_eq!(dropped.codes(), ["connection-dropped"]);
        let outcome = dropped.outcome(&TLS_HANDSHAKE_FAILED);
        assert!(matches!(outcome, Outcome::NotApplicable(_)), "{outcome:?}");
        assert_eq!(talk(465).outcome(&TLS_HANDSHAKE_FAILED), Outcome::Pass);
    }
}
