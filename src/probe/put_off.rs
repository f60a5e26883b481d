//! Whether a server asked to be left alone for a while. Pure.
//!
//! Knows the replies by which servers say so, at every step. Must not know how long anybody waits
//! then: that is for [`endpoint`](super::endpoint).

use crate::observation::bytes::reply_code;
use crate::observation::{Conversation, EhloAttempt, Phase, Reply, pushback};

/// The reply by which a server asks us to come back later: a 4yz greeting, 421 at any step (RFC
/// 5321 §3.8), or words about a limit.
pub fn put_off(conversation: &Conversation) -> Option<Reply> {
    let smtp = &conversation.smtp;
    let attempt = |step| move |attempt: &EhloAttempt| (step, attempt.reply.clone());
    let greeting = smtp.greeting.iter().map(|reply| (Phase::Greeting, reply.clone()));
    let ehlo = smtp.ehlo_attempts.iter().map(attempt(Phase::Ehlo));
    let starttls = smtp.starttls.iter().filter_map(|starttls| starttls.reply.clone());
    let inside = smtp.ehlo_attempts_after_tls.iter().map(attempt(Phase::EhloAfterTls));
    greeting
        .chain(ehlo)
        .chain(starttls.map(|reply| (Phase::Starttls, reply)))
        .chain(plaintext_instead_of_tls(conversation))
        .chain(inside)
        .find(|(step, reply)| {
            // A limit may be worded as a refusal for good, and pass all the same.
            let limit = *step == Phase::Greeting
                && reply.is_permanent()
                && pushback::speaks_of_a_limit(&reply.lines.join(" "));
            limit || pushback::is_pushback(*step, reply)
        })
        .map(|(_, reply)| reply)
}

/// A reply in plaintext where TLS was to begin: some servers turn a client away before that.
fn plaintext_instead_of_tls(conversation: &Conversation) -> Option<(Phase, Reply)> {
    let first = &conversation.tls.as_ref()?.first_bytes;
    let code = reply_code(first)?;
    let line = first.get(3..)?.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let text = String::from_utf8_lossy(line).trim_start_matches([' ', '-']).to_owned();
    let greeted = conversation.smtp.greeting.is_some();
    let step = if greeted { Phase::Tls } else { Phase::Greeting };
    Some((step, Reply { code, lines: vec![text], ..Reply::default() }))
}
