use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::stop::{Break, Stop};
use crate::diagnosis::words::{awaited, quote, shorten};
use crate::observation::{Conversation, Limit, Phase};

declare_check! {
    /// ## What it checks
    ///
    /// That the conversation goes to its end. Here the connection was made and then closed, reset
    /// or left silent half-way, and nothing that the server had said explains it. The finding names
    /// the step.
    ///
    /// ## Why it matters
    ///
    /// A sender cannot deliver through such a connection; it tries again and gives up in the end.
    /// Nothing in the server's replies tells its operator about it either, only its log may.
    ///
    /// ## How to fix it
    ///
    /// Before the greeting: look at connection limits, access lists (hosts.allow, fail2ban) and at
    /// a load balancer without a working server behind it, or one that should send the PROXY
    /// protocol and does not. At the TLS handshake: see that the key and certificate files can be
    /// read and belong together; the server's log names the reason. At EHLO: look at filters in
    /// front of the server.
    ///
    /// ## When it may be wrong
    ///
    /// A firewall or security software on this side can cut a connection too, most often at the TLS
    /// handshake; if unrelated servers drop the connection at the same step, suspect that. A server
    /// may drop only clients that it does not like. Large packets that vanish look like silence
    /// during the handshake.
    ///
    /// ## References
    ///
    /// RFC 5321 §3.8, RFC 5321 §4.5.3.2
    pub static CONNECTION_DROPPED = {
        code: "connection-dropped",
        group: Reach,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the connection ends or falls silent before the conversation does",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some((stop, seen)) = facts.stop().zip(facts.connected()) else { return facts.unseen() };
    let (step, how) = match stop {
        Stop::Dropped { step, how } => (step, how),
        Stop::Unfinished => return Outcome::CannotTell("the conversation was not finished"),
        _ => return Outcome::Pass,
    };
    let label = facts.endpoint.label();
    let awaited = awaited(step);
    let when = match (step, &how) {
        (Phase::Tls, _) => "during the TLS handshake".to_owned(),
        _ => format!("before {awaited}"),
    };
    let message = match &how {
        Break::Closed => format!("{label} closed the connection {when}"),
        Break::Reset => format!("the connection to {label} was reset {when}"),
        Break::Silent { partial: true } if step != Phase::Tls => {
            format!("{label} did not finish {awaited} in time")
        }
        Break::Silent { .. } => format!("{label} fell silent {when}"),
        Break::TooMuch(limit) => {
            let size = match limit {
                Limit::Reply => "64 KiB or 128 lines",
                Limit::Conversation => "256 KiB in one conversation",
            };
            format!("{label} sent more than {size} as {awaited}, and the connection was given up")
        }
        Break::Failed(error) => {
            format!("the connection to {label} failed {when}: {}", shorten(error))
        }
    };
    let cut_short = matches!(how, Break::Silent { .. }) && is_cut_short(seen);
    let fix = if cut_short { CUT_SHORT } else { fix(step, &how) };
    Outcome::found(Found {
        message,
        fix: fix.to_owned(),
        evidence: evidence(seen, step),
        reference: "RFC 5321 §3.8",
    })
}

const CUT_SHORT: &str = "Try again with a longer --timeout: most of the time for the whole \
                         conversation had gone into its earlier steps, so the server may only be slow.";

/// Most of the time had gone before the last step began, and that step had less than any server
/// is given (seconds, where RFC 5321 §4.5.3.2 speaks of minutes).
fn is_cut_short(seen: &Conversation) -> bool {
    let waited = seen.timings.unfinished();
    waited.as_secs() < 5.0 && waited.0 * 2.0 < seen.timings.total.0
}

fn fix(step: Phase, how: &Break) -> &'static str {
    match (step, how) {
        (_, Break::TooMuch(_)) => {
            "Find out what really answers there: no mail server sends that much before any mail."
        }
        (Phase::Greeting, Break::Silent { .. }) => {
            "Look in the server's log for this connection: a tarpit that sends its greeting byte \
             by byte looks like this, and so does a path that loses packets."
        }
        (Phase::Greeting, _) => {
            "On the server, look at connection limits, access lists (hosts.allow, fail2ban) and, \
             behind a load balancer, at whether a working server is behind it. If unrelated \
             servers do the same from here, something on this side cuts the connection."
        }
        (Phase::Tls, Break::Silent { .. }) => {
            "If other servers finish the handshake from here, look at the server's log and at the \
             path MTU towards it: large packets that vanish look like this. Clamp the MSS on \
             tunnels and let ICMP \"fragmentation needed\" pass."
        }
        (Phase::Tls, _) => {
            "On the server, see that the key and certificate files can be read and belong \
             together; its log names the reason. If unrelated \
             servers do the same from here, something on this side cuts TLS."
        }
        (Phase::EhloAfterTls, Break::Closed | Break::Reset) => {
            "Try again in some minutes: a server that limits the TLS sessions of one client can end \
             one like this. If it stays, look in the server's log for this connection, and for a \
             filter in front of it or on this side; a run from another network tells."
        }
        _ => {
            "Look in the server's log for this connection. A filter in front of the server or on \
             this side can also end it; a run from another network tells."
        }
    }
}

