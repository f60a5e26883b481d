//! The time that a server states in its greeting.
//!
//! Exim, Sendmail, Exchange and others greet with the date of their own clock, in the form of
//! RFC 5322 §3.3. It is one server's word, right or wrong; what it is worth, others decide.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::observation::Reply;

/// Day, month, year, time and zone.
const WORDS: usize = 5;

/// No greeting is longer; every line more is more to search.
const LINES: usize = 4;

/// The first date in a greeting.
pub fn stated_time(greeting: &Reply) -> Option<OffsetDateTime> {
    greeting.lines.iter().take(LINES).find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        words.windows(WORDS).find_map(date)
    })
}

fn date(words: &[&str]) -> Option<OffsetDateTime> {
    let [day, month, year, time, zone] = words else { return None };
    // The name of the zone may stand in the place of its offset, or behind it in brackets.
    let zone = zone.trim_end_matches([';', ',', '.']);
    let zone = if zone.eq_ignore_ascii_case("UTC") { "GMT" } else { zone };
    OffsetDateTime::parse(&format!("{day} {month} {year} {time} {zone}"), &Rfc2822).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(lines: &[&str]) -> Option<i64> {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let reply = Reply { code: 220, lines, ..Reply::default() };
        stated_time(&reply).map(OffsetDateTime::unix_timestamp)
    }

    #[test]
    fn the_greetings_that_state_a_time() {
        let at = Some(1_795_464_000);
        for greeting in [
            "mx.example ESMTP Exim 4.96 Mon, 23 Nov 2026 20:00:00 +0000",
            "mx.example ESMTP Exim 4.98 Mon, 23 Nov 2026 21:00:00 +0100",
            "mx.example ESMTP Sendmail 8.17.1/8.17.1; Mon, 23 Nov 2026 20:00:00 GMT",
            "mx.example ESMTP Sendmail 8.14.7/8.14.7; Mon, 23 Nov 2026 15:00:00 -0500 (EST)",
            "mx.example Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 20:00:00 +0000",
            "AM0.example Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 20:00:00 +0000 [08DE]",
            "mx.example ESMTP IceWarp 13.0.3; Mon, 23 Nov 2026 21:00:00 +0100",
            "mx.example ESMTP Smtpd; 23 Nov 2026 20:00:00 UTC",
        ] {
            assert_eq!(stated(&[greeting]), at, "{greeting}");
        }
        assert_eq!(stated(&["mx.example", "ready at Mon, 23 Nov 2026 20:00:00 GMT"]), at);
    }

    #[test]
    fn the_greetings_that_state_none() {
        for greeting in [
            "mx.example ESMTP Postfix",
            "mx.google.com ESMTP 4fb4d7f45d1cf-23 Nov 2026 - gsmtp",
            "mx.example ESMTP Mon, 23 Nov 2026 20:00:00",
            "mx.example ESMTP Mon, 32 Nov 2026 20:00:00 +0000",
            "mx.example ESMTP Mon, 23 Nov 2026 20:00 soon",
            "1 2 3 4 5 6 7",
            "",
        ] {
            assert_eq!(stated(&[greeting]), None, "{greeting}");
        }
        let far = [&[""; LINES][..], &["Mon, 23 Nov 2026 20:00:00 GMT"]].concat();
        assert_eq!(stated(&far), None, "nobody greets with so many lines");
    }
}
