use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::{list, quote};
use crate::observation::{Conversation, EhloAttempt, Reply, ReplyDefect, StarttlsFacts};

declare_check! {
    /// ## What it checks
    ///
    /// That every reply keeps to the form of the standard: a code and a text, one code for all
    /// lines of a reply, CRLF at each end, no line over 512 octets, plain ASCII.
    ///
    /// ## Why it matters
    ///
    /// The replies could still be read here. Another client may stumble over them: it waits for a
    /// line that it takes for unfinished, or reads two replies as one. Bare line feeds are also
    /// what attacks by smuggled messages build on.
    ///
    /// ## How to fix it
    ///
    /// Correct the text that the server was configured to say, or update the software. If the server is innocent, look at a proxy in front
    /// of it.
    ///
    /// ## When it may be wrong
    ///
    /// A proxy or security software on this side may have rewritten the reply; then other servers
    /// show the same defect.
    ///
    /// ## References
    ///
    /// RFC 5321 §4.2, RFC 5321 §4.2.1, RFC 5321 §4.5.3.1.5, RFC 5321 §2.3.8
    pub static REPLY_MALFORMED = {
        code: "reply-malformed",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "a reply breaks the standard's form and could still be read",
        settings: &[
            (
                "postfix",
                "`smtpd_banner` is the text of the greeting.",
            ),
            (
                "exim",
                "`smtp_banner` is the text of the greeting.",
            ),
        ],
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(seen) = facts.connected() else { return facts.unseen() };
    let replies = replies(seen);
    if replies.is_empty() {
        return Outcome::CannotTell("no reply was read");
    }
    let mut kinds: Vec<&str> = Vec::new();
    let mut evidence = Vec::new();
    for (what, reply) in replies.iter().filter(|(_, reply)| !reply.defects.is_empty()) {
        let own: Vec<&str> = reply.defects.iter().map(|defect| describe(*defect)).collect();
        evidence.push(format!("{what}: {} in `{}`", list(&own), quote(reply)));
        for kind in own {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    if kinds.is_empty() {
        return Outcome::Pass;
    }
    Outcome::found(Found {
        message: format!(
            "a reply of {} breaks the form of SMTP: {}",
            facts.endpoint.label(),
            list(&kinds)
        ),
        fix: fix(&replies).to_owned(),
        evidence,
        reference: "RFC 5321 §4.2",
    })
}

/// What to do: a text can be corrected in the configuration, a reply that nobody asked for cannot.
fn fix(replies: &[(&str, &Reply)]) -> &'static str {
    let mut defects = replies.iter().flat_map(|(_, reply)| &reply.defects);
    match defects.all(|defect| *defect == ReplyDefect::Unasked) {
        true => {
            "Update the server's software, or the proxy or filter in front of it: clients take what \
             nobody asked for as the answer to their next command."
        }
        false => {
            "Correct the texts that the server is configured to say, or \
             update its software or the proxy in front of it."
        }
    }
}

/// Every reply of the conversation with what it answers.
fn replies(seen: &Conversation) -> Vec<(&str, &Reply)> {
    fn attempts(attempts: &[EhloAttempt]) -> impl Iterator<Item = (&str, &Reply)> {
        attempts.iter().map(|attempt| (attempt.verb.as_str(), &attempt.reply))
    }
    let smtp = &seen.smtp;
    let starttls = smtp.starttls.as_ref().and_then(|s: &StarttlsFacts| s.reply.as_ref());
    let greeting = smtp.greeting.iter().map(|reply| ("greeting", reply));
    greeting
        .chain(attempts(&smtp.ehlo_attempts))
        .chain(starttls.map(|reply| ("STARTTLS", reply)))
        .chain(attempts(&smtp.ehlo_attempts_after_tls))
        .collect()
}

fn describe(defect: ReplyDefect) -> &'static str {
    match defect {
        ReplyDefect::BareLf => "a line that ends with LF alone",
        ReplyDefect::BareCr => "a CR inside a line",
        ReplyDefect::LongLine => "a line over 512 octets",
        ReplyDefect::TruncatedLine => "a line too long to keep",
        ReplyDefect::MixedCodes => "lines with different codes",
        ReplyDefect::BadSeparator => "no space or hyphen behind the code",
        ReplyDefect::MissingCode => "a line without a code",
        ReplyDefect::ControlCharacter => "a control character",
        ReplyDefect::NotAscii => "text that is not ASCII",
        ReplyDefect::OddCode => "a code that SMTP does not have",
        ReplyDefect::Unasked => "something that was not asked for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn defects_are_told_once_each_and_shown_where_they_are() {
        let talk = talk(587).edit(|c| {
            c.smtp.greeting.as_mut().expect("greeting").defects = vec![ReplyDefect::BareLf];
            c.smtp.ehlo_attempts_after_tls[0].reply.defects =
                vec![ReplyDefect::BareLf, ReplyDefect::NotAscii];
        });
        assert_eq!(talk.codes(), ["reply-malformed"]);
        let found = talk.found(&REPLY_MALFORMED);
        assert_eq!(found.message.matches("LF alone").count(), 1);
        assert!(found.evidence[0].starts_with("greeting: a line that ends"), "{found:?}");
        assert!(found.evidence[1].starts_with("EHLO: "), "{found:?}");
    }

    #[test]
    fn proper_replies_pass_and_none_cannot_tell() {
        assert_eq!(talk(25).outcome(&REPLY_MALFORMED), Outcome::Pass);
        assert!(matches!(talk(25).silent().outcome(&REPLY_MALFORMED), Outcome::CannotTell(_)));
    }
}
