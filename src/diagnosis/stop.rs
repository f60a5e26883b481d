//! What stopped a conversation: decided once, so that no two checks claim the same event.
//!
//! Knows the order of a conversation and which fact explains its end. Must not know severities or
//! advice: each [`Stop`] belongs to one check under `checks/`, which has the words.

use super::words::{quote, quote_bytes};
use crate::observation::bytes::{is_tls_record, reply_code};
use crate::observation::pushback::{is_pushback, wants_client_certificate};
use crate::observation::{
    Choice, Conversation, EhloAttempt, Ending, EndpointObservation, Limit, Phase, Reply,
    SecondLook, TlsErrorKind, TlsPart, WiderOffer,
};
use crate::port::Mode;

/// What stopped a conversation before everything was learnt. The first cause is told: what follows
/// from it (no STARTTLS after a refused EHLO, a close after a 554) is not another fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<'a> {
    /// Nothing did: it went as far as QUIT.
    Nothing,
    /// We did not finish it; nothing is known of its end.
    Unfinished,
    /// Not a byte of a greeting came.
    GreetingMissing,
    /// A 421, or another 4yz greeting: come back later.
    Throttled {
        /// What the reply answered.
        step: Phase,
        /// The reply, quoted.
        reply: String,
    },
    /// A 5yz greeting.
    GreetingRejected {
        /// The reply, quoted.
        reply: String,
    },
    /// Something that is not SMTP came.
    WrongProtocol {
        /// What was waited for.
        step: Phase,
        /// The protocol, where its first bytes give it away.
        protocol: Option<&'static str>,
        /// The first bytes, quoted.
        said: String,
    },
    /// TLS was expected of us at once, on a port that was to begin in plaintext.
    TlsOnPlaintextPort {
        /// The TLS record that came of its own accord; absent where it answered a ClientHello.
        record: Option<String>,
    },
    /// A plaintext reply came on a port that was to begin with TLS.
    PlaintextOnTlsPort {
        /// What came, quoted.
        said: String,
    },
    /// No EHLO and no HELO was accepted.
    EhloRejected {
        /// Each attempt.
        attempts: &'a [EhloAttempt],
        /// The attempts were made inside TLS.
        inside_tls: bool,
    },
    /// STARTTLS was offered and then refused.
    StarttlsRefused(&'a Reply),
    /// The peer speaks nothing newer than TLS 1.1.
    TlsVersionTooOld,
    /// The peer insists on a client certificate.
    ClientCertificateRequired {
        /// The alert or the reply that says so.
        said: String,
    },
    /// The peer refused what this program speaks, and chose something else from a wider offer.
    NothingInCommon(&'a Choice),
    /// The handshake failed with an answer of the peer's.
    HandshakeFailed {
        /// What came, in words.
        why: String,
    },
    /// The connection ended or fell silent.
    Dropped {
        /// What was waited for.
        step: Phase,
        /// How.
        how: Break,
    },
}

/// How a connection came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// The peer closed it.
    Closed,
    /// A reset ended it.
    Reset,
    /// Nothing more came in time.
    Silent {
        /// A part of what was waited for had come.
        partial: bool,
    },
    /// More came than is read.
    TooMuch(Limit),
    /// Reading or writing failed; the system's words.
    Failed(String),
}

impl<'a> Stop<'a> {
    /// What stopped this conversation with this endpoint.
    pub fn of(endpoint: &EndpointObservation, seen: &'a Conversation) -> Self {
        Self::of_conversation(endpoint.mode, seen)
    }

    /// What stopped a conversation on a port of this mode.
    pub fn of_conversation(mode: Mode, seen: &'a Conversation) -> Self {
        greeting(seen)
            .or_else(|| not_smtp(mode, seen))
            .or_else(|| ehlo(&seen.smtp.ehlo_attempts_after_tls, true, seen))
            .or_else(|| handshake(mode, seen))
            .or_else(|| starttls(seen))
            .or_else(|| ehlo(&seen.smtp.ehlo_attempts, false, seen))
            .unwrap_or_else(|| ending(seen))
    }
}

fn greeting(seen: &Conversation) -> Option<Stop<'_>> {
    let greeting = seen.smtp.greeting.as_ref()?;
    match greeting.code / 100 {
        2 => None,
        // Before TLS nobody could have shown a certificate, so there the words mean something else.
        4 | 5 if seen.tls.is_some() && wants_client_certificate(greeting) => {
            Some(Stop::ClientCertificateRequired { said: quote(greeting) })
        }
        4 | 5 => Some(refused_greeting(greeting.code, quote(greeting))),
        _ => Some(Stop::WrongProtocol {
            step: Phase::Greeting,
            protocol: None,
            said: quote(greeting),
        }),
    }
}

