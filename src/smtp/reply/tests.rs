//! What real servers send, well and badly, and what is read of it.

use super::ReplyProgress::{Complete, Incomplete, NotSmtp, TooMuch};
use super::*;
use ReplyDefect::{
    BadSeparator, BareCr, BareLf, ControlCharacter, LongLine, MissingCode, MixedCodes, NotAscii,
    OddCode, TruncatedLine,
};

/// Reads the input whole, at every single cut, and byte by byte; all must agree.
fn read(input: &[u8]) -> (usize, ReplyProgress) {
    let whole = read_in(input, &[]);
    let step = if input.len() > 8192 { input.len() / 40 } else { 1 };
    for cut in (1..input.len()).step_by(step) {
        assert_eq!(read_in(input, &[cut]), whole, "cut at {cut}: {:?}", input.escape_ascii());
    }
    let everywhere: Vec<usize> = (1..input.len()).collect();
    assert_eq!(read_in(input, &everywhere), whole, "{:?}", input.escape_ascii().to_string());
    whole
}

fn read_in(input: &[u8], cuts: &[usize]) -> (usize, ReplyProgress) {
    let mut reader = ReplyReader::default();
    let mut begin = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        let (taken, progress) = reader.read(&input[begin..end]);
        begin += taken;
        if progress != Incomplete {
            assert!(reader.is_empty(), "the reader begins anew");
            return (begin, progress);
        }
        assert_eq!(begin, end, "everything is taken until the reply ends");
    }
    (begin, Incomplete)
}

fn good(input: &[u8]) -> Reply {
    let (taken, progress) = read(input);
    let Complete(reply) = progress else {
        panic!("{}: {progress:?}", input.escape_ascii());
    };
    assert_eq!(taken, input.len(), "{}", input.escape_ascii());
    reply
}

#[test]
fn well_formed() {
    for (input, code, lines) in [
        (&b"220 mx.example ESMTP\r\n"[..], 220, &["mx.example ESMTP"][..]),
        (b"220\r\n", 220, &[""]),
        (b"220 \r\n", 220, &[""]),
        (b"250-mx.example\r\n250-SIZE 1\r\n250 HELP\r\n", 250, &["mx.example", "SIZE 1", "HELP"]),
        (b"220-\r\n220 x\r\n", 220, &["", "x"]),
        (b"250-a\r\n250\r\n", 250, &["a", ""]),
        (b"554-a\r\n554- b\r\n554  c\r\n", 554, &["a", " b", " c"]),
        (b"220 a\tb\r\n", 220, &["a\tb"]),
        (b"220 -\r\n", 220, &["-"]),
        (b"220 220-x\r\n", 220, &["220-x"]),
    ] {
        let reply = good(input);
        assert_eq!(
            (reply.code, &reply.lines[..]),
            (code, &lines.iter().map(|l| l.to_string()).collect::<Vec<_>>()[..])
        );
        assert_eq!(reply.defects, [], "{}", input.escape_ascii());
    }
}

#[test]
fn readable_with_defects() {
    for (input, code, lines, defects) in [
        (&b"220 a\n"[..], 220, &["a"][..], &[BareLf][..]),
        (b"250-a\n250 b\r\n", 250, &["a", "b"], &[BareLf]),
        (b"220 a\r\r\n", 220, &["a"], &[BareCr]),
        (b"220 a\rb\r\n", 220, &["a\rb"], &[BareCr]),
        (b"220\r\r\n", 220, &[""], &[BareCr]),
        (b"220\ta\r\n", 220, &["a"], &[BadSeparator]),
        (b"220mx.example\r\n", 220, &["mx.example"], &[BadSeparator]),
        (b"220-a\r\n250 b\r\n", 250, &["a", "b"], &[MixedCodes]),
        (b"220-a\r\n554 b\r\n", 554, &["a", "b"], &[MixedCodes]),
        (b"220-a\r\nhello\r\n220 b\r\n", 220, &["a", "hello", "b"], &[MissingCode]),
        (b"220-a\r\n\r\n220 b\r\n", 220, &["a", "", "b"], &[MissingCode]),
        (b"220-a\r\n2200 x\r\n220 b\r\n", 220, &["a", "2200 x", "b"], &[MissingCode]),
        (b"\r\n220 a\r\n", 220, &["a"], &[MissingCode]),
        (b"\n\r\n220 a\r\n", 220, &["a"], &[BareLf, MissingCode]),
        (b"220 a\0b\r\n", 220, &["a\0b"], &[ControlCharacter]),
        (b"220 \x1b[31m\r\n", 220, &["\x1b[31m"], &[ControlCharacter]),
        (b"220 a\x7f\r\n", 220, &["a\x7f"], &[ControlCharacter]),
        ("220 é\r\n".as_bytes(), 220, &["é"], &[NotAscii]),
        (b"220 \xff\xe9\r\n", 220, &["\u{fffd}\u{fffd}"], &[NotAscii]),
        (b"120 a\r\n", 120, &["a"], &[OddCode]),
        (b"699 a\r\n", 699, &["a"], &[OddCode]),
        (b"260 a\r\n", 260, &["a"], &[OddCode]),
        (b"000\r\n", 0, &[""], &[OddCode]),
        (
            b"250-a\n250-b\n200\xff\n",
            200,
            &["a", "b", "\u{fffd}"],
            &[BareLf, NotAscii, MixedCodes, BadSeparator],
        ),
    ] {
        let reply = good(input);
        let lines: Vec<String> = lines.iter().map(|l| l.to_string()).collect();
        assert_eq!((reply.code, reply.lines), (code, lines), "{}", input.escape_ascii());
        assert_eq!(reply.defects, defects, "{}", input.escape_ascii());
    }
}

