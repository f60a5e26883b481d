//! What an SMTP server of the lab does, as data: a healthy server, and each way to differ from it.
//!
//! Knows what servers do wrong. Must not know sockets: [`smtp`](super::smtp) acts it out.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

/// Everything about one server. Start from a healthy one and change what is to be wrong:
/// `Behaviour { ehlo: Ehlo::Refused, ..Behaviour::relay(identity) }`.
#[derive(Clone)]
pub struct Behaviour {
    /// Whether and how TLS begins.
    pub tls: Tls,
    /// What is said first.
    pub greeting: Greeting,
    /// How EHLO and HELO are answered.
    pub ehlo: Ehlo,
    /// The keywords in plaintext; STARTTLS is added where `tls` offers it.
    pub keywords: Vec<&'static str>,
    /// The keywords inside TLS.
    pub keywords_inside: Vec<&'static str>,
    /// What STARTTLS is answered with, bytes behind the reply included.
    pub starttls_reply: &'static str,
    /// What ends each line of a reply to EHLO.
    pub line_end: &'static str,
    /// Where the server stops playing along, and how.
    pub interruption: Option<(Step, Interruption)>,
}

/// Whether and how TLS begins.
#[derive(Clone)]
pub enum Tls {
    /// There is none.
    Absent,
    /// STARTTLS is offered.
    Starttls(Handshake),
    /// TLS from the first byte.
    Implicit(Handshake),
}

/// What a ClientHello is answered with.
#[derive(Clone)]
pub enum Handshake {
    /// A proper handshake with this certificate.
    Completes(Arc<ServerConfig>),
    /// These bytes, and then the end.
    Answers(Vec<u8>),
}

impl Handshake {
    /// A fatal alert (RFC 8446 §6.2) by its number.
    pub fn alert(description: u8) -> Self {
        Self::Answers(vec![0x15, 3, 3, 0, 2, 2, description])
    }
}

/// What is said first.
#[derive(Clone)]
pub enum Greeting {
    /// `220`, the host's name and `ESMTP`.
    Usual,
    /// These pieces, each after its pause.
    Pieces(Vec<(Duration, String)>),
    /// 421 and the end for the first so many connections, then the usual one.
    PutsOff(usize),
    /// Lines of a greeting without end.
    Endless,
}

impl Greeting {
    /// This text at once, CRLF included.
    pub fn text(text: &str) -> Self {
        Self::Pieces(vec![(Duration::ZERO, text.to_owned())])
    }

    /// The usual code after this long.
    pub fn after(pause: Duration) -> Self {
        Self::Pieces(vec![(pause, "220 slow.example ESMTP\r\n".to_owned())])
    }

    /// postscreen's way: the first line at once, the last after this long.
    pub fn in_two_parts(pause: Duration) -> Self {
        Self::Pieces(vec![
            (Duration::ZERO, "220-screen.example ESMTP\r\n".to_owned()),
            (pause, "220 screen.example ESMTP\r\n".to_owned()),
        ])
    }
}

/// How EHLO and HELO are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ehlo {
    /// As they should be.
    Accepted,
    /// EHLO is not known, HELO is.
    HeloOnly,
    /// 550 for every name that is not an address literal (RFC 5321 §4.1.3).
    LiteralOnly,
    /// 550 for every name.
    Refused,
}

/// A step of the conversation, named after what the client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Ehlo,
    Starttls,
    Tls,
    EhloInside,
    Quit,
}

/// How a server stops playing along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// It closes the connection (FIN).
    Closes,
    /// It resets the connection (RST).
    Resets,
    /// It says nothing any more and keeps the connection.
    FallsSilent,
}

impl Behaviour {
    /// A healthy relay: STARTTLS offered, no AUTH.
    pub fn relay(identity: Arc<ServerConfig>) -> Self {
        Self {
            tls: Tls::Starttls(Handshake::Completes(identity)),
            greeting: Greeting::Usual,
            ehlo: Ehlo::Accepted,
            keywords: vec!["PIPELINING", "SIZE 10240000", "8BITMIME"],
            keywords_inside: vec!["PIPELINING", "SIZE 10240000", "8BITMIME"],
            starttls_reply: "220 2.0.0 Ready to start TLS\r\n",
            line_end: "\r\n",
            interruption: None,
        }
    }

    /// A healthy submission server with STARTTLS: AUTH only inside TLS.
    pub fn submission(identity: Arc<ServerConfig>) -> Self {
        let keywords_inside = vec!["PIPELINING", "SIZE 10240000", "AUTH PLAIN LOGIN", "8BITMIME"];
        Self { keywords_inside, ..Self::relay(identity) }
    }

    /// A healthy submission server with implicit TLS.
    pub fn submissions(identity: Arc<ServerConfig>) -> Self {
        let tls = Tls::Implicit(Handshake::Completes(identity.clone()));
        Self { tls, ..Self::submission(identity) }
    }

    /// The same server, which stops playing along at this step.
    pub fn interrupted(self, step: Step, how: Interruption) -> Self {
        Self { interruption: Some((step, how)), ..self }
    }

    /// The same server, with this in the place of a proper handshake.
    pub fn with_handshake(mut self, handshake: Handshake) -> Self {
        self.tls = match self.tls {
            Tls::Implicit(_) => Tls::Implicit(handshake),
            Tls::Absent | Tls::Starttls(_) => Tls::Starttls(handshake),
        };
        self
    }
}