fn refused_greeting<'a>(code: u16, reply: String) -> Stop<'a> {
    match code / 100 {
        4 => Stop::Throttled { step: Phase::Greeting, reply },
        _ => Stop::GreetingRejected { reply },
    }
}

fn not_smtp(mode: Mode, seen: &Conversation) -> Option<Stop<'_>> {
    let bytes = seen.smtp.not_smtp.as_deref()?;
    let step = match seen.ending {
        Some(Ending::NotSmtp(step) | Ending::Closed(step) | Ending::Reset(step)) => step,
        _ => Phase::Greeting,
    };
    let said = quote_bytes(bytes);
    if is_tls_record(bytes) && mode == Mode::Starttls && seen.smtp.greeting.is_none() {
        return Some(Stop::TlsOnPlaintextPort { record: Some(said) });
    }
    Some(Stop::WrongProtocol { step, protocol: protocol_of(bytes), said })
}

/// Refused EHLO attempts. Postfix and others tell a client that lacks a certificate so in the
/// reply to its EHLO.
fn ehlo<'a>(
    attempts: &'a [EhloAttempt],
    inside_tls: bool,
    seen: &'a Conversation,
) -> Option<Stop<'a>> {
    let accepted =
        if inside_tls { &seen.smtp.capabilities_after_tls } else { &seen.smtp.capabilities };
    let (last, earlier) = attempts.split_last()?;
    if accepted.is_some() || last.reply.is_positive() {
        return None;
    }
    let reply = quote(&last.reply);
    if inside_tls && wants_client_certificate(&last.reply) {
        return Some(Stop::ClientCertificateRequired { said: reply });
    }
    // A 421 behind a 5yz ends a conversation that was refused already.
    let step = if inside_tls { Phase::EhloAfterTls } else { Phase::Ehlo };
    if is_pushback(step, &last.reply) && !earlier.iter().any(|a| a.reply.is_permanent()) {
        return Some(Stop::Throttled { step, reply });
    }
    Some(Stop::EhloRejected { attempts, inside_tls })
}

fn handshake(mode: Mode, seen: &Conversation) -> Option<Stop<'_>> {
    let tls = seen.tls.as_ref()?;
    let error = tls.error.as_ref()?;
    let dropped = |how| Stop::Dropped { step: Phase::Tls, how };
    if let Some(choice) = chosen(seen) {
        return Some(if choice.not_offered.contains(&TlsPart::Version) {
            Stop::TlsVersionTooOld
        } else if !choice.not_offered.is_empty() {
            Stop::NothingInCommon(choice)
        } else {
            match error.kind {
                TlsErrorKind::Closed => dropped(Break::Closed),
                TlsErrorKind::Reset => dropped(Break::Reset),
                // Whatever it refused, it speaks what this program speaks.
                _ => Stop::HandshakeFailed { why: error.text.clone() },
            }
        });
    }
    Some(match error.kind {
        TlsErrorKind::NotTls => not_tls(mode, &tls.first_bytes),
        TlsErrorKind::VersionTooOld => Stop::TlsVersionTooOld,
        TlsErrorKind::ClientCertificateRequired => {
            Stop::ClientCertificateRequired { said: error.text.clone() }
        }
        TlsErrorKind::HandshakeFailure
        | TlsErrorKind::Alert
        | TlsErrorKind::PeerMisbehaved
        | TlsErrorKind::Other => Stop::HandshakeFailed { why: error.text.clone() },
        TlsErrorKind::Closed => dropped(Break::Closed),
        TlsErrorKind::Reset => dropped(Break::Reset),
        TlsErrorKind::TimedOut => dropped(Break::Silent { partial: !tls.first_bytes.is_empty() }),
    })
}

/// What the peer chose from a wider offer, where one was made.
pub fn chosen(seen: &Conversation) -> Option<&Choice> {
    match &seen.second_look {
        Some(SecondLook::WiderOffer(WiderOffer::Chosen(choice))) => Some(choice),
        _ => None,
    }
}

fn not_tls<'a>(mode: Mode, bytes: &[u8]) -> Stop<'a> {
    let said = quote_bytes(bytes);
    if mode == Mode::Starttls {
        // It said go ahead, and then that it closes (RFC 5321 §3.8).
        if reply_code(bytes) == Some(421) {
            return Stop::Throttled { step: Phase::Tls, reply: said };
        }
        let why = format!("after its go-ahead to STARTTLS it goes on in plaintext with `{said}`");
        return Stop::HandshakeFailed { why };
    }
    match reply_code(bytes) {
        // 500 to 504 answer a command that makes no sense, as a ClientHello does in plaintext.
        Some(200..=399 | 500..=504) => Stop::PlaintextOnTlsPort { said },
        Some(code) => refused_greeting(code, said),
        None => match protocol_of(bytes) {
            Some(protocol) => {
                Stop::WrongProtocol { step: Phase::Tls, protocol: Some(protocol), said }
            }
            None if bytes.is_empty() => {
                Stop::HandshakeFailed { why: "its answer is no TLS".into() }
            }
            None => Stop::HandshakeFailed { why: format!("its answer is no TLS: `{said}`") },
        },
    }
}

