//! Checks of what the server says. What ended a conversation is decided once, in
//! [`stop`](crate::diagnosis::stop); here are its words, and what can be wrong on the way.

pub mod auth_before_tls;
pub mod auth_not_offered;
pub mod ehlo_rejected;
pub mod ehlo_unsupported;
pub mod greeting_missing;
pub mod greeting_rejected;
pub mod greeting_rewritten;
pub mod greeting_slow;
pub mod greeting_throttled;
pub mod plaintext_after_starttls;
pub mod plaintext_on_tls_port;
pub mod reply_malformed;
pub mod starttls_not_supported;
pub mod starttls_refused;
pub mod tls_on_plaintext_port;
pub mod wrong_protocol;

use crate::diagnosis::check::{EndpointFacts, Outcome};
use crate::diagnosis::words::shorten;
use crate::observation::Capabilities;

/// The outcome of a check of the greeting that found nothing: passed where there was a greeting to
/// look at, unknown where there was none.
fn greeting_seen(facts: &EndpointFacts<'_>) -> Outcome {
    match facts.connected() {
        None => facts.unseen(),
        Some(seen) if seen.smtp.greeting.is_some() => Outcome::Pass,
        Some(_) => Outcome::CannotTell("no greeting was read"),
    }
}

/// The first EHLO keyword that a filter has masked: `XXXXXXXA`, where only the last letter is left.
/// Firewalls of the PIX and ASA family write so over keywords that they do not let pass.
fn masked_keyword(offered: &Capabilities) -> Option<&str> {
    offered.keywords.iter().map(|k| k.keyword.as_str()).find(|keyword| {
        keyword.len() >= 4
            && keyword.ends_with(|c: char| c.is_ascii_uppercase())
            && keyword[..keyword.len() - 1].bytes().all(|b| b == b'X')
    })
}

/// The EHLO keywords in one line, for evidence.
fn keywords(offered: &Capabilities) -> String {
    if offered.helo_only {
        return "only HELO was accepted, which offers nothing".to_owned();
    }
    if offered.keywords.is_empty() {
        return "EHLO offers nothing".to_owned();
    }
    let keywords: Vec<&str> = offered.keywords.iter().map(|k| k.keyword.as_str()).collect();
    shorten(&format!("EHLO offers: {}", keywords.join(", ")))
}
