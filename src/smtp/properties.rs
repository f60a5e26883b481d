//! Whatever a server sends, in whatever chunks: no panic, no limit passed, nothing but commands
//! sent.

use std::time::Duration;

use proptest::prelude::*;

use super::{Dialogue, HeloNames, Next, ReplyProgress, ReplyReader, Said};
use crate::observation::{Reply, SmtpFacts};
use crate::port::Mode;

/// What may happen to a dialogue.
#[derive(Clone, Debug)]
enum Event {
    Received(Vec<u8>),
    Tls,
    TlsFails,
    Closed,
    Reset,
    TimedOut,
    Failed,
}

/// Pure noise would hardly ever get past the greeting: pieces of real conversations are thrown
/// in.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            &b"220 mx.example\r\n"[..], b"220-mx\r\n", b"220 ", b"250-mx\r\n", b"250-STARTTLS\r\n",
            b"250 STARTTLS\r\n", b"250 ok\n", b"421 4.7.0 no\r\n", b"502 what\r\n", b"550 no\r\n",
            b"\r\n", b"\n", b"\r", b"\x15\x03\x01\x00\x02\x02\x28", b"HTTP/1.1 400\r\n", b"\0",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0..90_000_usize).prop_map(|(byte, times)| vec![byte; times]),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        20 => bytes().prop_map(Event::Received),
        4 => Just(Event::Tls),
        1 => Just(Event::TlsFails),
        1 => Just(Event::Closed),
        1 => Just(Event::Reset),
        1 => Just(Event::TimedOut),
        1 => Just(Event::Failed),
    ];
    prop::collection::vec(event, 0..24)
}

fn names() -> impl Strategy<Value = HeloNames> {
    (".{0,12}", any::<String>()).prop_map(|(name, literal)| HeloNames { name, literal })
}

/// Runs the events and returns what was sent and said.
fn run(mode: Mode, names: HeloNames, events: &[Event], eager: bool) -> (Vec<Vec<u8>>, Said) {
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

fn replies(facts: &SmtpFacts) -> impl Iterator<Item = &Reply> {
    let attempts = facts.ehlo_attempts.iter().chain(&facts.ehlo_attempts_after_tls);
    let starttls = facts.starttls.as_ref().and_then(|starttls| starttls.reply.as_ref());
    facts.greeting.iter().chain(attempts.map(|attempt| &attempt.reply)).chain(starttls)
}

proptest! {
    #[test]
    fn no_limit_is_passed(
        implicit: bool,
        names in names(),
        events in events(),
        eager: bool,
    ) {
        let mode = if implicit { Mode::Implicit } else { Mode::Starttls };
        let (sent, said) = run(mode, names, &events, eager);
        for line in &sent {
            let (text, end) = line.split_at(line.len() - 2);
            prop_assert!(end == b"\r\n" && text.iter().all(|b| (b' '..=b'~').contains(b)));
            prop_assert!(line.len() <= 512);
        }
        prop_assert!(sent.len() <= 4 + 1 + 4 + 1, "{} commands", sent.len());
        prop_assert!(sent.iter().filter(|line| *line == b"QUIT\r\n").count() <= 1);
        let facts = &said.facts;
        prop_assert!(facts.not_smtp.as_ref().is_none_or(|first| first.len() <= 512));
        prop_assert!(
            facts.starttls.as_ref().is_none_or(|starttls| starttls.plaintext_behind.len() <= 512)
        );
        for reply in replies(facts) {
            prop_assert!(reply.lines.len() <= 128);
            prop_assert!(reply.lines.iter().all(|line| line.len() <= 1024));
        }
        // What is kept, and the first line of each reply in any case.
        let kept: usize = replies(facts).flat_map(|r| &r.lines).map(|line| line.len() + 64).sum();
        prop_assert!(kept <= 12 * 1024 + replies(facts).count() * (1024 + 64));
        let transcript: usize = said.transcript.iter().map(|line| line.text.len() + 64).sum();
        prop_assert!(transcript <= 32 * 1024 + 128);
    }

    #[test]
    fn cuts_make_no_difference_to_replies(
        input in bytes(),
        cuts in prop::collection::vec(0..100_usize, 0..20),
    ) {
        prop_assert_eq!(read_all(&input, &cuts), read_all(&input, &[]));
    }
}

/// Reads every reply out of the input, cut into pieces of these lengths.
fn read_all(input: &[u8], lengths: &[usize]) -> Vec<ReplyProgress> {
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
