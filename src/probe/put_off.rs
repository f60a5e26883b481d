//! Whether a server asked to be left alone for a while. Pure.
//!
//! Knows the replies by which servers say so, at every step. Must not know how long anybody waits
//! then: that is for [`endpoint`](super::endpoint).

use std::borrow::Cow;

use crate::observation::bytes::reply_code;
use crate::observation::{Conversation, Phase, Reply, pushback};

/// The reply by which a server asks us to come back later: a 4yz greeting, 421 at any step (RFC
/// 5321 §3.8), or words about a limit.
pub fn put_off(conversation: &Conversation) -> Option<Reply> {
    let smtp = &conversation.smtp;
    let at = |step| move |reply| (step, Cow::Borrowed(reply));
    let greeting = smtp.greeting.iter().map(at(Phase::Greeting));
    let ehlo = smtp.ehlo_attempts.iter().map(|attempt| &attempt.reply);
    let starttls = smtp.starttls.iter().filter_map(|starttls| starttls.reply.as_ref());
    let plaintext = plaintext_instead_of_tls(conversation);
    let inside = smtp.ehlo_attempts_after_tls.iter().map(|attempt| &attempt.reply);
    greeting
        .chain(ehlo.map(at(Phase::Ehlo)))
        .chain(starttls.map(at(Phase::Starttls)))
        .chain(plaintext.map(|(step, reply)| (step, Cow::Owned(reply))))
        .chain(inside.map(at(Phase::EhloAfterTls)))
        .find(|(step, reply)| {
            // A limit may be worded as a refusal for good, and pass all the same.
            let limit = *step == Phase::Greeting
                && reply.is_permanent()
                && pushback::speaks_of_a_limit(&reply.lines.join(" "));
            limit || pushback::is_pushback(*step, reply)
        })
        .map(|(_, reply)| reply.into_owned())
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