fn evidence(seen: &Conversation, step: Phase) -> Vec<String> {
    let mut evidence = vec![format!(
        "it ended while waiting for {}, {:.1} s into that step",
        awaited(step),
        seen.timings.unfinished().as_secs()
    )];
    if let Some(greeting) = &seen.smtp.greeting {
        evidence.push(format!("greeting: {}", quote(greeting)));
    }
    if let Some(error) = seen.tls.as_ref().and_then(|tls| tls.error.as_ref()) {
        evidence.push(format!("TLS: {}", shorten(&error.text)));
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{reply, talk};
    use crate::observation::{Ending, Millis, Timings, TlsErrorKind};

    #[test]
    fn silence_after_most_of_the_time_had_gone_is_not_blamed_on_the_server() {
        let silent = Ending::TimedOut { phase: Phase::Ehlo, partial: false };
        let after = |greeting, total| {
            let talk = talk(25).ends(silent.clone()).edit(|seen| {
                seen.timings = Timings { greeting: Some(Millis(greeting)), ..Timings::default() };
                seen.timings.total = Millis(total);
            });
            talk.found(&CONNECTION_DROPPED)
        };
        assert_eq!(after(8000.0, 8010.0).fix, CUT_SHORT);
        assert_ne!(after(8000.0, 15_000.0).fix, CUT_SHORT);
        assert_ne!(after(10.0, 3000.0).fix, CUT_SHORT);
        assert!(after(8000.0, 15_000.0).evidence[0].ends_with("7.0 s into that step"));
    }

    #[test]
    fn each_end_says_at_which_step() {
        let silent = |phase, partial| Ending::TimedOut { phase, partial };
        for (ending, part) in [
            (Ending::Closed(Phase::Greeting), "closed the connection before the greeting"),
            (silent(Phase::Greeting, true), "did not finish the greeting in time"),
            (Ending::Reset(Phase::Ehlo), "was reset before the reply to EHLO"),
            (silent(Phase::Starttls, false), "fell silent before the reply to STARTTLS"),
            (Ending::Reset(Phase::Tls), "was reset during the TLS handshake"),
            (silent(Phase::EhloAfterTls, false), "before the reply to EHLO inside TLS"),
            (Ending::TooMuch { phase: Phase::Ehlo, limit: Limit::Reply }, "more than 64 KiB"),
            (
                Ending::Failed { phase: Phase::Ehlo, error: "broken pipe".to_owned() },
                "failed before the reply to EHLO: broken pipe",
            ),
        ] {
            let talk = talk(25).ends(ending.clone());
            assert_eq!(talk.codes(), ["connection-dropped"], "{ending:?}");
            let found = talk.found(&CONNECTION_DROPPED);
            assert!(found.message.contains(part), "{found:?}");
        }
        let closed = talk(465).tls_fails(TlsErrorKind::Closed, "handshake eof", b"");
        assert_eq!(closed.codes(), ["connection-dropped"]);
    }

    #[test]
    fn an_end_that_was_announced_is_no_drop() {
        let after_reply = talk(25).ends(Ending::Closed(Phase::Quit));
        assert_eq!(after_reply.outcome(&CONNECTION_DROPPED), Outcome::Pass);
        let refused = talk(25)
            .refuses_ehlo("550 5.7.1 No")
            .edit(|c| c.ending = Some(Ending::Closed(Phase::Ehlo)));
        assert_eq!(refused.codes(), ["ehlo-rejected"]);
        let throttled = talk(25)
            .greeting("421 busy")
            .edit(|c| c.ending = Some(Ending::Closed(Phase::Greeting)));
        assert_eq!(throttled.codes(), ["greeting-throttled"]);
        let second_try = talk(25)
            .ends(Ending::Closed(Phase::Greeting))
            .edit(|c| c.put_off = Some(reply("421 busy")));
        assert_eq!(second_try.codes(), ["greeting-throttled"]);
    }

    #[test]
    fn a_conversation_that_we_broke_off_accuses_nobody() {
        let unfinished = talk(25).edit(|c| {
            c.ending = None;
            c.smtp = Default::default();
            c.tls = None;
        });
        assert!(unfinished.codes().is_empty());
        assert!(matches!(unfinished.outcome(&CONNECTION_DROPPED), Outcome::CannotTell(_)));
    }
}
