//! The words that findings share: how a reply, a date or a list is quoted.
//!
//! Knows English and nothing of any check. Must not know facts beyond the value that it is given.
//! Remote text is quoted raw and cut short; renderers sanitise it.

use time::{OffsetDateTime, UtcOffset};

use crate::observation::{Phase, Reply};

/// A quotation is cut here: a finding is read on one screen, and the report has the whole text.
const QUOTED: usize = 160;

/// A reply in one line, its lines joined by ` / `: `554 5.7.1 No / 554 go away` without the
/// repeated codes.
pub fn quote(reply: &Reply) -> String {
    let lines: Vec<&str> = reply.lines.iter().map(|l| l.trim()).filter(|l| !l.is_empty()).collect();
    shorten(format!("{:03} {}", reply.code, lines.join(" / ")).trim_end())
}

/// Bytes that are no reply, as text with the unprintable ones escaped.
pub fn quote_bytes(bytes: &[u8]) -> String {
    // Cut first: an escape is up to four characters long and must not be cut in two.
    let shown = &bytes[..bytes.len().min(48)];
    let line = shown.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
    let text = if line.is_empty() { shown } else { line };
    let more = if text.len() < bytes.trim_ascii_end().len() { "…" } else { "" };
    format!("{}{more}", text.escape_ascii())
}

/// Text, cut where it is too long for a sentence.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// An instant as RFC 3339 in UTC: `2026-11-11T00:00:00Z`.
pub fn instant(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{}T{:02}:{:02}:{:02}Z", at.date(), at.hour(), at.minute(), at.second())
}

/// The day of an instant in UTC: `2026-11-11`.
pub fn day(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).date().to_string()
}

/// A number of days between two instants, for a sentence: `12 days`, `1 day`, `less than a day`.
pub fn days(span: time::Duration) -> String {
    match span.whole_days() {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        n => format!("{n} days"),
    }
}

/// `a`, `a or b`, `a, b or c`.
pub fn alternatives<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    match items.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        all => all.concat(),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [front @ .., last] => {
            let front: Vec<&str> = front.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", front.join(", "), last.as_ref())
        }
    }
}

/// What was waited for at a step, as it fits behind "while waiting for".
pub fn awaited(step: Phase) -> &'static str {
    match step {
        Phase::Connect => "the connection",
        Phase::Greeting => "the greeting",
        Phase::Ehlo => "the reply to EHLO",
        Phase::Starttls => "the reply to STARTTLS",
        Phase::Tls => "the end of the TLS handshake",
        Phase::EhloAfterTls => "the reply to EHLO inside TLS",
        Phase::Quit => "the reply to QUIT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply { code, lines: lines.iter().map(|l| (*l).to_owned()).collect(), ..Reply::default() }
    }

    #[test]
    fn replies_are_quoted_in_one_short_line() {
        assert_eq!(quote(&reply(554, &["5.7.1 No", "", "go away "])), "554 5.7.1 No / go away");
        assert_eq!(quote(&reply(250, &[""])), "250");
        let long = quote(&reply(554, &["é".repeat(500).as_str()]));
        assert_eq!(long.chars().count(), QUOTED + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn bytes_are_quoted_up_to_the_end_of_their_first_line() {
        assert_eq!(quote_bytes(b"SSH-2.0-x\r\n"), "SSH-2.0-x");
        assert_eq!(quote_bytes(b"HTTP/1.1 400 Bad\r\nServer: x\r\n"), "HTTP/1.1 400 Bad…");
        assert_eq!(quote_bytes(b"\x15\x03\x01"), "\\x15\\x03\\x01");
        assert_eq!(quote_bytes(b"\n\n"), "\\n\\n");
        assert!(quote_bytes(&[b'x'; 400]).len() < 60);
    }

    #[test]
    fn dates_are_utc() {
        let at = OffsetDateTime::UNIX_EPOCH.to_offset(UtcOffset::from_hms(2, 0, 0).expect("east"));
        assert_eq!(instant(at), "1970-01-01T00:00:00Z");
        assert_eq!(day(at - time::Duration::SECOND), "1969-12-31");
        assert_eq!(days(time::Duration::hours(23)), "less than a day");
        assert_eq!(days(time::Duration::hours(47)), "1 day");
        assert_eq!(days(time::Duration::days(12)), "12 days");
    }

    #[test]
    fn lists_read_as_english() {
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b"]), "a and b");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
