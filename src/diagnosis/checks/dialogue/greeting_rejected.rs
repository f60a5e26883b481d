use super::greeting_seen;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::quote;
use crate::observation::pushback;
use crate::port::{Mode, Role};

declare_check! {
    /// ## What it checks
    ///
    /// Whether the server refuses this client with its very first reply: a 5yz greeting, as 554 or
    /// 521.
    ///
    /// ## Why it matters
    ///
    /// The path is fine and the server is alive, but it does not serve this client: mail sent from
    /// here straight to it is given back. A 521 says that the machine takes no mail from anybody.
    ///
    /// ## How to fix it
    ///
    /// Read the reply: it mostly names the block list or the reason. Home and cloud addresses are
    /// refused as a rule; send through your provider's submission server instead. If you run a mail
    /// server here, give its address a reverse name that points back to it (PTR and A), and follow
    /// the delisting link in the reply. If the server is yours, see why its access rules match.
    ///
    /// ## When it may be wrong
    ///
    /// The finding is about this client. The same server may greet everybody else; run this from
    /// the network that the mail comes from.
    ///
    /// ## References
    ///
    /// RFC 5321 §3.1, RFC 7504 §3
    pub static GREETING_REJECTED = {
        code: "greeting-rejected",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the server refuses this client in its greeting (5yz)",
        settings: &[
            (
                "postfix",
                "if the server is yours, see `postscreen_access_list`, `postscreen_dnsbl_sites` \
                 and `smtpd_client_restrictions`.",
            ),
            (
                "exim",
                "if the server is yours, see `host_reject_connection` and `acl_smtp_connect`.",
            ),
            (
                "sendmail",
                "if the server is yours, see the `Connect:` entries of the access map and the \
                 features dnsbl, enhdnsbl and require_rdns.",
            ),
            (
                "opensmtpd",
                "if the server is yours, see the filters with `phase connect`.",
            ),
            (
                "exchange",
                "if the server is yours, see `RemoteIPRanges` of its receive connectors and the \
                 IP block lists.",
            ),
            (
                "haraka",
                "if the server is yours, see the plugins `access`, `dns-list` and `karma`.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(stop) = facts.stop() else { return facts.unseen() };
    let Stop::GreetingRejected { reply } = stop else { return greeting_seen(facts) };
    let mut evidence = vec![format!("greeting: {reply}")];
    if let Some(first) = facts.connected().and_then(|seen| seen.put_off.as_ref()) {
        evidence.push(format!("at a first try: {}", quote(first)));
    }
    let had_tls = facts.handshake().is_some_and(|tls| tls.error.is_none());
    if facts.endpoint.mode == Mode::Implicit && !had_tls {
        evidence.push("it came in plaintext, before any TLS".to_owned());
    }
    let label = facts.endpoint.label();
    let message = if reply.starts_with("521") {
        format!("{label} says that it takes no mail: `{reply}`")
    } else {
        format!("{label} refuses this client with `{reply}`")
    };
    let fix = match facts.endpoint.role {
        _ if pushback::speaks_of_a_limit(&reply) => {
            "The reply speaks of a limit, which may pass with time although it is worded for good: try \
             again later. If it stays, the operator should look at the server's limits on connections."
        }
        role if role == Role::Submission || facts.endpoint.port != 25 => {
            "The path works and the server does not serve this address: the reply may say why. Ask \
             the server's operator to allow it, or check from where your users are."
        }
        _ => {
            "The path works and the server does not want mail straight from this address, which is \
             normal for home and cloud addresses: send through your provider's submission server. \
             If a mail server is to send from here, give this address a matching reverse name and \
             follow the hint in the reply."
        }
    };
    Outcome::found(Found { message, fix: fix.to_owned(), evidence, reference: "RFC 5321 §3.1" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{reply, talk};
    use crate::observation::TlsErrorKind;

    #[test]
    fn a_refusal_is_told_alone_and_quoted() {
        let talk = talk(25).greeting("554-mx.example.com\n554 5.7.1 Your address is listed");
        assert_eq!(talk.codes(), ["greeting-rejected"]);
        let found = talk.found(&GREETING_REJECTED);
        assert!(
            found.message.ends_with("`554 mx.example.com / 5.7.1 Your address is listed`"),
            "{found:?}"
        );
    }

    #[test]
    fn a_refusal_in_plaintext_does_not_show_which_mode_the_port_has() {
        let refused =
            talk(465).tls_fails(TlsErrorKind::NotTls, "corrupt", b"554 No service for you\r\n");
        assert_eq!(refused.codes(), ["greeting-rejected"]);
        // Whoever is refused on a submission port is not sent to a submission server.
        let fix = refused.found(&GREETING_REJECTED).fix;
        assert!(fix.contains("does not serve this address"), "{fix}");
    }

    #[test]
    fn a_limit_that_is_worded_for_good_is_told_as_one() {
        let limit = "554 5.7.0 Too many connections from your address";
        let talk = talk(25).greeting(limit).edit(|c| c.put_off = Some(reply(limit)));
        assert_eq!(talk.codes(), ["greeting-rejected"]);
        let found = talk.found(&GREETING_REJECTED);
        assert!(found.fix.starts_with("The reply speaks of a limit"), "{found:?}");
        assert_eq!(found.evidence[1], format!("at a first try: {limit}"));
    }

    #[test]
    fn put_off_and_broken_are_not_refused() {
        assert_eq!(talk(25).outcome(&GREETING_REJECTED), Outcome::Pass);
        assert_eq!(talk(25).greeting("450 later").outcome(&GREETING_REJECTED), Outcome::Pass);
        assert!(matches!(talk(25).silent().outcome(&GREETING_REJECTED), Outcome::CannotTell(_)));
    }
}
