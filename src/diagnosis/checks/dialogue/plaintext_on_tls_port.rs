use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::port::Mode;

declare_check! {
    /// ## What it checks
    ///
    /// Whether a port that should speak TLS from the first byte greets in plaintext.
    ///
    /// ## Why it matters
    ///
    /// Mail programs that are set to SSL/TLS fail there with "wrong version number" or the like. If
    /// the port also offers logins without TLS, passwords can go in clear.
    ///
    /// ## How to fix it
    ///
    /// Let 465 speak TLS at once and 587 STARTTLS. In a mail program, 465 goes with SSL/TLS
    /// and 587 with STARTTLS.
    ///
    /// ## When it may be wrong
    ///
    /// If the port is meant to begin in plaintext, check it with `-p PORT=starttls`. A refusal that
    /// comes in plaintext (421, 554) does not show the port's mode and is reported as a refusal.
    ///
    /// ## References
    ///
    /// RFC 8314 §3.3
    pub static PLAINTEXT_ON_TLS_PORT = {
        code: "plaintext-on-tls-port",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the port speaks plaintext, TLS at once was expected",
        settings: &[
            (
                "postfix",
                "set `smtpd_tls_wrappermode = yes` for the service `submissions` (older: `smtps`) \
                 in master.cf.",
            ),
            (
                "exim",
                "add the port to `tls_on_connect_ports`.",
            ),
            (
                "sendmail",
                "add `M=s` to `DAEMON_OPTIONS` of that port.",
            ),
            (
                "opensmtpd",
                "write `smtps` in place of `tls` at `listen on`.",
            ),
            (
                "haraka",
                "set `smtps_port` in config/smtp.ini to that port.",
            ),
            (
                "stalwart",
                "set `tlsImplicit` of the listener (before 0.16: \
                 `server.listener.NAME.tls.implicit`).",
            ),
            (
                "mox",
                "let `Submissions` of the listener have that port, not `Submission`.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(stop) = facts.stop() else { return facts.unseen() };
    if facts.endpoint.mode != Mode::Implicit {
        return Outcome::NotApplicable("the port is to begin in plaintext");
    }
    let Stop::PlaintextOnTlsPort { said } = stop else {
        return match facts.handshake() {
            Some(tls) if tls.error.is_none() => Outcome::Pass,
            _ => Outcome::CannotTell("no TLS was spoken for another reason"),
        };
    };
    let port = facts.endpoint.port;
    Outcome::found(Found {
        message: format!(
            "{} speaks plaintext, where TLS from the first byte belongs",
            facts.endpoint.label()
        ),
        fix: format!(
            "Turn implicit TLS on for port {port} on the server. In a mail program, 465 goes with \
             SSL/TLS and 587 with STARTTLS. If port {port} is meant for STARTTLS, check it with -p \
             {port}=starttls."
        ),
        evidence: vec![format!("it answers in plaintext: {said}")],
        reference: "RFC 8314 §3.3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{Talk, talk};
    use crate::observation::TlsErrorKind;

    fn answers(bytes: &[u8]) -> Talk {
        talk(465).tls_fails(TlsErrorKind::NotTls, "InvalidContentType", bytes)
    }

    #[test]
    fn a_greeting_or_a_syntax_error_in_plaintext_shows_it() {
        for bytes in [
            &b"220 mx.example.com ESMTP Postfix\r\n"[..],
            b"220-mx.example.com ESMTP\r\n",
            b"501 SSL attempted over a non-SSL socket\r\n",
        ] {
            assert_eq!(answers(bytes).codes(), ["plaintext-on-tls-port"]);
        }
    }

    #[test]
    fn other_plaintext_does_not() {
        assert_eq!(answers(b"421 4.7.0 busy\r\n").codes(), ["greeting-throttled"]);
        assert_eq!(answers(b"2200 bottles\r\n").codes(), ["tls-handshake-failed"]);
        assert_eq!(answers(b"").codes(), ["tls-handshake-failed"]);
        let after_starttls =
            talk(587).tls_fails(TlsErrorKind::NotTls, "InvalidContentType", b"454 no TLS\r\n");
        assert_eq!(after_starttls.codes(), ["tls-handshake-failed"]);
        assert_eq!(talk(465).outcome(&PLAINTEXT_ON_TLS_PORT), Outcome::Pass);
    }
}
