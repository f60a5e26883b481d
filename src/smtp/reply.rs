//! Replies out of chunks (RFC 5321 §4.2).
//!
//! Knows what a reply looks like, how real servers misspell it, and how much of it is read. Must
//! not know which command it answers: [`dialogue`](super::dialogue) does.
//!
//! What can be read is read, and what was wrong with it is noted: a client that mail passes
//! through would do the same. What came is not SMTP only where the very first line can be no
//! reply, or where TLS speaks.

use super::line::{Line, LineBuffer};
use super::{FIRST_BYTES, REPLY_LINES, REPLY_OCTETS};
use crate::observation::{Reply, ReplyDefect};

/// How far a reply has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyProgress {
    /// Everything was taken, and the reply is not at its end.
    Incomplete,
    /// The reply ended with the last byte that was taken.
    Complete(Reply),
    /// What came is no SMTP reply: its first line, or at most 512 bytes of it, or one TLS record.
    NotSmtp(Vec<u8>),
    /// The reply has more than 64 KiB or 128 lines.
    TooMuch,
}

/// Reads one reply after the other out of chunks of any size, in bounded memory. How the bytes
/// were cut makes no difference.
///
/// ```
/// # use smtpcheck::ReplyReader;
/// # use smtpcheck::ReplyProgress;
/// let mut reader = ReplyReader::default();
/// assert_eq!(reader.read(b"220-mx.exa"), (10, ReplyProgress::Incomplete));
/// let (taken, progress) = reader.read(b"mple\r\n220 ESMTP\r\nmore");
/// let ReplyProgress::Complete(reply) = progress else { panic!("{progress:?}") };
/// assert_eq!((taken, reply.code, reply.lines.len()), (17, 220, 2));
/// ```
#[derive(Debug, Default)]
pub struct ReplyReader {
    reply: Reply,
    /// A line with a code has come.
    begun: bool,
    line: LineBuffer,
    lines: usize,
    octets: usize,
    /// What came, once it can be no reply.
    foreign: Vec<u8>,
    /// A reply was read before. From then on, text without a code is bad SMTP, not another
    /// protocol: a stray line between two replies must not turn the verdict.
    speaks_smtp: bool,
}

impl ReplyReader {
    /// Takes bytes up to the end of the reply. Returns how many were taken: what stands behind
    /// the reply is left to the caller, who knows whether it had asked for more. After anything
    /// but [`ReplyProgress::Incomplete`] the reader begins anew.
    pub fn read(&mut self, bytes: &[u8]) -> (usize, ReplyProgress) {
        let mut taken = 0;
        while taken < bytes.len() {
            let rest = &bytes[taken..];
            if self.octets == REPLY_OCTETS {
                self.begin_anew();
                return (taken, ReplyProgress::TooMuch);
            }
            // The beginning is looked at byte by byte: a TLS alert has no line end to wait for.
            let undecided = !self.begun && self.line.partial().len() < 4;
            let step = if undecided || self.is_foreign() { 1 } else { REPLY_OCTETS - self.octets };
            let (pushed, progress) = self.step(&rest[..rest.len().min(step)]);
            taken += pushed;
            if progress != ReplyProgress::Incomplete {
                self.speaks_smtp |= matches!(progress, ReplyProgress::Complete(_));
                self.begin_anew();
                return (taken, progress);
            }
        }
        (taken, ReplyProgress::Incomplete)
    }

    /// Whether nothing of the next reply has come yet.
    pub fn is_empty(&self) -> bool {
        self.octets == 0
    }

    /// What came so far, where it can be no reply.
    pub fn foreign(&self) -> Option<&[u8]> {
        self.is_foreign().then_some(&self.foreign)
    }

    fn begin_anew(&mut self) {
        *self = Self { speaks_smtp: self.speaks_smtp, ..Self::default() };
    }

    fn is_foreign(&self) -> bool {
        !self.foreign.is_empty()
    }

    fn step(&mut self, bytes: &[u8]) -> (usize, ReplyProgress) {
        if self.is_foreign() {
            self.octets += bytes.len();
            self.foreign.extend_from_slice(bytes);
            return (bytes.len(), self.foreign_progress());
        }
        let (taken, line) = self.line.push(bytes);
        self.octets += taken;
        let progress = match line {
            Some(line) => self.line_read(line),
            None if !self.begun && !self.may_begin_reply() => {
                self.foreign = self.line.take_partial();
                self.foreign_progress()
            }
            None => ReplyProgress::Incomplete,
        };
        (taken, progress)
    }

    /// Whether a reply's first line, or one that may stand before it, can begin like this.
    fn may_begin_reply(&self) -> bool {
        match self.line.partial() {
            [] | [b'\r'] => true,
            [first, ..] if self.speaks_smtp => !matches!(first, 0x14..=0x17),
            partial => {
                partial.iter().take(3).all(u8::is_ascii_digit)
                    && !partial.get(3).is_some_and(u8::is_ascii_digit)
            }
        }
    }

