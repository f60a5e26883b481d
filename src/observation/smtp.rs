//! What an SMTP server said, and when.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Millis;

/// A step of a conversation, named after what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The TCP handshake.
    Connect,
    /// The server's greeting (RFC 5321 §3.1).
    Greeting,
    /// The reply to EHLO or HELO, before TLS.
    Ehlo,
    /// The reply to STARTTLS (RFC 3207).
    Starttls,
    /// The TLS handshake.
    Tls,
    /// The reply to EHLO or HELO, inside TLS.
    EhloAfterTls,
    /// Everything that was to be learnt is learnt; QUIT is being sent.
    Quit,
}

/// How long each phase took; absent where it was not reached or not finished.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Timings {
    /// The TCP handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Millis>,
    /// From the connection (or the end of the handshake) to the greeting's last line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greeting: Option<Millis>,
    /// EHLO before TLS, refused attempts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ehlo: Option<Millis>,
    /// STARTTLS and its reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starttls: Option<Millis>,
    /// The TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Millis>,
    /// EHLO inside TLS, refused attempts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ehlo_after_tls: Option<Millis>,
    /// From the first SYN to the verdict.
    pub total: Millis,
}

impl Timings {
    /// Records how long a phase took. [`Phase::Quit`] is not waited for and has no place.
    pub fn set(&mut self, phase: Phase, span: Millis) {
        let place = match phase {
            Phase::Connect => &mut self.connect,
            Phase::Greeting => &mut self.greeting,
            Phase::Ehlo => &mut self.ehlo,
            Phase::Starttls => &mut self.starttls,
            Phase::Tls => &mut self.tls,
            Phase::EhloAfterTls => &mut self.ehlo_after_tls,
            Phase::Quit => return,
        };
        *place = Some(span);
    }

    /// The time that belongs to none of the phases that came to an end: that of the last one, where
    /// it did not.
    pub fn unfinished(&self) -> Millis {
        let ended =
            [self.connect, self.greeting, self.ehlo, self.starttls, self.tls, self.ehlo_after_tls];
        let ended: f64 = ended.into_iter().flatten().map(|span| span.0).sum();
        Millis((self.total.0 - ended).max(0.0))
    }
}

/// What was said on one connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SmtpFacts {
    /// The greeting, once it was complete.
    pub greeting: Option<Reply>,
    /// How long the greeting's first byte took, from the connection (or the end of the handshake).
    pub greeting_first_byte: Option<Millis>,
    /// The time that the server states in its greeting, by its own clock.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub stated_time: Option<OffsetDateTime>,
    /// Every EHLO or HELO before TLS, in order.
    pub ehlo_attempts: Vec<EhloAttempt>,
    /// What the last accepted EHLO or HELO before TLS offered.
    pub capabilities: Option<Capabilities>,
    /// What became of STARTTLS; absent where EHLO was not accepted or TLS came first.
    pub starttls: Option<StarttlsFacts>,
    /// Every EHLO or HELO inside TLS, in order.
    pub ehlo_attempts_after_tls: Vec<EhloAttempt>,
    /// What the last accepted EHLO or HELO inside TLS offered. A fresh value: nothing that was
    /// known before TLS survives it (RFC 3207 §4.2).
    pub capabilities_after_tls: Option<Capabilities>,
    /// The first bytes received (at most 512) where they were no SMTP reply.
    pub not_smtp: Option<Vec<u8>>,
}

/// One reply, however many lines it has (RFC 5321 §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The reply code of the last line.
    pub code: u16,
    /// The enhanced status code of the first line that has one (RFC 3463), as `4.7.0`.
    pub enhanced: Option<String>,
    /// The text of each line behind code and separator; bytes that are not UTF-8 are replaced.
    pub lines: Vec<String>,
    /// In what ways it breaks RFC 5321 §4.2.
    pub defects: Vec<ReplyDefect>,
}

impl Reply {
    /// 2yz: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4yz: a transient refusal.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5yz: a permanent refusal.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }
}

