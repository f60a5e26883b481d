//! What a server offers, out of its reply to EHLO (RFC 5321 §4.1.1.1).
//!
//! Knows how keywords stand in the reply. Must not know what any keyword is good for, nor forget
//! one that it has never heard of: a mask such as `XXXXXXXA` is evidence.

use crate::observation::{Capabilities, Keyword, Reply};

/// Reads an accepted EHLO: the first line is the server's greeting, each other line a keyword.
pub(super) fn capabilities(reply: &Reply) -> Capabilities {
    let mut lines = reply.lines.iter();
    Capabilities {
        helo_only: false,
        domain: lines.next().cloned().unwrap_or_default(),
        keywords: lines.filter_map(|line| keyword(line)).collect(),
    }
}

/// Reads an accepted HELO, which cannot say what a server offers: behind the first line only
/// chatter can stand.
pub(super) fn helo_capabilities(reply: &Reply) -> Capabilities {
    Capabilities {
        helo_only: true,
        domain: reply.lines.first().cloned().unwrap_or_default(),
        keywords: Vec::new(),
    }
}

/// `AUTH=PLAIN LOGIN`, which old clients needed, stays as it was sent: [`Keyword::is`] knows it.
fn keyword(line: &str) -> Option<Keyword> {
    let line = line.trim();
    let (keyword, parameters) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (!keyword.is_empty()).then(|| Keyword {
        keyword: keyword.to_owned(),
        parameters: parameters.trim_start().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Capabilities {
        let lines = lines.iter().map(|&l| l.to_owned()).collect();
        capabilities(&Reply { code: 250, lines, ..Reply::default() })
    }

    #[test]
    fn keywords_as_servers_send_them() {
        for (line, keyword, parameters) in [
            ("STARTTLS", "STARTTLS", ""),
            ("starttls", "starttls", ""),
            ("STARTTLS ", "STARTTLS", ""),
            ("STARTTLS\r", "STARTTLS", ""),
            ("SIZE 10240000", "SIZE", "10240000"),
            ("SIZE\t10240000", "SIZE", "10240000"),
            ("AUTH PLAIN  LOGIN", "AUTH", "PLAIN  LOGIN"),
            ("AUTH=PLAIN LOGIN", "AUTH=PLAIN", "LOGIN"),
            ("XXXXXXXA", "XXXXXXXA", ""),
            (" 8BITMIME", "8BITMIME", ""),
            ("X-ANONYMOUSTLS", "X-ANONYMOUSTLS", ""),
        ] {
            let found = read(&["mx.example", line]).keywords;
            let expected =
                Keyword { keyword: keyword.to_owned(), parameters: parameters.to_owned() };
            assert_eq!(found, [expected], "{line:?}");
        }
    }

    #[test]
    fn the_first_line_is_no_keyword() {
        assert_eq!(read(&["STARTTLS"]).keywords, []);
        assert_eq!(read(&["STARTTLS"]).domain, "STARTTLS");
        assert_eq!(read(&[]), Capabilities::default());
    }

    #[test]
    fn empty_lines_are_nothing() {
        assert_eq!(read(&["mx.example", "", "  ", "\r", "HELP"]).keywords.len(), 1);
    }

    #[test]
    fn keywords_are_found_whatever_their_case_and_never_by_a_part() {
        let offered = read(&["mx.example", "StartTLS", "AUTH=LOGIN", "XSTARTTLS2"]);
        assert!(offered.offers("STARTTLS") && offered.offers("auth"));
        assert!(!read(&["mx.example", "X-STARTTLS", "HELP STARTTLS"]).offers("STARTTLS"));
    }

    #[test]
    fn helo_offers_nothing() {
        let lines = vec!["mx.example".to_owned(), "STARTTLS".to_owned()];
        let offered = helo_capabilities(&Reply { code: 250, lines, ..Reply::default() });
        assert!(offered.helo_only && !offered.offers("STARTTLS"));
    }
}
