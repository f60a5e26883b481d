use super::greeting_seen;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::awaited;
use crate::observation::Phase;

declare_check! {
    /// ## What it checks
    ///
    /// That what answers on the port speaks SMTP. HTTP, SSH, IMAP and POP3 are told by their first
    /// bytes; anything else is quoted.
    ///
    /// ## Why it matters
    ///
    /// No mail gets through a port behind which another service listens. The usual causes are a
    /// wrong port number, a forwarding rule that points to the wrong machine, and a login page of
    /// the network that answers in place of every server.
    ///
    /// ## How to fix it
    ///
    /// Check the port number and what the server, the router or the load balancer forwards it to.
    /// 25, 587 and 465 are for sending mail; 993 and 143 are IMAP, 995 and 110 POP3.
    ///
    /// ## When it may be wrong
    ///
    /// If web pages do not load here either until somebody logs in, the network answers and not the
    /// server. Security software on this side may also answer in the server's place.
    ///
    /// ## References
    ///
    /// RFC 5321 §4.2, RFC 5321 §3.1
    pub static WRONG_PROTOCOL = {
        code: "wrong-protocol",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "something other than SMTP answers",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(stop) = facts.stop() else { return facts.unseen() };
    let Stop::WrongProtocol { step, protocol, said } = stop else { return greeting_seen(facts) };
    let label = facts.endpoint.label();
    let message = match (protocol, step) {
        (Some(protocol), Phase::Greeting | Phase::Tls) => {
            format!("{label} speaks {protocol}, not SMTP")
        }
        (_, Phase::Greeting | Phase::Tls) => {
            format!("{label} greets with something that is no SMTP greeting")
        }
        (_, step) => format!("{label} sends something that is not SMTP as {}", awaited(step)),
    };
    Outcome::found(Found {
        message,
        fix: "Check the port number and what this port is forwarded to. If the network here asks \
              for a login first, log in and try again."
            .to_owned(),
        evidence: if said.is_empty() { vec![] } else { vec![format!("first bytes: {said}")] },
        reference: "RFC 5321 §4.2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;
    use crate::observation::{Ending, TlsErrorKind};

    #[test]
    fn protocols_are_named_on_both_kinds_of_port() {
        for (bytes, protocol) in [
            (&b"HTTP/1.1 400 Bad Request\r\n"[..], "HTTP"),
            (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
            (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "IMAP"),
            (b"+OK POP3 ready\r\n", "POP3"),
        ] {
            for talk in [
                talk(587).not_smtp(bytes),
                talk(465).not_smtp(bytes),
                talk(465).tls_fails(TlsErrorKind::NotTls, "corrupt", bytes),
            ] {
                assert_eq!(talk.codes(), ["wrong-protocol"], "{protocol}");
                let found = talk.found(&WRONG_PROTOCOL);
                assert!(found.message.contains(&format!("speaks {protocol},")), "{found:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_quoted_and_its_step_named() {
        let found = talk(25).not_smtp(b"hello there\r\n").found(&WRONG_PROTOCOL);
        assert_eq!(found.evidence, ["first bytes: hello there"]);
        let later = talk(25).ends(Ending::NotSmtp(Phase::Ehlo)).edit(|c| {
            c.smtp.not_smtp = Some(b"rubbish\r\n".to_vec());
        });
        assert_eq!(later.codes(), ["wrong-protocol"]);
        assert!(later.found(&WRONG_PROTOCOL).message.ends_with("as the reply to EHLO"));
        assert_eq!(talk(25).greeting("399 odd").codes(), ["wrong-protocol"]);
    }

    #[test]
    fn tls_has_a_finding_of_its_own() {
        let tls = talk(587).not_smtp(b"\x15\x03\x01\x00\x02\x02\x0a");
        assert_eq!(tls.codes(), ["tls-on-plaintext-port"]);
        assert_eq!(talk(25).outcome(&WRONG_PROTOCOL), Outcome::Pass);
    }
}
