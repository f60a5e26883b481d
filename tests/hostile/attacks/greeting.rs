//! What comes before a word was said to the server.

use std::time::Duration;

use crate::attack::{Attack, problems, server, undetermined};
use crate::peer::{Act, endless, endless_drip, say};

/// A terminal's whole repertoire: colours, title, clear screen, C1 controls, backspaces, bells.
pub const ESCAPES: &str = "\x1b[2J\x1b[31m\x1b]0;owned\x07\u{9b}1m\x08\x08\x7f\x0e\x1bP\x1b\\";
/// What turns lines around or cannot be seen.
pub const BIDI: &str = "\u{202e}live\u{2066}\u{200f}\u{61c}\u{feff}\u{200b}\u{2028}\u{e0041}";

pub fn attacks() -> Vec<Attack> {
    vec![
        server(
            "a greeting without end",
            25,
            vec![endless(b"220-There is more to say\r\n"), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "a greeting at a byte a tenth of a second",
            25,
            vec![endless_drip(b"220-a\r\n")],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "a greeting at a byte a second",
            25,
            vec![Act::Drip(b"220 mail.example ESMTP\r\n".to_vec(), Duration::from_secs(1))],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "a line of 10 MB",
            25,
            vec![say("220 "), Act::Repeat(vec![b'a'; 1 << 20], 10), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "ten million lines",
            25,
            vec![Act::Repeat(b"220-\r\n".repeat(1000), 10_000), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "ten million empty lines",
            25,
            vec![Act::Repeat(b"\n".repeat(1000), 10_000), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "NULs without end",
            25,
            vec![endless(&[0; 100])],
            problems(&["misconfigured"], &["error wrong-protocol"]),
        ),
        server(
            "NULs in the greeting",
            25,
            vec![say("220 mail\0.example\0 ESMTP\r\n"), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped", "warning reply-malformed"]),
        ),
        server(
            "bytes that are no UTF-8",
            25,
            vec![Act::Say(b"220 \xff\xfe\xc3\x28\xf0\x28\x8c\xbc\r\n".to_vec()), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped", "warning reply-malformed"]),
        ),
        server(
            "escape sequences",
            25,
            vec![say(&format!("554 {ESCAPES} no\r\n")), Act::Hold],
            problems(&["rejected"], &["error greeting-rejected", "warning reply-malformed"]),
        ),
        server(
            "characters that turn lines around",
            25,
            vec![say(&format!("554 {BIDI} no\r\n")), Act::Hold],
            problems(&["rejected"], &["error greeting-rejected", "warning reply-malformed"]),
        ),
        server(
            "a code of ten digits",
            25,
            vec![say("2202202202 mail.example\r\n"), Act::Hold],
            problems(&["misconfigured"], &["error wrong-protocol"]),
        ),
        server(
            "codes out of range",
            25,
            vec![say("999 mail.example\r\n"), Act::Hold],
            problems(&["misconfigured"], &["error wrong-protocol", "warning reply-malformed"]),
        ),
        server(
            "every code at once",
            25,
            vec![say("220-a\r\n421-b\r\n554-c\r\n250 d\r\n"), Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped", "warning reply-malformed"]),
        ),
        server(
            "only carriage returns",
            25,
            vec![endless(b"220 mail.example\r")],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "replies before questions",
            25,
            vec![
                say(
                    "220 mail.example\r\n250-mail.example\r\n250 STARTTLS\r\n220 go\r\n221 bye\r\n",
                ),
                Act::Hold,
            ],
            problems(&["misconfigured"], &["error connection-dropped", "warning reply-malformed"]),
        ),
        server(
            "HTTP without end",
            25,
            vec![say("HTTP/1.1 200 OK\r\n\r\n"), endless(b"<html>")],
            problems(&["misconfigured"], &["error wrong-protocol"]),
        ),
        server(
            "a TLS record without end",
            25,
            vec![Act::Say(vec![22, 3, 1, 255, 255]), endless(&[0; 100])],
            problems(&["misconfigured"], &["error tls-on-plaintext-port"]),
        ),
        server(
            "noise without end on a port of implicit TLS",
            465,
            vec![endless(b"\x80\x01 noise \xff")],
            problems(&["misconfigured"], &["error tls-handshake-failed"]),
        ),
        server(
            "a greeting without end on a port of implicit TLS",
            465,
            vec![endless(b"220-plain\r\n")],
            problems(&["misconfigured"], &["error plaintext-on-tls-port"]),
        ),
        server(
            "a reset at once",
            25,
            vec![Act::Reset],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "an end at once",
            25,
            vec![],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "half open at once",
            25,
            vec![Act::HalfClose, Act::Hold],
            problems(&["misconfigured"], &["error connection-dropped"]),
        ),
        server(
            "silence",
            25,
            vec![Act::Hold],
            problems(&["misconfigured"], &["error greeting-missing"]),
        ),
        server(
            "put off for ever",
            25,
            vec![say("421 4.3.2 Too many connections\r\n")],
            undetermined(&["rejected"], &["warning greeting-throttled"]),
        ),
    ]
}
