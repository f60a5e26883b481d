use super::greeting_seen;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;

declare_check! {
    /// ## What it checks
    ///
    /// Whether a port that should begin in plaintext and offer STARTTLS expects TLS from the first
    /// byte. Either a TLS record came where a greeting belongs, or the port was silent until a
    /// ClientHello was sent on a second connection.
    ///
    /// ## Why it matters
    ///
    /// Mail programs that are set to STARTTLS wait for a greeting that never comes and time out;
    /// other servers on port 25 do the same. 465 is the port for TLS at once, 587 and 25 are for
    /// STARTTLS.
    ///
    /// ## How to fix it
    ///
    /// On the server, turn implicit TLS off for this port and keep it for 465. A load balancer must not
    /// terminate TLS here. If the server means it, let clients use SSL/TLS instead of STARTTLS on
    /// this port, or check it as `-p PORT=implicit`.
    ///
    /// ## When it may be wrong
    ///
    /// A port number that is in no standard may be implicit on purpose; tell the program so with
    /// `-p PORT=implicit`.
    ///
    /// ## References
    ///
    /// RFC 8314 §3.3, RFC 3207 §4, RFC 6409 §3.1
    pub static TLS_ON_PLAINTEXT_PORT = {
        code: "tls-on-plaintext-port",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the port expects TLS at once, a plaintext greeting was expected",
        settings: &[
            (
                "postfix",
                "set no `smtpd_tls_wrappermode` for that service in master.cf.",
            ),
            (
                "exim",
                "take the port out of `tls_on_connect_ports`.",
            ),
            (
                "sendmail",
                "take `s` out of `M=` in `DAEMON_OPTIONS` of that port.",
            ),
            (
                "opensmtpd",
                "write `tls` in place of `smtps` at `listen on`.",
            ),
            (
                "haraka",
                "`smtps_port` in config/smtp.ini names the one port that speaks TLS at once.",
            ),
            (
                "stalwart",
                "set `tlsImplicit` of the listener to false (before 0.16: \
                 `server.listener.NAME.tls.implicit`).",
            ),
            (
                "mox",
                "let `Submission` of the listener have that port, not `Submissions`.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(stop) = facts.stop() else { return facts.unseen() };
    let Stop::TlsOnPlaintextPort { record } = stop else { return greeting_seen(facts) };
    let port = facts.endpoint.port;
    Outcome::found(Found {
        message: format!(
            "{} expects TLS from the first byte, where a plaintext greeting belongs",
            facts.endpoint.label()
        ),
        fix: format!(
            "Turn implicit TLS off for port {port} on the server and keep it for 465; or, if it is meant, \
             let clients use SSL/TLS on port {port} and check it with -p {port}=implicit."
        ),
        evidence: vec![match record {
            Some(record) => format!("a TLS record came in place of a greeting: {record}"),
            None => "no greeting came, and a ClientHello on a second connection was answered with \
                     TLS"
            .to_owned(),
        }],
        reference: "RFC 8314 §3.3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;
    use crate::observation::{Ending, Phase, SecondLook};

    #[test]
    fn a_record_or_an_answered_hello_shows_it() {
        let alert = talk(587).not_smtp(b"\x15\x03\x03\x00\x02\x02\x28");
        let answered = talk(25).silent().edit(|c| c.second_look = Some(SecondLook::TlsAnswered));
        for talk in [alert, answered] {
            assert_eq!(talk.codes(), ["tls-on-plaintext-port"]);
            assert_eq!(talk.found(&TLS_ON_PLAINTEXT_PORT).evidence.len(), 1);
        }
    }

    #[test]
    fn silence_alone_does_not_show_it() {
        let silent = talk(587).silent().edit(|c| c.second_look = Some(SecondLook::StillSilent));
        assert!(matches!(silent.outcome(&TLS_ON_PLAINTEXT_PORT), Outcome::CannotTell(_)));
        // A record behind a plaintext greeting is no sign of the port's mode.
        let later = talk(587).ends(Ending::NotSmtp(Phase::Ehlo)).edit(|c| {
            c.smtp.not_smtp = Some(b"\x15\x03\x03\x00\x02".to_vec());
        });
        assert_eq!(later.codes(), ["wrong-protocol"]);
        assert_eq!(talk(587).outcome(&TLS_ON_PLAINTEXT_PORT), Outcome::Pass);
    }
}
