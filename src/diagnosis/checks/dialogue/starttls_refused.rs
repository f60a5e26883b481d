use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::quote;

declare_check! {
    /// ## What it checks
    ///
    /// That a server which offers STARTTLS accepts it. Here the command was answered with 4yz or
    /// 5yz.
    ///
    /// ## Why it matters
    ///
    /// Encryption is promised and then fails. Mail programs stop there. Servers that relay to port
    /// 25 go on in clear or put the mail off, each as it is configured.
    ///
    /// ## How to fix it
    ///
    /// 454 mostly means that the server cannot read its key or certificate, or that they do not
    /// belong together; its log names the file. A 5yz to a command that was just offered points at a filter in front of the
    /// server that does not know it.
    ///
    /// ## When it may be wrong
    ///
    /// Security software on this side that reads mail along can answer the command in the server's
    /// place. A reply that speaks of too many sessions is no refusal: that is `greeting-throttled`.
    ///
    /// ## References
    ///
    /// RFC 3207 §4
    pub static STARTTLS_REFUSED = {
        code: "starttls-refused",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "STARTTLS is offered and then refused",
        settings: &[
            (
                "postfix",
                "with a 454, the log names the file of `smtpd_tls_chain_files` (before Postfix \
                 3.4 `smtpd_tls_key_file` and `smtpd_tls_cert_file`) that cannot be used.",
            ),
            (
                "exim",
                "with a 454, the main log says why `tls_certificate` or `tls_privatekey` cannot \
                 be used; Exim's own user must be able to read both.",
            ),
            (
                "sendmail",
                "with a 454, the log says why `confSERVER_CERT` or `confSERVER_KEY` cannot be \
                 used; the key must be readable by its owner alone.",
            ),
            (
                "opensmtpd",
                "see the `pki` entries in smtpd.conf and the permissions of their files.",
            ),
            (
                "exchange",
                "with a 454, event 12014 of MSExchangeTransport names the certificate that the \
                 connector's `Fqdn` lacks.",
            ),
            (
                "haraka",
                "the log names what is wrong with `cert` and `key` in config/tls.ini.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some((stop, seen)) = facts.stop().zip(facts.connected()) else { return facts.unseen() };
    let Stop::StarttlsRefused(reply) = stop else {
        return match seen.smtp.starttls.as_ref().and_then(|starttls| starttls.reply.as_ref()) {
            Some(_) => Outcome::Pass,
            None => facts.not_reached(),
        };
    };
    let reply = quote(reply);
    Outcome::found(Found {
        message: format!(
            "{} offers STARTTLS and then refuses it with `{reply}`",
            facts.endpoint.label()
        ),
        fix:
            "On the server, see that the key and certificate files can be read and belong together; \
              its log names the fault. Otherwise look for a filter in \
              front of it, or on this side, that does not let STARTTLS pass."
                .to_owned(),
        evidence: vec![format!("reply to STARTTLS: {reply}")],
        reference: "RFC 3207 §4",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;
    use crate::observation::{Ending, Phase};

    #[test]
    fn a_refusal_is_told_alone() {
        for answer in ["454 4.7.0 TLS not available due to local problem", "500 #5.5.1 unknown"] {
            let talk = talk(587).starttls(answer);
            assert_eq!(talk.codes(), ["starttls-refused"]);
            assert!(talk.found(&STARTTLS_REFUSED).message.contains(answer));
        }
    }

    #[test]
    fn accepted_put_off_or_not_offered_is_not_refused() {
        assert_eq!(talk(25).outcome(&STARTTLS_REFUSED), Outcome::Pass);
        assert_eq!(talk(25).starttls("421 busy").outcome(&STARTTLS_REFUSED), Outcome::Pass);
        // Accepted, and then the connection ends before a handshake is begun.
        let ended = talk(25).ends(Ending::Closed(Phase::Tls)).edit(|c| c.tls = None);
        assert_eq!(ended.codes(), ["connection-dropped"]);
        let not_offered = talk(25).offers(&["SIZE"]);
        assert!(matches!(not_offered.outcome(&STARTTLS_REFUSED), Outcome::NotApplicable(_)));
    }
}