fn starttls(seen: &Conversation) -> Option<Stop<'_>> {
    let reply = seen.smtp.starttls.as_ref()?.reply.as_ref()?;
    if reply.code == 220 || seen.tls.is_some() {
        return None;
    }
    if is_pushback(Phase::Starttls, reply) {
        return Some(Stop::Throttled { step: Phase::Starttls, reply: quote(reply) });
    }
    Some(Stop::StarttlsRefused(reply))
}

fn ending(seen: &Conversation) -> Stop<'_> {
    // A server that put us off and then says nothing has said what it has to say.
    let put_off = |step| match (&seen.put_off, step) {
        (Some(reply), Phase::Greeting) => Some(refused_greeting(reply.code, quote(reply))),
        _ => None,
    };
    let dropped = |step, how| match step {
        Phase::Quit => Stop::Nothing,
        step => put_off(step).unwrap_or(Stop::Dropped { step, how }),
    };
    match &seen.ending {
        None => Stop::Unfinished,
        Some(Ending::Completed) => Stop::Nothing,
        Some(Ending::TimedOut { phase: Phase::Greeting, partial: false }) => {
            match &seen.second_look {
                Some(SecondLook::TlsAnswered) => Stop::TlsOnPlaintextPort { record: None },
                // A server that waits for its client shows itself only now.
                Some(SecondLook::Answered(bytes)) if protocol_of(bytes).is_some() => {
                    Stop::WrongProtocol {
                        step: Phase::Greeting,
                        protocol: protocol_of(bytes),
                        said: quote_bytes(bytes),
                    }
                }
                Some(_) | None => put_off(Phase::Greeting).unwrap_or(Stop::GreetingMissing),
            }
        }
        Some(Ending::Closed(step)) => dropped(*step, Break::Closed),
        Some(Ending::Reset(step)) => dropped(*step, Break::Reset),
        Some(Ending::TimedOut { phase, partial }) => {
            dropped(*phase, Break::Silent { partial: *partial })
        }
        Some(Ending::TooMuch { phase, limit }) => dropped(*phase, Break::TooMuch(*limit)),
        Some(Ending::Failed { phase, error }) => dropped(*phase, Break::Failed(error.clone())),
        Some(Ending::NotSmtp(step)) => {
            Stop::WrongProtocol { step: *step, protocol: None, said: String::new() }
        }
        Some(Ending::TlsFailed) => Stop::HandshakeFailed { why: "no reason was recorded".into() },
    }
}

/// The protocol that gives itself away with its first bytes.
fn protocol_of(bytes: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 9] = [
        (b"HTTP/", "HTTP"),
        (b"<!DOCTYPE", "HTTP"),
        (b"<html", "HTTP"),
        (b"SSH-", "SSH"),
        (b"* OK", "IMAP"),
        (b"* PREAUTH", "IMAP"),
        (b"* BYE", "IMAP"),
        (b"+OK", "POP3"),
        (b"-ERR", "POP3"),
    ];
    let known = MARKS.iter().find(|(mark, _)| {
        bytes.get(..mark.len()).is_some_and(|front| front.eq_ignore_ascii_case(mark))
    });
    known.map(|(_, protocol)| *protocol).or(is_tls_record(bytes).then_some("TLS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_is_a_reply_only_where_a_code_stands_alone() {
        for (bytes, code) in [
            (&b"220 mx"[..], Some(220)),
            (b"220-mx", Some(220)),
            (b"421\r\n", Some(421)),
            (b"554", Some(554)),
            (b"22", None),
            (b"2200 bottles", None),
            (b"120 soon", None),
            (b"620 odd", None),
            (b"220x", None),
            (b"", None),
        ] {
            assert_eq!(reply_code(bytes), code, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn tls_is_told_by_type_and_version() {
        for bytes in [&b"\x15\x03\x01\0\x02"[..], b"\x16\x03\x03", b"\x15\x03"] {
            assert_eq!(protocol_of(bytes), Some("TLS"));
        }
        for bytes in [&b"\x15"[..], b"\x17\x03\x03", b"\x16\x04\x00", b"\x15\x03\x09", b"http"] {
            assert_eq!(protocol_of(bytes), None, "{}", bytes.escape_ascii());
        }
    }
}