#[test]
fn incomplete() {
    for input in [
        &b""[..],
        b"2",
        b"220",
        b"220 mx.example",
        b"220 mx.example\r",
        b"220-mx.example\r\n",
        b"250-a\r\n250-STARTTLS\r\n",
        b"250-a\r\nno code\r\n",
        b"\r",
        b"\r\n\r\n",
    ] {
        assert_eq!(read(input), (input.len(), Incomplete), "{}", input.escape_ascii());
    }
}

#[test]
fn no_reply_at_all() {
    for input in [
        &b"HTTP/1.1 400 Bad Request\r\n"[..],
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"* OK [CAPABILITY IMAP4rev1] ready\r\n",
        b"+OK POP3 ready\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x16\x03\x03\x00\x03\n\n\n",
        b"\x15\n",
        b"22\n",
        b"22\r\n",
        b"2 20 mx.example\r\n",
        b"2200 mx.example\r\n",
        b" 220 mx.example\r\n",
        b"\r220 mx.example\r\n",
        b"\xef\xbb\xbf220 mx.example\n",
        b"\x00\n",
    ] {
        assert_eq!(read(input), (input.len(), NotSmtp(input.to_vec())), "{}", input.escape_ascii());
    }
    let (taken, progress) = read(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n");
    assert_eq!((taken, progress), (26, NotSmtp(b"HTTP/1.1 400 Bad Request\r\n".to_vec())));
}

#[test]
fn foreign_bytes_without_an_end_are_known_as_such() {
    let mut reader = ReplyReader::default();
    assert_eq!(reader.read(b"\xff\xfd\x18"), (3, Incomplete));
    assert_eq!(reader.foreign(), Some(&b"\xff\xfd\x18"[..]));
    assert_eq!(read(&[b'x'; 600]), (512, NotSmtp(vec![b'x'; 512])));
    assert_eq!(read(b"\x16\x03\x01\xff\xff").1, Incomplete);
}

#[test]
fn after_one_reply_only_tls_is_foreign() {
    for (stray, defects) in [
        (&b"Welcome to mx.example\r\n"[..], &[MissingCode][..]),
        (b"HTTP/1.1 400 Bad Request\n", &[BareLf, MissingCode]),
        ("ä\r\n22\r\n".as_bytes(), &[NotAscii, MissingCode]),
    ] {
        let mut reader = ReplyReader::default();
        let (_, greeting) = reader.read(b"220 mx.example\r\n");
        assert!(matches!(greeting, Complete(_)));
        let (_, answer) = reader.read(&[stray, b"250 mx.example\r\n"].concat());
        let Complete(reply) = answer else { panic!("{answer:?}") };
        assert_eq!((reply.lines, reply.defects), (vec!["mx.example".to_owned()], defects.to_vec()));
        let alert = b"\x15\x03\x03\x00\x02\x02\x0a";
        assert_eq!(reader.read(alert), (7, NotSmtp(alert.to_vec())));
    }
}

#[test]
fn what_stands_behind_a_reply_is_left() {
    assert_eq!(read(b"220 a\r\n220 b\r\n").0, 7);
    assert_eq!(read(b"220 a\r\n\r\n").0, 7);
}

#[test]
fn long_lines() {
    let line = |length: usize| [b"220 ", &vec![b'a'; length - 6][..], b"\r\n"].concat();
    assert_eq!(good(&line(512)).defects, []);
    assert_eq!(good(&line(513)).defects, [LongLine]);
    let full = good(&line(8 * 1024 + 2));
    assert_eq!((full.lines[0].len(), full.defects), (8 * 1024 - 4, vec![LongLine]));
    let cut = good(&line(8 * 1024 + 3));
    assert_eq!((cut.lines[0].len(), cut.defects), (8 * 1024 - 4, vec![LongLine, TruncatedLine]));
    assert_eq!(good(&line(64 * 1024)).lines[0].len(), 8 * 1024 - 4);
}

#[test]
fn endless_replies() {
    let fits = [b"250-a\r\n".repeat(127), b"250 a\r\n".to_vec()].concat();
    assert_eq!(good(&fits).lines.len(), 128);
    assert_eq!(read(&b"250-a\r\n".repeat(128)), (128 * 7, TooMuch));
    assert_eq!(read(&b"\r\n".repeat(200)), (256, TooMuch));
    let line = [b"220 ", &vec![b'a'; 65_536][..]].concat();
    assert_eq!(read_in(&line, &[]), (65_536, TooMuch));
    let every_byte: Vec<usize> = (1..line.len()).collect();
    assert_eq!(read_in(&line, &every_byte), (65_536, TooMuch));
}

#[test]
fn enhanced_status_codes() {
    for (text, expected) in [
        ("4.7.0 Too many", Some("4.7.0")),
        ("5.7.606", Some("5.7.606")),
        ("2.1.5\tok", Some("2.1.5")),
        ("3.7.0 x", None),
        ("4.7 x", None),
        ("4.7.0.1 x", None),
        ("4.7.0x", None),
        ("4.7.", None),
        ("4..0", None),
        ("4.1234.0", None),
        ("44.1.0", None),
        (" 4.7.0", None),
        ("#4.7.0", None),
        ("", None),
    ] {
        assert_eq!(enhanced(text.as_bytes()), expected, "{text:?}");
    }
    let reply = good(b"554-mx.example\r\n554-5.7.1 no\r\n554 5.7.2 no\r\n");
    assert_eq!(reply.enhanced.as_deref(), Some("5.7.1"));
}
