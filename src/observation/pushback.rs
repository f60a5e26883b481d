//! What a server that wants to be left alone for now says, wherever it says it. Pure.
//!
//! Two readers need the same answer: the probe, which comes back once, and the diagnosis, which must
//! not take a limit for a fault.

use std::time::Duration;

use super::{Phase, Reply};

/// A limit on how often or how much at once: no reply that means something else has such words.
const LIMITS: [&str; 8] = [
    "too many connection",
    "too many concurrent",
    "too many simultaneous",
    "too many session",
    "too many new tls session",
    "connection limit",
    "connection rate",
    "rate limit",
];

/// Words that stand right before a span that is advice to us, and not the window of a limit
/// ("too many connections in 60 seconds").
const ADVICE: [&str; 12] = [
    "again in",
    "again after",
    "back in",
    "back after",
    "retry in",
    "retry after",
    "reconnect in",
    "reconnect after",
    "wait for",
    "wait at least",
    "wait",
    "later in",
];

/// Whether a reply at this step asks us to come back later: a 4yz greeting, a 421 at any step (RFC
/// 5321 §3.8), or a 4yz that speaks of a limit, as Postfix's `454 4.7.0 Error: too many new TLS
/// sessions` does to STARTTLS. A demand for a client certificate does not pass with time.
pub fn is_pushback(step: Phase, reply: &Reply) -> bool {
    let counts = || {
        step == Phase::Greeting || reply.code == 421 || speaks_of_a_limit(&reply.lines.join(" "))
    };
    reply.is_transient() && counts() && !wants_client_certificate(reply)
}

/// Whether a reply's text is about a limit on connections or sessions.
pub fn speaks_of_a_limit(text: &str) -> bool {
    let text = plain(text);
    LIMITS.iter().any(|limit| text.contains(limit))
}

/// Whether a reply asks for a client certificate, as Postfix does with a 421 inside TLS.
pub fn wants_client_certificate(reply: &Reply) -> bool {
    plain(&reply.lines.join(" ")).contains("client certificate")
}

/// How long a reply's text asks us to wait: "try again in 5 seconds". Only a number with its unit
/// behind words that can mean nothing else counts; of several the longest.
pub fn advised_pause(text: &str) -> Option<Duration> {
    let text = plain(text);
    ADVICE.iter().flat_map(|advice| spans_behind(&text, advice)).max()
}

fn spans_behind<'a>(text: &'a str, advice: &'a str) -> impl Iterator<Item = Duration> + 'a {
    text.match_indices(advice).filter_map(move |(at, _)| {
        let is_word = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        let behind = &text[at + advice.len()..];
        is_word.then(|| span(behind.strip_prefix(' ')?))?
    })
}

/// `5 seconds`, `5s`, `about 2 minutes` at the beginning of a text.
fn span(text: &str) -> Option<Duration> {
    let text = text.strip_prefix("about ").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // Six digits are eleven days; nothing sensible is longer, and nothing longer can overflow.
    let number: u64 = text.get(..digits).filter(|d| d.len() <= 6)?.parse().ok()?;
    let unit = text[digits..].strip_prefix(' ').unwrap_or(&text[digits..]);
    let letters = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
    let seconds = match &unit[..letters] {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number * seconds))
}

/// The text in lower case with single spaces; ` / `, which joins the lines of a quotation, is one.
fn plain(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    let words = text.split_whitespace().filter(|word| *word != "/");
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Reply {
        let (code, text) = text.split_once(' ').expect("a code and a text");
        let lines = text.split('/').map(str::to_owned).collect();
        Reply { code: code.parse().expect("a code"), lines, ..Reply::default() }
    }

    #[test]
    fn a_limit_is_told_from_a_fault() {
        use Phase::{Ehlo, EhloAfterTls, Greeting, Starttls, Tls};
        for (step, text) in [
            (Greeting, "421 4.7.0 mx Error: too many connections from 192.0.2.1"),
            (Greeting, "450 4.7.1 greylisted"),
            (Greeting, "421 4.3.2 Connection rate limit exceeded."),
            (Ehlo, "421 4.3.2 shutting down"),
            (Ehlo, "450 4.7.0 Too  many/concurrent sessions"),
            (Starttls, "454 4.7.0 Error: too many new TLS sessions from unknown[192.0.2.1]"),
            (Tls, "421 busy"),
            (EhloAfterTls, "421 mx: Too many concurrent SMTP connections; please try again later."),
        ] {
            assert!(is_pushback(step, &reply(text)), "{text}");
        }
        for (step, text) in [
            (Starttls, "454 4.7.0 TLS not available due to local problem"),
            (Starttls, "454 TLS currently unavailable"),
            (Starttls, "454 4.3.0 TLS not available due to temporary reason"),
            (Ehlo, "450 4.7.1 <c.example>: Helo command rejected: Host not found"),
            (Ehlo, "451 4.5.0 too many bad commands"),
            (Greeting, "554 Too many connections"),
            (Greeting, "220 rate limits apply"),
            (EhloAfterTls, "421 4.7.1 mx Error: No client certificate presented"),
        ] {
            assert!(!is_pushback(step, &reply(text)), "{text}");
        }
    }

    #[test]
    fn advice_is_a_number_with_its_unit_behind_words_that_mean_us() {
        for (text, seconds) in [
            ("421 try again in 5 seconds", Some(5)),
            ("421 4.7.0 Too many connections in 60 seconds, retry after 10s", Some(10)),
            ("450 4.2.0 Greylisted, please come back in about 5 minutes", Some(300)),
            ("421 Please wait 1 minute, or try again / in 90 seconds", Some(90)),
            ("421 Wait for 2 hours", Some(7200)),
            ("421 try again in 999999 hours", Some(999_999 * 3600)),
            ("421 try again in 1000000 seconds", None),
            ("421 try again in 99999999999999999999 s", None),
            ("421 too many connections in 60 seconds", None),
            ("421 try again in 5", None),
            ("421 try again in 5 minuets", None),
            ("421 try again in five minutes", None),
            ("421 try again in -5 seconds", None),
            ("421 await 5 seconds of peace", None),
            ("421 you waited 5 seconds", None),
            ("421 try again later", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(advised_pause(text), expected, "{text}");
        }
    }
}
