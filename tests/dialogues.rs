//! Plays every file of `tests/dialogues/` to the bare state machine: no sockets, no time.
//!
//! A file is one conversation and what must be learnt from it:
//!
//! ```text
//! # a comment
//! MODE implicit            the mode, first of all; `starttls` unless said otherwise
//! NAMES name literal       what the client is called; `client.example [192.0.2.1]` unless said
//! S: text                  the server sends this line, with CRLF
//! RAW "a\r\n\x00" * 20     the server sends exactly these bytes, twenty times
//! C: text                  the client must send exactly this line next
//! TLS                      the client must begin TLS next, and it is established
//! TLSFAIL                  TLS fails: the handshake, where the client must begin it next, else afterwards
//! SILENCE 6s               nothing happens; the conversation's time ends 30 s after its beginning
//! EOF, RST                 the server closes or resets the connection
//! FAIL text                reading or writing fails on our side
//! EXPECT path value        a fact: a path into the JSON of the facts, the ending and the timings, and
//!                          its value as JSON or plain text; `absent` where there must be none
//! ```
//!
//! What the server sends between two other events comes in one piece; then the conversation is
//! played again cut in two at every byte, and byte by byte, and must yield the same.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use smtpcheck::{Dialogue, HeloNames, Mode, Next, Said};

/// How long a conversation may last, as `--timeout` is by default.
const PATIENCE: Duration = Duration::from_secs(30);
/// The connection stands after one step, and everything the server does takes one more.
const STEP: Duration = Duration::from_millis(10);

#[derive(Clone, Debug)]
enum Event {
    Server(Vec<u8>),
    Client(String),
    Tls,
    TlsFails,
    Silence(Duration),
    Eof,
    Reset,
    Fail(String),
}

struct Script {
    mode: Mode,
    names: HeloNames,
    events: Vec<Event>,
    expectations: Vec<(String, String)>,
}

