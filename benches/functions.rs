//! The functions that see every byte: replies, dialogues, the sanitiser, the diagnosis, the report.
//!
//! Each is printed with what it processes a second. Nothing is asserted: `README.md` beside this says
//! what was found. `cargo bench --bench functions`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use smtpcheck::{
    Dialogue, HeloNames, Mode, Next, ReplyProgress, ReplyReader, Report, TextOptions, sanitize,
};

/// An EHLO reply of an ordinary server, over and over.
fn replies(times: usize) -> Vec<u8> {
    let reply = "250-mail.example Hello [192.0.2.1]\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n\
                 250-PIPELINING\r\n250-AUTH PLAIN LOGIN\r\n250-CHUNKING\r\n250-STARTTLS\r\n250 HELP\r\n";
    reply.repeat(times).into_bytes()
}

fn read(bytes: &[u8], chunk: usize) -> usize {
    let mut reader = ReplyReader::default();
    let mut found = 0;
    for mut piece in bytes.chunks(chunk) {
        while !piece.is_empty() {
            let (taken, progress) = reader.read(piece);
            piece = &piece[taken..];
            found += usize::from(matches!(progress, ReplyProgress::Complete(_)));
        }
    }
    found
}

/// The floor: somebody has to look for the ends of the lines.
fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

fn reply_reader(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replies");
    let bytes = replies(500);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group
        .bench_function("floor: counting line ends", |b| b.iter(|| count_lines(black_box(&bytes))));
    for chunk in [1, 100, 4096] {
        let name = format!("in chunks of {chunk}");
        group.bench_function(name, |b| b.iter(|| read(black_box(&bytes), chunk)));
    }
    let line = [b"220 ".to_vec(), vec![b'a'; 60_000], b"\r\n".to_vec()].concat();
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("one line of 60 KB", |b| b.iter(|| read(black_box(&line), 4096)));
    group.finish();
}

fn converse() -> usize {
    let names = HeloNames { name: "c.example".to_owned(), literal: "[192.0.2.1]".to_owned() };
    let now = Duration::ZERO;
    let mut dialogue = Dialogue::new(Mode::Starttls, names, now);
    let ehlo = replies(1);
    let inside = replies(1);
    let mut says = [&b"220 mail.example ESMTP\r\n"[..], &ehlo, b"220 go\r\n", &inside].into_iter();
    loop {
        match dialogue.next() {
            Next::Send(bytes) => drop(black_box(bytes)),
            Next::StartTls => dialogue.tls_established(now),
            Next::Receive => match says.next() {
                Some(bytes) => dialogue.received(bytes, now),
                None => dialogue.closed(now),
            },
            Next::Done => return dialogue.finish(now).transcript.len(),
        }
    }
}

fn dialogue(criterion: &mut Criterion) {
    criterion.bench_function("a whole dialogue", |b| b.iter(converse));
}

fn sanitizer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sanitizer");
    for (name, text) in [
        ("plain text", "250-mail.example at your service, ".repeat(100)),
        ("other scripts", "пошта メール bücher ".repeat(100)),
        ("escape sequences", "\u{1b}[31mred\u{202e}\u{0}".repeat(100)),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| sanitize(black_box(&text)).len()));
    }
    group.finish();
}

fn rendering(criterion: &mut Criterion) {
    let report = include_str!("../tests/golden/twelve-hosts.json");
    let report: Report = serde_json::from_str(report).expect("a report");
    let mut group = criterion.benchmark_group("a report of twelve hosts");
    let options = TextOptions::default();
    group.bench_function("as text", |b| b.iter(|| smtpcheck::text(black_box(&report), &options)));
    group.bench_function("as JSON", |b| b.iter(|| smtpcheck::json(black_box(&report))));
    group.finish();
}

criterion_group!(all, reply_reader, dialogue, sanitizer, rendering);
criterion_main!(all);
