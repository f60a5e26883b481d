//! The record of a conversation, line by line.
//!
//! Knows who said what and when, and how much of it is kept. Must not know what the lines mean.

use std::time::Duration;

use super::command::Command;
use super::line::LineBuffer;
use crate::observation::{Direction, Millis, TranscriptLine};

/// What is kept of a conversation, in octets of text with [`LINE_COST`] for each line.
const KEPT: usize = 32 * 1024;

/// What a line costs besides its text. A quarter of a million empty lines are few octets on the
/// wire and many in memory.
const LINE_COST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: Vec<TranscriptLine>,
    partial: LineBuffer,
    spent: usize,
    /// Nothing more is kept.
    full: bool,
}

impl Transcript {
    /// One that nobody wants.
    pub(super) fn unwanted() -> Self {
        Self { full: true, ..Self::default() }
    }

    /// Records bytes in whatever chunks they came. A line's time is that of its end.
    pub(super) fn received(&mut self, mut bytes: &[u8], now: Duration) {
        while !bytes.is_empty() && !self.full {
            let (taken, line) = self.partial.push(bytes);
            bytes = &bytes[taken..];
            if let Some(line) = line {
                self.record(Direction::Received, &String::from_utf8_lossy(&line.bytes), now);
            }
        }
    }

    pub(super) fn sent(&mut self, command: &Command, now: Duration) {
        if self.full {
            return;
        }
        self.interrupt(now);
        self.record(Direction::Sent, &command.to_string(), now);
    }

    pub(super) fn event(&mut self, text: &str, now: Duration) {
        self.interrupt(now);
        self.record(Direction::Event, text, now);
    }

    pub(super) fn finish(mut self, now: Duration) -> Vec<TranscriptLine> {
        self.interrupt(now);
        self.lines
    }

    /// A line that is broken off by something else is shown as far as it came.
    fn interrupt(&mut self, now: Duration) {
        let partial = self.partial.take_partial();
        if !partial.is_empty() {
            self.record(Direction::Received, &String::from_utf8_lossy(&partial), now);
        }
    }

    fn record(&mut self, direction: Direction, text: &str, now: Duration) {
        if self.full {
            return;
        }
        self.spent += text.len() + LINE_COST;
        self.full = self.spent > KEPT;
        let (direction, text) = if self.full {
            (Direction::Event, "what follows is not kept".to_owned())
        } else {
            (direction, text.to_owned())
        };
        self.lines.push(TranscriptLine { at_ms: Millis::from(now), direction, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_came() {
        let mut transcript = Transcript::default();
        transcript.received(b"220 mx.exa", Duration::from_millis(10));
        transcript.received(b"mple\r\n22", Duration::from_millis(20));
        transcript.event("timed out", Duration::from_millis(30));
        let lines: Vec<(f64, String)> = transcript
            .finish(Duration::from_millis(40))
            .into_iter()
            .map(|line| (line.at_ms.0, line.text))
            .collect();
        let expected = [(20.0, "220 mx.example"), (30.0, "22"), (30.0, "timed out")];
        assert_eq!(lines, expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn empty_lines_cannot_fill_the_memory() {
        let mut transcript = Transcript::default();
        transcript.received(&b"\n".repeat(1 << 20), Duration::ZERO);
        let lines = transcript.finish(Duration::ZERO);
        assert_eq!(lines.len(), KEPT / LINE_COST + 1);
        assert_eq!(lines.last().map(|line| line.direction), Some(Direction::Event));
    }
}