/// A way in which a reply that could still be read breaks RFC 5321 §4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyDefect {
    /// A line ended with LF alone.
    BareLf,
    /// A CR stood inside a line.
    BareCr,
    /// A line was longer than 512 octets, CRLF included (RFC 5321 §4.5.3.1.5).
    LongLine,
    /// A line was longer than what is kept of one; the rest was dropped.
    TruncatedLine,
    /// The lines of one reply had different codes.
    MixedCodes,
    /// A line had something other than a space or a hyphen behind its code.
    BadSeparator,
    /// A line of a reply of several lines had no code at all.
    MissingCode,
    /// A NUL byte or another control character stood in the text.
    ControlCharacter,
    /// The text was not ASCII.
    NotAscii,
    /// The code's first digit was not 2 to 5, or its second not 0 to 5.
    OddCode,
    /// More bytes came behind the reply though nothing further had been asked; they were dropped.
    Unasked,
}

/// One EHLO or HELO and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EhloAttempt {
    /// `EHLO` or `HELO`.
    pub verb: String,
    /// The name or address literal that was given.
    pub name: String,
    /// The reply.
    pub reply: Reply,
}

/// What a server offers after one EHLO: a fresh value each time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Only HELO was accepted: the server cannot say what it offers.
    pub helo_only: bool,
    /// The greeting behind the first 250, as sent.
    pub domain: String,
    /// The keywords in the order in which they came.
    pub keywords: Vec<Keyword>,
}

impl Capabilities {
    /// Finds a keyword, whatever its case (RFC 5321 §2.4). The obsolete `AUTH=LOGIN` form counts
    /// as `AUTH`.
    pub fn find(&self, keyword: &str) -> Option<&Keyword> {
        self.keywords.iter().find(|k| k.is(keyword))
    }

    /// Whether a keyword is offered.
    pub fn offers(&self, keyword: &str) -> bool {
        self.find(keyword).is_some()
    }

    /// Every AUTH that offers a mechanism. One without any offers nothing: mox sends it before TLS.
    pub fn logins(&self) -> impl Iterator<Item = &Keyword> {
        let offers_any = |k: &&Keyword| !k.parameters.is_empty() || k.keyword.contains('=');
        self.keywords.iter().filter(|k| k.is("AUTH")).filter(offers_any)
    }

    /// Whether a login is offered.
    pub fn offers_login(&self) -> bool {
        self.logins().next().is_some()
    }
}

/// One EHLO keyword with its parameters (RFC 5321 §4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Keyword {
    /// The keyword as sent.
    pub keyword: String,
    /// What stands behind it, without the separating space; empty where nothing does.
    pub parameters: String,
}

impl Keyword {
    /// Compares the keyword, whatever its case; `AUTH=…` counts as `AUTH`.
    pub fn is(&self, keyword: &str) -> bool {
        let own = self.keyword.split('=').next().unwrap_or_default();
        own.eq_ignore_ascii_case(keyword)
    }
}

/// What became of STARTTLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarttlsFacts {
    /// The keyword stood in the EHLO reply.
    pub offered: bool,
    /// The reply to the command, where it was sent.
    pub reply: Option<Reply>,
    /// Bytes that stood behind the 220 before TLS began (RFC 3207 §4.2); they never reach TLS.
    pub plaintext_behind: Vec<u8>,
}

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything that was to be learnt was learnt, up to QUIT. The server may have said no on
    /// the way; the replies tell.
    Completed,
    /// The server closed the connection while this was waited for.
    Closed(Phase),
    /// A reset ended the connection while this was waited for.
    Reset(Phase),
    /// Time ran out while this was waited for. The flag says whether anything of it had come.
    TimedOut {
        /// What was waited for.
        phase: Phase,
        /// Some bytes of it had come, too few.
        partial: bool,
    },
    /// What came was no SMTP reply; `SmtpFacts::not_smtp` has its first bytes.
    NotSmtp(Phase),
    /// More came than is read.
    TooMuch {
        /// What was waited for.
        phase: Phase,
        /// Which limit was passed.
        limit: Limit,
    },
    /// The handshake failed with an answer of the peer's; `TlsFacts::error` has it.
    TlsFailed,
    /// A local error of reading or writing that fits nothing else.
    Failed {
        /// What was waited for.
        phase: Phase,
        /// The system's words.
        error: String,
    },
}

/// A limit on what is read from a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// One reply: 64 KiB or 128 lines.
    Reply,
    /// One conversation: 256 KiB.
    Conversation,
}

/// Who said a transcript's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// We.
    Sent,
    /// The server.
    Received,
    /// Neither: an event such as the beginning of TLS.
    Event,
}

/// One line of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TranscriptLine {
    /// When, from the first SYN.
    pub at_ms: Millis,
    /// Who.
    pub direction: Direction,
    /// The line without its end; bytes that are not UTF-8 are replaced.
    pub text: String,
}