    fn foreign_progress(&mut self) -> ReplyProgress {
        let enough = self.foreign.len() >= FIRST_BYTES
            || match self.foreign[..] {
                // A TLS record (RFC 8446 §5.1): type, version, length, and LF means nothing.
                [0x14..=0x17, 3, _, high, low, ref body @ ..] => {
                    body.len() >= usize::from(u16::from_be_bytes([high, low]))
                }
                [0x14..=0x17] | [0x14..=0x17, 3, ..] => false,
                _ => self.foreign.last() == Some(&b'\n'),
            };
        match enough {
            true => ReplyProgress::NotSmtp(std::mem::take(&mut self.foreign)),
            false => ReplyProgress::Incomplete,
        }
    }

    fn line_read(&mut self, mut line: Line) -> ReplyProgress {
        self.lines += 1;
        self.note_line(&mut line);
        match parse(&line.bytes) {
            Some(Parsed { code, separator, text }) => {
                self.note_code(code, separator);
                self.reply.code = code;
                if self.reply.enhanced.is_none() {
                    self.reply.enhanced = enhanced(text).map(str::to_owned);
                }
                self.reply.lines.push(String::from_utf8_lossy(text).into_owned());
                self.begun = true;
                if separator != Separator::Hyphen {
                    return ReplyProgress::Complete(std::mem::take(&mut self.reply));
                }
            }
            None if self.begun => {
                self.note(ReplyDefect::MissingCode);
                self.reply.lines.push(String::from_utf8_lossy(&line.bytes).into_owned());
            }
            // What stands before the first code is none of the reply's.
            None if self.speaks_smtp || line.bytes.is_empty() => {
                self.note(ReplyDefect::MissingCode);
            }
            None => {
                line.bytes.push(b'\n');
                return ReplyProgress::NotSmtp(line.bytes);
            }
        }
        match self.lines {
            REPLY_LINES => ReplyProgress::TooMuch,
            _ => ReplyProgress::Incomplete,
        }
    }

    /// Notes what is wrong with a line whatever it says, and takes CRs off its end.
    fn note_line(&mut self, line: &mut Line) {
        if !line.crlf {
            self.note(ReplyDefect::BareLf);
        }
        while line.bytes.pop_if(|b| *b == b'\r').is_some() {
            self.note(ReplyDefect::BareCr);
        }
        if line.bytes.contains(&b'\r') {
            self.note(ReplyDefect::BareCr);
        }
        // RFC 5321 §4.5.3.1.5.
        if line.octets > 512 {
            self.note(ReplyDefect::LongLine);
        }
        if line.truncated {
            self.note(ReplyDefect::TruncatedLine);
        }
        if line.bytes.iter().any(|b| b.is_ascii_control() && !matches!(b, b'\t' | b'\r')) {
            self.note(ReplyDefect::ControlCharacter);
        }
        if !line.bytes.is_ascii() {
            self.note(ReplyDefect::NotAscii);
        }
    }

    fn note_code(&mut self, code: u16, separator: Separator) {
        if self.begun && code != self.reply.code {
            self.note(ReplyDefect::MixedCodes);
        }
        if !(2..=5).contains(&(code / 100)) || code / 10 % 10 > 5 {
            self.note(ReplyDefect::OddCode);
        }
        if separator == Separator::Odd {
            self.note(ReplyDefect::BadSeparator);
        }
    }

    fn note(&mut self, defect: ReplyDefect) {
        if !self.reply.defects.contains(&defect) {
            self.reply.defects.push(defect);
        }
    }
}

struct Parsed<'a> {
    code: u16,
    separator: Separator,
    text: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// Another line follows.
    Hyphen,
    /// The last line. A bare code is one too (RFC 5321 §4.2).
    SpaceOrNone,
    /// Taken for the last line, as other clients do.
    Odd,
}

fn parse(line: &[u8]) -> Option<Parsed<'_>> {
    let (code, behind) = line.split_at_checked(3)?;
    if !code.iter().all(u8::is_ascii_digit) || behind.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (separator, text) = match behind {
        [b'-', text @ ..] => (Separator::Hyphen, text),
        [b' ', text @ ..] => (Separator::SpaceOrNone, text),
        [] => (Separator::SpaceOrNone, behind),
        [b'\t', text @ ..] => (Separator::Odd, text),
        _ => (Separator::Odd, behind),
    };
    Some(Parsed { code, separator, text })
}

/// An enhanced status code at the beginning of a text (RFC 3463 §2, RFC 2034 §4).
fn enhanced(text: &[u8]) -> Option<&str> {
    let word = text.split(u8::is_ascii_whitespace).next()?;
    let mut parts = word.split(|b| *b == b'.');
    let class = parts.next()?;
    let mut numbers = parts.by_ref().take(2);
    let number = |n: &[u8]| (1..=3).contains(&n.len()) && n.iter().all(u8::is_ascii_digit);
    let well_formed = matches!(class, [b'2' | b'4' | b'5'])
        && numbers.next().is_some_and(number)
        && numbers.next().is_some_and(number);
    if !well_formed || parts.next().is_some() {
        return None;
    }
    std::str::from_utf8(word).ok()
}

#[cfg(test)]
mod tests;
