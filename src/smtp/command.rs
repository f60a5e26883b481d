//! The commands that are sent, and nothing else ever is.
//!
//! Knows their spelling. Must not know when each is due: see [`dialogue`](super::dialogue).

use std::fmt;
use std::sync::Arc;

/// The longest argument that is sent: a domain's limit (RFC 5321 §4.5.3.1.2), which keeps every
/// command line under 512 octets.
const LONGEST_ARGUMENT: usize = 255;

/// A command. There is no MAIL, no RCPT, no DATA and no AUTH: a check sends no mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// EHLO or HELO (RFC 5321 §4.1.1.1).
    Hello(Verb, Argument),
    /// RFC 3207.
    Starttls,
    /// RFC 5321 §4.1.1.10.
    Quit,
}

impl Command {
    /// The line with its CRLF: one value for one write. In two writes, Nagle's algorithm would
    /// hold the second back for a round trip.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        format!("{self}\r\n").into_bytes()
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(verb, name) => write!(f, "{} {}", verb.as_str(), name.as_str()),
            Self::Starttls => f.write_str("STARTTLS"),
            Self::Quit => f.write_str("QUIT"),
        }
    }
}

/// How a client introduces itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Ehlo,
    Helo,
}

impl Verb {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
        }
    }
}

/// A name or address literal that cannot break out of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument(Arc<str>);

impl Argument {
    /// `None` where the text is empty, too long, or has anything but visible ASCII in it: a
    /// space would begin another argument, a CR or LF another command.
    pub(super) fn new(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_ARGUMENT).contains(&text.len());
        (fits && text.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(text.into()))
    }

    /// 127.0.0.1 as a literal: what is said where nothing else can be.
    pub(super) fn loopback() -> Self {
        Self("[127.0.0.1]".into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_ends_a_line() {
        let too_long = "a".repeat(256);
        for bad in [
            "",
            "a b",
            "a\r\nRCPT TO:<x@y>",
            "a\n",
            "a\rb",
            "a\0",
            "bücher.example",
            "a\t",
            &too_long,
        ] {
            assert_eq!(Argument::new(bad), None, "{bad:?}");
        }
        let name = Argument::new("[IPv6:2001:db8::1]").expect("a literal is an argument");
        assert_eq!(Command::Hello(Verb::Ehlo, name).to_bytes(), b"EHLO [IPv6:2001:db8::1]\r\n");
    }
}
