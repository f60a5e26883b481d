//! Lines out of chunks.
//!
//! Knows CR, LF and how much of a line is kept. Must not know what a line says: that is for
//! [`reply`](super::reply).

use super::LINE_KEPT;

/// One line, without its end.
pub(super) struct Line {
    /// The beginning of the line, at most [`LINE_KEPT`] octets.
    pub(super) bytes: Vec<u8>,
    /// Its length on the wire, the end included.
    pub(super) octets: usize,
    /// It ended with CRLF, not with LF alone.
    pub(super) crlf: bool,
    /// It was longer than what was kept.
    pub(super) truncated: bool,
}

/// Gathers one line at a time; what passes [`LINE_KEPT`] is counted and dropped.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    kept: Vec<u8>,
    octets: usize,
    last: u8,
}

impl LineBuffer {
    /// Takes bytes up to and including the next LF. Returns how many were taken and the line
    /// where it is complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> (usize, Option<Line>) {
        let end = bytes.iter().position(|b| *b == b'\n');
        let taken = end.map_or(bytes.len(), |at| at + 1);
        let text = &bytes[..end.unwrap_or(bytes.len())];
        let room = LINE_KEPT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&text[..text.len().min(room)]);
        self.octets += taken;
        self.last = text.last().copied().unwrap_or(self.last);
        (taken, end.map(|_| self.end()))
    }

    /// What is kept of a line that has not ended yet.
    pub(super) fn partial(&self) -> &[u8] {
        &self.kept
    }

    /// Gives up the line as far as it has come.
    pub(super) fn take_partial(&mut self) -> Vec<u8> {
        std::mem::take(self).kept
    }

    fn end(&mut self) -> Line {
        let Self { kept: mut bytes, octets, last } = std::mem::take(self);
        let crlf = last == b'\r';
        let length = octets - if crlf { 2 } else { 1 };
        let truncated = length > bytes.len();
        // The CR is no text, unless it was among what was dropped.
        bytes.truncate(length);
        Line { bytes, octets, crlf, truncated }
    }
}
