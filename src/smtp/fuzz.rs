//! Any bytes for the reply reader, the reading of EHLO and the dialogue: no panic, no limit passed,
//! nothing but commands sent. Fuzzers and property tests share what is asserted here.

use std::time::Duration;

use super::{Dialogue, HeloNames, Next, ReplyProgress, ReplyReader, Said, ehlo, room, stated_time};
use crate::observation::{Reply, SmtpFacts, pushback};
use crate::port::Mode;

/// Replies: how the bytes are cut makes no difference. The first byte says how they are cut.
pub fn reply(data: &[u8]) {
    let Some((first, input)) = data.split_first() else { return };
    let cuts: Vec<usize> = (0..20).map(|n| usize::from(*first) * n % 101).collect();
    let whole = read_all(input, &[]);
    assert_eq!(read_all(input, &cuts), whole);
    for progress in &whole {
        match progress {
            ReplyProgress::Complete(reply) => {
                assert!(reply.lines.len() <= 128);
                // A byte that is not UTF-8 becomes three.
                assert!(reply.lines.iter().all(|line| line.len() <= 3 * 8 * 1024));
                assert!(reply.code < 1000);
            }
            ReplyProgress::NotSmtp(first) => assert!(first.len() <= 512 || first.ends_with(b"\n")),
            ReplyProgress::Incomplete | ReplyProgress::TooMuch => {}
        }
    }
}

/// What is read out of a reply: keywords, a stated time, an advised pause.
pub fn ehlo(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').take(128);
    let lines: Vec<String> = lines.map(|l| String::from_utf8_lossy(l).into_owned()).collect();
    let reply = Reply { code: 250, lines, ..Reply::default() };
    let read = ehlo::capabilities(&reply);
    assert!(read.keywords.len() < reply.lines.len());
    assert!(read.keywords.iter().all(|k| !k.keyword.is_empty() && !k.keyword.contains(' ')));
    let kept = room::keywords(read.clone());
    for decisive in ["STARTTLS", "AUTH"] {
        assert_eq!(kept.offers(decisive), read.offers(decisive), "{decisive}");
    }
    let text: usize = kept.keywords.iter().map(|k| k.keyword.len() + k.parameters.len()).sum();
    assert!(text <= 12 * 1024 + 2 * 2 * 1024);
    let _ = stated_time::stated_time(&reply);
    let _ = pushback::advised_pause(&reply.lines.join(" "));
}

/// A dialogue. The first byte says how it begins and how it is driven; then each byte is what
/// happens: something for the greatest values, else the arrival of so many of the following bytes.
pub fn dialogue(data: &[u8]) {
    let Some((first, mut rest)) = data.split_first() else { return };
    let mode = if first & 1 == 0 { Mode::Starttls } else { Mode::Implicit };
    let mut events = Vec::new();
    while let Some((what, behind)) = rest.split_first() {
        rest = behind;
        events.push(match what {
            255 => Event::Tls,
            254 => Event::TlsFails,
            253 => Event::Closed,
            252 => Event::Reset,
            251 => Event::TimedOut,
            250 => Event::Failed,
            249 => {
                let (piece, behind) = rest.split_at(rest.len().min(16));
                rest = behind;
                Event::Received(piece.repeat(8192))
            }
            length => {
                let (piece, behind) = rest.split_at(rest.len().min(usize::from(*length)));
                rest = behind;
                Event::Received(piece.to_vec())
            }
        });
    }
    let names = HeloNames { name: "c.example".to_owned(), literal: "[192.0.2.1]".to_owned() };
    let (sent, said) = run(mode, names, &events, first & 2 == 0);
    assert_limits(&sent, &said);
}

/// What may happen to a dialogue.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Received(Vec<u8>),
    Tls,
    TlsFails,
    Closed,
    Reset,
    TimedOut,
    Failed,
}