#[test]
fn every_file() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialogues");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    files.sort();
    let mut failures = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("it can be read");
        if let Err(why) = check(&text) {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            failures.push(format!("{name}: {why}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(files.len() >= 30, "only {} files were found", files.len());
}

/// The handshake's bytes are TLS's. Should a driver hand them over all the same, they are neither
/// plaintext behind the 220 nor the beginning of a reply inside TLS.
#[test]
fn bytes_during_the_handshake_are_not_read() {
    let names = HeloNames { name: "client.example".to_owned(), literal: "[192.0.2.1]".to_owned() };
    let mut dialogue = Dialogue::new(Mode::Implicit, names, STEP);
    assert_eq!(dialogue.next(), Next::StartTls);
    dialogue.received(b"220-mx.example\r\n", STEP);
    dialogue.tls_established(STEP);
    dialogue.received(b"554 no\r\n", STEP);
    let greeting = dialogue.finish(STEP).facts.greeting.expect("it is complete");
    assert_eq!((greeting.code, greeting.lines.len()), (554, 1));
}

fn check(text: &str) -> Result<(), String> {
    let script = parse(text)?;
    if script.expectations.is_empty() {
        return Err("it expects nothing".to_owned());
    }
    let whole = play(&script, &|_| false)?;
    let facts = as_json(&whole);
    for (path, expected) in &script.expectations {
        let found = look_up(&facts, path);
        if !matches(&found, expected) {
            return Err(format!("{path} is {found}, not {expected}"));
        }
    }
    let octets: usize = script.events.iter().map(Event::octets).sum();
    for cut in (0..octets).step_by(stride(octets)) {
        let said = play(&script, &|at| at == cut).map_err(|e| format!("cut at {cut}: {e}"))?;
        if said != whole {
            return Err(format!("cut at {cut}: {}", as_json(&said)));
        }
    }
    let said = play(&script, &|_| true).map_err(|e| format!("byte by byte: {e}"))?;
    match said == whole {
        true => Ok(()),
        false => Err(format!("byte by byte: {}", as_json(&said))),
    }
}

/// Every byte of a conversation of a likely size; of an endless one, some forty.
fn stride(octets: usize) -> usize {
    if octets > 8192 { octets / 40 } else { 1 }
}

impl Event {
    fn octets(&self) -> usize {
        if let Self::Server(bytes) = self { bytes.len() } else { 0 }
    }
}

fn parse(text: &str) -> Result<Script, String> {
    let names = |name: &str, literal: &str| HeloNames {
        name: name.to_owned(),
        literal: literal.to_owned(),
    };
    let mut script = Script {
        mode: Mode::Starttls,
        names: names("client.example", "[192.0.2.1]"),
        events: Vec::new(),
        expectations: Vec::new(),
    };
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let event = match word {
            _ if line.is_empty() || line.starts_with('#') => continue,
            "MODE" => {
                script.mode = match rest {
                    "implicit" => Mode::Implicit,
                    "starttls" => Mode::Starttls,
                    _ => return Err(format!("no mode: {line}")),
                };
                continue;
            }
            "NAMES" => {
                let (name, literal) = rest.split_once(' ').ok_or("NAMES takes two")?;
                script.names = names(name, literal);
                continue;
            }
            "EXPECT" => {
                let (path, value) =
                    rest.split_once(' ').ok_or("EXPECT takes a path and a value")?;
                script.expectations.push((path.to_owned(), value.trim().to_owned()));
                continue;
            }
            "S:" => Event::Server(format!("{rest}\r\n").into_bytes()),
            "RAW" => Event::Server(raw(rest).ok_or_else(|| format!("no bytes: {line}"))?),
            "C:" => Event::Client(format!("{rest}\r\n")),
            "TLS" => Event::Tls,
            "TLSFAIL" => Event::TlsFails,
            "SILENCE" => {
                let seconds = rest.strip_suffix('s').and_then(|s| s.parse().ok());
                Event::Silence(Duration::from_secs(seconds.ok_or("SILENCE takes `6s`")?))
            }
            "EOF" => Event::Eof,
            "RST" => Event::Reset,
            "FAIL" => Event::Fail(rest.to_owned()),
            _ => return Err(format!("unknown line: {line}")),
        };
        script.events.push(event);
    }
    Ok(script)
}

/// `"text"` or `"text" * times`, with `\r`, `\n`, `\t`, `\\`, `\"` and `\x00`.
fn raw(text: &str) -> Option<Vec<u8>> {
    let (quoted, times) = match text.rsplit_once(" * ") {
        Some((quoted, times)) => (quoted, times.parse().ok()?),
        None => (text, 1),
    };
    let inside = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::new();
    let mut chars = inside.bytes();
    while let Some(byte) = chars.next() {
        bytes.push(match byte {
            b'\\' => match chars.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => {
                    let digits = [chars.next()?, chars.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                other => other,
            },
            other => other,
        });
    }
    Some(bytes.repeat(times))
}

/// Plays a script; `cut` says at which of the server's bytes a new chunk begins.
fn play(script: &Script, cut: &dyn Fn(usize) -> bool) -> Result<Said, String> {
    let mut now = STEP;
    let mut dialogue = Dialogue::new(script.mode, script.names.clone(), now);
    let mut events: VecDeque<Event> = script.events.clone().into();
    let mut sent = 0;
    while let Some(event) = events.pop_front() {
        match event {
            Event::Server(mut bytes) => {
                while let Some(Event::Server(more)) = events.front() {
                    bytes.extend_from_slice(more);
                    events.pop_front();
                }
                expect_next(&mut dialogue, &Next::Receive, "the server speaks")?;
                now += STEP;
                let mut begin = 0;
                for at in 1..=bytes.len() {
                    if at == bytes.len() || cut(sent + at) {
                        dialogue.received(&bytes[begin..at], now);
                        begin = at;
                    }
                }
                sent += bytes.len();
            }
            Event::Client(line) => {
                expect_next(&mut dialogue, &Next::Send(line.into_bytes()), "the client speaks")?;
            }
            Event::Tls => {
                expect_next(&mut dialogue, &Next::StartTls, "TLS")?;
                now += STEP;
                dialogue.tls_established(now);
            }
            Event::TlsFails => {
                match dialogue.next() {
                    Next::StartTls | Next::Receive => {}
                    other => return Err(format!("TLSFAIL, but the client wants {other:?}")),
                }
                now += STEP;
                dialogue.tls_failed(now);
            }
            Event::Silence(span) => {
                match dialogue.next() {
                    Next::StartTls | Next::Receive | Next::Done => {}
                    other => return Err(format!("SILENCE, but the client wants {other:?}")),
                }
                now += span;
                if now >= PATIENCE {
                    dialogue.timed_out(now);
                }
            }
            // These may come before the client has had its turn.
            Event::Eof => dialogue.closed(now + STEP),
            Event::Reset => dialogue.reset(now + STEP),
            Event::Fail(error) => dialogue.failed(error, now + STEP),
        }
    }
    expect_next(&mut dialogue, &Next::Done, "the end")?;
    Ok(dialogue.finish(now))
}

fn expect_next(dialogue: &mut Dialogue, expected: &Next, when: &str) -> Result<(), String> {
    let next = dialogue.next();
    match next == *expected {
        true => Ok(()),
        false => Err(format!("{when}: {}, not {}", describe(&next), describe(expected))),
    }
}

fn describe(next: &Next) -> String {
    match next {
        Next::Send(bytes) => format!("Send({})", bytes.escape_ascii()),
        other => format!("{other:?}"),
    }
}

/// The facts with `ending`, `timings` and `transcript` (its lines) beside them, the keywords as
/// plain lists, and bytes as text.
fn as_json(said: &Said) -> Value {
    let text = |bytes: &[u8]| json!(String::from_utf8_lossy(bytes));
    let mut json = serde_json::to_value(&said.facts).expect("facts can be written");
    json["ending"] = json!(said.ending);
    json["timings"] = json!(said.timings);
    json["transcript"] = said.transcript.iter().map(|line| line.text.as_str()).collect();
    for (short, offered) in [
        ("keywords", &said.facts.capabilities),
        ("keywords_after_tls", &said.facts.capabilities_after_tls),
    ] {
        json[short] = match offered {
            Some(offered) => offered.keywords.iter().map(|k| k.keyword.as_str()).collect(),
            None => Value::Null,
        };
    }
    if let Some(first) = &said.facts.not_smtp {
        json["not_smtp"] = text(first);
    }
    if let Some(starttls) = &said.facts.starttls {
        json["starttls"]["plaintext_behind"] = text(&starttls.plaintext_behind);
    }
    json
}

/// Follows a path; `count` is the length of a list and `last` its last element.
fn look_up(json: &Value, path: &str) -> Value {
    path.split('.').fold(json.clone(), |value, key| {
        let found = match &value {
            Value::Array(list) if key == "count" => return json!(list.len()),
            Value::Array(list) if key == "last" => list.last(),
            Value::Array(list) => key.parse().ok().and_then(|at: usize| list.get(at)),
            other => other.get(key),
        };
        found.cloned().unwrap_or(Value::Null)
    })
}

fn matches(found: &Value, expected: &str) -> bool {
    if expected == "absent" {
        return found.is_null();
    }
    let expected: Value = serde_json::from_str(expected).unwrap_or_else(|_| json!(expected));
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() < 0.001,
        _ => *found == expected,
    }
}
