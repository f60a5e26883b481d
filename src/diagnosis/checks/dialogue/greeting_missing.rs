use super::greeting_seen;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::Stop;
use crate::diagnosis::words::quote_bytes;
use crate::observation::SecondLook;
use crate::port::Mode;

declare_check! {
    /// ## What it checks
    ///
    /// That the server says something once the connection stands. In SMTP the server speaks first;
    /// here not a byte came within the time for the conversation.
    ///
    /// ## Why it matters
    ///
    /// Nobody can deliver or send mail through it. A client has to wait for the greeting for up to
    /// five minutes, so such a server also holds up the senders' queues.
    ///
    /// ## How to fix it
    ///
    /// See whether the mail service behind the port is alive, and whether the load balancer or the
    /// container in front of it accepts connections for a service that is gone. A listener that
    /// waits for the PROXY protocol, or a service mesh that waits for the client to speak, looks
    /// the same. A name server that does not answer the server's reverse look-up can delay the
    /// greeting for long.
    ///
    /// ## When it may be wrong
    ///
    /// A very slow greeting looks like none; `--timeout` waits longer. Software on this side that
    /// accepts every connection itself (a proxy, a VPN, a service mesh) can stand in for the
    /// server; then unrelated servers are silent too. Where the port expects TLS at once, that is
    /// found out by a second look and reported as such.
    ///
    /// ## References
    ///
    /// RFC 5321 §3.1, RFC 5321 §4.5.3.2.1
    pub static GREETING_MISSING = {
        code: "greeting-missing",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "it takes the connection and says nothing",
        settings: &[
            (
                "postfix",
                "where `smtpd_upstream_proxy_protocol` or `postscreen_upstream_proxy_protocol` is \
                 set, it waits for the PROXY protocol.",
            ),
            (
                "exim",
                "it waits for the PROXY protocol from clients in `hosts_proxy`.",
            ),
            (
                "opensmtpd",
                "with `proxy-v2` at `listen on`, it waits for the PROXY protocol.",
            ),
            (
                "haraka",
                "it waits for the PROXY protocol from clients in `hosts[]` of the section \
                 `haproxy` in config/connection.ini.",
            ),
            (
                "stalwart",
                "it waits for the PROXY protocol from clients in `overrideProxyTrustedNetworks` \
                 of the listener.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some((stop, seen)) = facts.stop().zip(facts.connected()) else { return facts.unseen() };
    if stop != Stop::GreetingMissing {
        return greeting_seen(facts);
    }
    let label = facts.endpoint.label();
    let inside = match facts.endpoint.mode {
        Mode::Implicit => " inside TLS",
        Mode::Starttls => "",
    };
    let mut evidence = vec![format!(
        "connected after {:.0} ms, and then not a byte for {:.0} s",
        seen.connect.elapsed.0,
        seen.timings.total.as_secs()
    )];
    match &seen.second_look {
        Some(SecondLook::StillSilent) => {
            evidence
                .push("a ClientHello on a second connection was not answered either".to_owned());
        }
        Some(SecondLook::Answered(bytes)) => {
            let said = quote_bytes(bytes);
            evidence.push(format!("on a second connection it answers a ClientHello with `{said}`"));
        }
        Some(_) | None => {}
    }
    Outcome::found(Found {
        message: format!("{label} accepts the connection and then says nothing{inside}"),
        fix: "See whether the mail service behind this port is alive, and whether a load balancer \
              or proxy in front of it accepts connections for a service that is gone or waits for \
              the PROXY protocol. If unrelated servers are silent from here too, something on \
              this side answers in their place."
            .to_owned(),
        evidence,
        reference: "RFC 5321 §4.5.3.2.1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{reply, talk};
    use crate::observation::{Ending, Phase};

    #[test]
    fn silence_is_told_with_what_a_second_look_showed() {
        assert_eq!(talk(25).silent().codes(), ["greeting-missing"]);
        assert_eq!(talk(465).silent().codes(), ["greeting-missing"]);
        let looked = talk(587).silent().edit(|c| c.second_look = Some(SecondLook::StillSilent));
        assert_eq!(looked.codes(), ["greeting-missing"]);
        assert_eq!(looked.found(&GREETING_MISSING).evidence.len(), 2);
    }

    #[test]
    fn what_has_another_cause_is_no_missing_greeting() {
        let tls = talk(587).silent().edit(|c| c.second_look = Some(SecondLook::TlsAnswered));
        assert_eq!(tls.codes(), ["tls-on-plaintext-port"]);
        let partial = Ending::TimedOut { phase: Phase::Greeting, partial: true };
        assert_eq!(talk(25).ends(partial).codes(), ["connection-dropped"]);
        let put_off = talk(25).silent().edit(|c| c.put_off = Some(reply("450 later")));
        assert_eq!(put_off.codes(), ["greeting-throttled"]);
        assert_eq!(talk(25).outcome(&GREETING_MISSING), Outcome::Pass);
    }
}