/// Runs the events and returns what was sent and said.
pub(super) fn run(
    mode: Mode,
    names: HeloNames,
    events: &[Event],
    eager: bool,
) -> (Vec<Vec<u8>>, Said) {
    let mut dialogue = Dialogue::new(mode, names, Duration::ZERO);
    let mut sent = Vec::new();
    let mut done = false;
    for (at, event) in (0..).zip(events) {
        let now = Duration::from_millis(at);
        match event {
            Event::Received(bytes) => dialogue.received(bytes, now),
            Event::Tls => dialogue.tls_established(now),
            Event::TlsFails => dialogue.tls_failed(now),
            Event::Closed => dialogue.closed(now),
            Event::Reset => dialogue.reset(now),
            Event::TimedOut => dialogue.timed_out(now),
            Event::Failed => dialogue.failed("broken".to_owned(), now),
        }
        // A driver that writes at once, and one that reads first.
        let turns = if eager || at % 3 == 0 { usize::MAX } else { 0 };
        for _ in 0..turns {
            match dialogue.next() {
                Next::Send(bytes) => {
                    assert!(!done, "done means done");
                    sent.push(bytes);
                }
                Next::StartTls => assert!(!done, "done means done"),
                Next::Done => {
                    done = true;
                    break;
                }
                Next::Receive => {
                    assert!(!done, "done means done");
                    break;
                }
            }
        }
    }
    (sent, dialogue.finish(Duration::from_secs(1)))
}

/// Nothing was sent but commands, and what is kept is bounded.
pub(super) fn assert_limits(sent: &[Vec<u8>], said: &Said) {
    for line in sent {
        let (text, end) = line.split_at(line.len() - 2);
        assert!(end == b"\r\n" && text.iter().all(|b| (b' '..=b'~').contains(b)));
        assert!(line.len() <= 512);
        let verb = text.split(|b| *b == b' ').next().unwrap_or_default();
        assert!([&b"EHLO"[..], b"HELO", b"STARTTLS", b"QUIT"].contains(&verb), "{verb:?}");
    }
    assert!(sent.len() <= 4 + 1 + 4 + 1, "{} commands", sent.len());
    assert!(sent.iter().filter(|line| *line == b"QUIT\r\n").count() <= 1);
    let facts = &said.facts;
    assert!(facts.not_smtp.as_ref().is_none_or(|first| first.len() <= 512));
    assert!(facts.starttls.as_ref().is_none_or(|starttls| starttls.plaintext_behind.len() <= 512));
    for reply in replies(facts) {
        assert!(reply.lines.len() <= 128);
        assert!(reply.lines.iter().all(|line| line.len() <= 1024));
    }
    // What is kept, and the first line of each reply in any case.
    let kept: usize = replies(facts).flat_map(|r| &r.lines).map(|line| line.len() + 64).sum();
    assert!(kept <= 12 * 1024 + replies(facts).count() * (1024 + 64));
    let transcript: usize = said.transcript.iter().map(|line| line.text.len() + 64).sum();
    assert!(transcript <= 32 * 1024 + 128);
}

fn replies(facts: &SmtpFacts) -> impl Iterator<Item = &Reply> {
    let attempts = facts.ehlo_attempts.iter().chain(&facts.ehlo_attempts_after_tls);
    let starttls = facts.starttls.as_ref().and_then(|starttls| starttls.reply.as_ref());
    facts.greeting.iter().chain(attempts.map(|attempt| &attempt.reply)).chain(starttls)
}

/// Reads every reply out of the input, cut into pieces of these lengths.
pub(super) fn read_all(input: &[u8], lengths: &[usize]) -> Vec<ReplyProgress> {
    let mut reader = ReplyReader::default();
    let mut found = Vec::new();
    let mut rest = input;
    for length in lengths.iter().copied().chain([usize::MAX]) {
        let (mut piece, behind) = rest.split_at(length.min(rest.len()));
        rest = behind;
        while !piece.is_empty() {
            let (taken, progress) = reader.read(piece);
            piece = &piece[taken..];
            if progress != ReplyProgress::Incomplete {
                found.push(progress);
            }
        }
    }
    found
}
