use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::shorten;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the server insists on a certificate of the client's. This program has none to show.
    ///
    /// ## Why it matters
    ///
    /// Ordinary mail programs and other mail servers have none either, so they cannot use this
    /// port. Between two machines that know each other it may be just what is wanted.
    ///
    /// ## How to fix it
    ///
    /// If everybody is to use the port, ask for certificates without insisting. If it is
    /// meant, ignore this with `--ignore client-certificate-required`.
    ///
    /// ## When it may be wrong
    ///
    /// The server's alert or reply says so in words, so hardly ever. Under TLS 1.2 many servers say
    /// only "handshake failure", which is then reported as such.
    ///
    /// ## References
    ///
    /// RFC 8446 §4.3.2, RFC 8446 §6.2, RFC 8314 §5.5
    pub static CLIENT_CERTIFICATE_REQUIRED = {
        code: "client-certificate-required",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "the server insists on a client certificate",
        settings: &[
            (
                "postfix",
                "set `smtpd_tls_req_ccert = no`, and `smtpd_tls_ask_ccert` only where \
                 certificates are looked at.",
            ),
            (
                "exim",
                "move the clients from `tls_verify_hosts` to `tls_try_verify_hosts`, which asks \
                 without insisting.",
            ),
            (
                "sendmail",
                "look for `TLS_Clt:` entries in the access map; `confTLS_SRV_OPTIONS` with `V` \
                 does not ask at all.",
            ),
            (
                "opensmtpd",
                "take `verify` out of `tls-require verify` or `smtps verify` at `listen on`.",
            ),
            (
                "exchange",
                "see `DomainSecureEnabled` of the receive connector.",
            ),
            (
                "haraka",
                "set `rejectUnauthorized=false` in config/tls.ini, and take the port out of \
                 `requireAuthorized[]`.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let said = match facts.stop() {
        None => return facts.unseen(),
        Some(Stop::ClientCertificateRequired { said }) => said,
        Some(_) if facts.handshake().is_some_and(|tls| tls.error.is_none()) => {
            return Outcome::Pass;
        }
        Some(_) => return facts.not_reached(),
    };
    Outcome::found(Found {
        message: format!("{} insists on a client certificate", facts.endpoint.label()),
        fix: "If everybody is to use this port, ask for client certificates without insisting."
            .to_owned(),
        evidence: vec![format!("it says: {}", shorten(&said))],
        reference: "RFC 8446 §4.3.2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;
    use crate::observation::TlsErrorKind;

    #[test]
    fn an_alert_or_a_reply_says_so() {
        let kind = TlsErrorKind::ClientCertificateRequired;
        let alert = talk(465).tls_fails(kind, "received fatal alert: CertificateRequired", b"");
        assert_eq!(alert.codes(), ["client-certificate-required"]);
        let reply = talk(465).greeting("554 5.7.1 No client certificate presented");
        assert_eq!(reply.codes(), ["client-certificate-required"]);
    }

    #[test]
    fn another_alert_does_not() {
        let kind = TlsErrorKind::HandshakeFailure;
        let failed = talk(465).tls_fails(kind, "received fatal alert: HandshakeFailure", b"");
        assert_eq!(failed.codes(), ["tls-handshake-failed"]);
        assert_eq!(talk(465).outcome(&CLIENT_CERTIFICATE_REQUIRED), Outcome::Pass);
    }
}
