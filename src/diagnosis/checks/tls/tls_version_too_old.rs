use super::tls_no_common_cipher::answer;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::shorten;
use crate::observation::WiderOffer;

declare_check! {
    /// ## What it checks
    ///
    /// That the server speaks TLS 1.2 or newer. Here it answered that it knows only older versions:
    /// with an alert, or by choosing one from a wider offer on a second connection.
    ///
    /// ## Why it matters
    ///
    /// TLS 1.0 and 1.1 must not be used any more, and current mail programs and servers have
    /// dropped them. They cannot encrypt to this server: programs fail, and servers that relay to
    /// port 25 go on in clear or give up.
    ///
    /// ## How to fix it
    ///
    /// Update the server's TLS library, and let it speak TLS 1.2 and 1.3. Machines too old for that belong behind a proxy that is
    /// not.
    ///
    /// ## When it may be wrong
    ///
    /// An old proxy or security software in the path, also on this side, may speak in the server's
    /// place. Then unrelated servers seem too old from here as well.
    ///
    /// ## References
    ///
    /// RFC 8996 §4, RFC 8996 §5, RFC 8314 §4.1
    pub static TLS_VERSION_TOO_OLD = {
        code: "tls-version-too-old",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "nothing newer than TLS 1.1",
        settings: &[
            (
                "postfix",
                "see that `smtpd_tls_protocols` and `smtpd_tls_mandatory_protocols` do not \
                 exclude TLSv1.2 and TLSv1.3 (since Postfix 3.6 `>=TLSv1.2` says it in a word).",
            ),
            (
                "exim",
                "see that `openssl_options` has neither `+no_tlsv1_2` nor `+no_tlsv1_3`; with \
                 GnuTLS, `tls_require_ciphers` decides.",
            ),
            (
                "sendmail",
                "see that `confSERVER_SSL_OPTIONS` does not turn TLS 1.2 and 1.3 off.",
            ),
            (
                "opensmtpd",
                "see that `protocols` at `listen on` does not exclude TLS 1.2 and 1.3.",
            ),
            (
                "exchange",
                "turn TLS 1.2 on for servers in Windows (SCHANNEL\\Protocols\\TLS 1.2\\Server in \
                 the registry) and restart.",
            ),
            (
                "haraka",
                "set `minVersion=TLSv1.2` in config/tls.ini and no `secureProtocol`, with a \
                 current Node.js.",
            ),
            (
                "stalwart",
                "leave `tlsDisableProtocols` of the listener empty.",
            ),
            (
                "mox",
                "`MinVersion` of the listener's `TLS` is TLSv1.2 unless set; take what is set \
                 out.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    match facts.stop() {
        None => return facts.unseen(),
        Some(Stop::TlsVersionTooOld) => {}
        Some(_) if facts.handshake().is_some_and(|tls| tls.version.is_some()) => {
            return Outcome::Pass;
        }
        Some(_) => return facts.not_reached(),
    }
    let error = facts.handshake().and_then(|tls| tls.error.as_ref());
    let mut evidence: Vec<String> =
        error.iter().map(|error| format!("TLS: {}", shorten(&error.text))).collect();
    match facts.wider_offer() {
        Some(WiderOffer::Chosen(choice)) => evidence.push(answer(choice)),
        Some(WiderOffer::Refused(alert)) => evidence.push(format!(
            "a second connection that offered TLS 1.0 and 1.1 as well was refused with {alert}"
        )),
        None => {}
    }
    Outcome::found(Found {
        message: format!("{} speaks nothing newer than TLS 1.1", facts.endpoint.label()),
        fix: "Update the server's TLS library and let it speak TLS 1.2 and 1.3.".to_owned(),
        evidence,
        reference: "RFC 8996 §5",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;
    use crate::observation::{Choice, TlsErrorKind, TlsPart};

    #[test]
    fn an_old_server_is_told_from_a_broken_one() {
        let kind = TlsErrorKind::VersionTooOld;
        let old = talk(25).tls_fails(kind, "received fatal alert: ProtocolVersion", b"");
        assert_eq!(old.codes(), ["tls-version-too-old"]);
        let broken = talk(25).tls_fails(TlsErrorKind::Alert, "InternalError", b"");
        assert!(matches!(broken.outcome(&TLS_VERSION_TOO_OLD), Outcome::CannotTell(_)));
        assert_eq!(talk(25).outcome(&TLS_VERSION_TOO_OLD), Outcome::Pass);
    }

    #[test]
    fn what_it_chooses_from_a_wider_offer_overrules_its_alert() {
        let failed = |kind| talk(587).tls_fails(kind, "the alert", b"");
        let choice = |version: &str, not_offered: &[TlsPart]| Choice {
            version: version.to_owned(),
            cipher_suite: "TLS_RSA_WITH_AES_128_CBC_SHA".to_owned(),
            not_offered: not_offered.to_vec(),
            ..Choice::default()
        };
        let old = choice("TLSv1.0", &[TlsPart::Version, TlsPart::CipherSuite]);
        let old = failed(TlsErrorKind::HandshakeFailure).then_chose(old);
        assert_eq!(old.codes(), ["tls-version-too-old"]);
        let found = old.found(&TLS_VERSION_TOO_OLD);
        assert!(found.evidence[1].contains("TLSv1.0 and TLS_RSA_WITH_AES"), "{found:?}");
        let new = choice("TLSv1.2", &[TlsPart::CipherSuite]);
        let new = failed(TlsErrorKind::VersionTooOld).then_chose(new);
        assert_eq!(new.codes(), ["tls-no-common-cipher"]);
        let odd = failed(TlsErrorKind::VersionTooOld).then_chose(choice("TLSv1.3", &[]));
        assert_eq!(odd.codes(), ["tls-handshake-failed"]);
        let refused = failed(TlsErrorKind::VersionTooOld).then_refused("protocol_version");
        assert_eq!(refused.codes(), ["tls-version-too-old"]);
    }
}
