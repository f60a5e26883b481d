//! `-vv`: a conversation, line by line, as it happened.
//!
//! Knows the marks: `>` we said, `<` the server said, `*` an event. Each line has its time from the
//! first SYN in milliseconds. A rule stands where TLS begins: what is above it, anybody on the way
//! could read.

use super::layout::{Line, Page};
use super::style::Tone;
use crate::observation::{Direction, TranscriptLine};
use crate::port::Mode;
use crate::report::EndpointReport;

/// Where the times end.
const TIME: usize = 11;
/// Where the text begins: behind the time and the mark.
const TEXT: usize = TIME + 4;

/// Shows the conversation of one endpoint.
pub(super) fn show(page: &mut Page<'_>, endpoint: &EndpointReport) {
    let boundary = endpoint.tls.as_ref().map(|_| boundary(endpoint.mode, &endpoint.transcript));
    for (i, said) in endpoint.transcript.iter().enumerate() {
        if boundary == Some(i) {
            tls_rule(page, endpoint);
        }
        let (mark, tone) = match said.direction {
            Direction::Sent => (">", Tone::Strong),
            Direction::Received => ("<", Tone::Plain),
            Direction::Event => ("*", Tone::Quiet),
        };
        let time = format!("{:.1}", said.at_ms.0);
        let mut line = Line::default();
        line.pad_to(TIME.saturating_sub(time.len()));
        line.push(Tone::Quiet, &time);
        line.push(Tone::Plain, "  ");
        line.push(tone, mark);
        line.push(Tone::Plain, " ");
        page.cut(line, TEXT, tone, &page.verbatim(&said.text));
    }
    if boundary == Some(endpoint.transcript.len()) {
        tls_rule(page, endpoint);
    }
}

/// The index of the first line that was said inside TLS, or would have been.
///
/// Under STARTTLS that is the first thing said after the reply to the command, which is ours to
/// recognise because we sent it; under implicit TLS, the first thing said at all.
fn boundary(mode: Mode, lines: &[TranscriptLine]) -> usize {
    let said = |direction: Direction| move |l: &TranscriptLine| l.direction == direction;
    let command = match mode {
        Mode::Implicit => 0,
        Mode::Starttls => {
            let is_command =
                |l: &TranscriptLine| said(Direction::Sent)(l) && l.text.trim() == "STARTTLS";
            match lines.iter().rposition(is_command) {
                Some(at) => at + 1,
                // A handshake without the command: nothing tells where it began.
                None => return lines.len(),
            }
        }
    };
    let reply = if mode == Mode::Implicit {
        command
    } else {
        let rest = &lines[command..];
        command + rest.iter().take_while(|l| said(Direction::Received)(l)).count()
    };
    let events = lines[reply..].iter().take_while(|l| said(Direction::Event)(l)).count();
    reply + events
}

fn tls_rule(page: &mut Page<'_>, endpoint: &EndpointReport) {
    let Some(tls) = &endpoint.tls else { return };
    let words = match &tls.error {
        Some(error) => format!("no TLS: {}", error.text),
        None => tls.version.clone().unwrap_or_else(|| "TLS".to_owned()),
    };
    let mut line = Line::default();
    line.pad_to(TIME + 2);
    line.push(Tone::Quiet, &page.glyphs.rule.repeat(4));
    let tone = if tls.error.is_some() { Tone::Bad } else { Tone::Good };
    line.push(tone, &format!(" {} ", page.safe(&words)));
    let rest = page.width.saturating_sub(line.width());
    line.push(Tone::Quiet, &page.glyphs.rule.repeat(rest));
    page.line(line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Millis;

    fn lines(marks: &str) -> Vec<TranscriptLine> {
        marks
            .split(' ')
            .map(|word| TranscriptLine {
                at_ms: Millis(0.0),
                direction: match word {
                    "<" => Direction::Received,
                    "*" => Direction::Event,
                    _ => Direction::Sent,
                },
                text: word.to_owned(),
            })
            .collect()
    }

    #[test]
    fn the_boundary_is_where_talk_goes_on_inside_tls() {
        for (mode, marks, at) in [
            (Mode::Starttls, "* < EHLO < < STARTTLS < * EHLO <", 8),
            (Mode::Starttls, "* < EHLO < < STARTTLS < *", 8),
            (Mode::Starttls, "* < EHLO < QUIT", 5),
            (Mode::Implicit, "* * < EHLO <", 2),
        ] {
            assert_eq!(boundary(mode, &lines(marks)), at, "{marks}");
        }
    }
}
