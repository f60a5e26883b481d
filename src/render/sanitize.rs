//! Remote text → safe text: what a server says must not act on the reader's terminal.
//!
//! Knows which characters act, hide or reorder. Must not know where a text comes from: every string
//! of a report is treated alike, because a message may quote a server.
//!
//! An escape stays visible (`\x1b`, `\u{202e}`), since that somebody sent it is worth knowing. A
//! backslash is left alone: the result is for eyes and is not meant to be turned back.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// How many marks may stand on one letter. Three are enough for every living script, and a pile of
/// them would grow over the neighbouring lines.
const MARKS_ON_A_LETTER: usize = 3;

/// Makes text from outside safe to print.
///
/// Control characters (C0, DEL, C1), bidirectional controls, zero-width and other invisible
/// characters, line and paragraph separators, tags and private-use characters become visible
/// escapes. Letters of every script stay as they are.
///
/// ```
/// assert_eq!(smtpcheck::sanitize("220 \u{1b}[2Jhi\r\n"), r"220 \x1b[2Jhi\r\n");
/// assert_eq!(smtpcheck::sanitize("220 bücher.example"), "220 bücher.example");
/// ```
pub fn sanitize(text: &str) -> Cow<'_, str> {
    let mut marks = MARKS_ON_A_LETTER;
    let mut acts = |c: char| {
        // A mark at the very beginning would sit on a character of our own layout.
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        is_hidden(c) || marks > MARKS_ON_A_LETTER
    };
    let Some(first) = text.char_indices().find_map(|(at, c)| acts(c).then_some(at)) else {
        return Cow::Borrowed(text);
    };
    let mut safe = String::with_capacity(text.len() + 16);
    let (before, rest) = text.split_at(first);
    safe.push_str(before);
    let mut marks = MARKS_ON_A_LETTER;
    for (at, c) in rest.char_indices() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        // The first one is known to act; its count began in the part before.
        if at == 0 || is_hidden(c) || marks > MARKS_ON_A_LETTER {
            push_escaped(&mut safe, c);
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// As [`sanitize`], of at most the first `limit` characters; says how many were left out.
pub(super) fn sanitize_capped(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        None => sanitize(text),
        Some((end, _)) => {
            let (kept, rest) = text.split_at(end);
            Cow::Owned(format!("{}... (+{} characters)", sanitize(kept), rest.chars().count()))
        }
    }
}

/// Every character outside ASCII as an escape: for texts that are shown letter by letter.
pub(super) fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_ascii() { out.push(c) } else { push_escaped(&mut out, c) }
    }
    Cow::Owned(out)
}

/// As [`ascii`], but typographic marks get their usual stand-ins: for sentences.
pub(super) fn ascii_prose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '…' => out.push_str("..."),
            '–' | '—' | '−' => out.push('-'),
            '‘' | '’' => out.push('\''),
            '“' | '”' => out.push('"'),
            '→' => out.push_str("->"),
            '×' => out.push('x'),
            '§' => out.push_str("section "),
            '\u{a0}' => out.push(' '),
            c if c.is_ascii() => out.push(c),
            c => push_escaped(&mut out, c),
        }
    }
    Cow::Owned(out)
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        c => out.extend(c.escape_unicode()),
    }
}

/// Whether a character acts on a terminal, hides, or changes the order of others.
pub(super) fn is_hidden(c: char) -> bool {
    match c {
        // C0, DEL, C1 (U+009B alone begins a control sequence).
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        // Bidirectional controls, zero-width characters, line and paragraph separators.
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' => true,
        // Other default-ignorable characters (Unicode 16, DerivedCoreProperties): soft hyphen,
        // joiners, fillers, variation selectors, shorthand and musical controls, tags.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        // Private use: whatever the font makes of it, prompt symbols included.
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        // Noncharacters.
        '\u{fdd0}'..='\u{fdef}' => true,
        c => u32::from(c) & 0xfffe == 0xfffe,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attacks_become_visible() {
        for (attack, shown) in [
            ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
            ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
            ("\x1b]8;;http://x.test\x1b\\click", r"\x1b]8;;http://x.test\x1b\click"),
            ("\x1bP+q544e\x1b\\", r"\x1bP+q544e\x1b\"),
            ("ok\rerror: pay here", r"ok\rerror: pay here"),
            ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
            ("a\0b\x08c\x7fd", r"a\x00b\x08c\x7fd"),
            ("\u{9b}31m \u{9d}0;t\u{9c} \u{85}", r"\u{9b}31m \u{9d}0;t\u{9c} \u{85}"),
            ("a\u{202e}txe\u{2066}b\u{200f}c\u{61c}", r"a\u{202e}txe\u{2066}b\u{200f}c\u{61c}"),
            ("pay\u{200b}pal\u{feff}\u{2060}", r"pay\u{200b}pal\u{feff}\u{2060}"),
            ("a\u{2028}b\u{2029}c", r"a\u{2028}b\u{2029}c"),
            ("\u{e0041}\u{fe0f}\u{e000}\u{fffe}", r"\u{e0041}\u{fe0f}\u{e000}\u{fffe}"),
        ] {
            assert_eq!(sanitize(attack), shown);
        }
    }

    #[test]
    fn words_of_every_script_stay() {
        for text in
            ["", "220 mx ESMTP", "bücher", "почта", "メール", "डाकघर", "ไปรษณีย์", "e\u{301}", "\\d+"]
        {
            assert!(matches!(sanitize(text), Cow::Borrowed(t) if t == text), "{text}");
        }
    }

    #[test]
    fn marks_neither_pile_up_nor_sit_on_our_own_characters() {
        assert_eq!(sanitize("\u{301}a"), "\\u{301}a");
        let pile = format!("a{}", "\u{301}".repeat(10));
        let kept = sanitize(&pile).chars().filter(|c| *c == '\u{301}').count();
        assert_eq!(kept, MARKS_ON_A_LETTER);
    }

    #[test]
    fn huge_text_is_cut_by_characters() {
        let huge = "\u{1b}ü".repeat(100_000);
        let shown = sanitize_capped(&huge, 3);
        assert_eq!(shown, "\\x1bü\\x1b... (+199997 characters)");
        assert_eq!(sanitize_capped("abc", 3), "abc");
    }

    #[test]
    fn ascii_has_stand_ins_for_prose_only() {
        assert_eq!(ascii("§ ü…"), "\\u{a7} \\u{fc}\\u{2026}");
        assert_eq!(ascii_prose("RFC 5280 §4 – “ü”…"), "RFC 5280 section 4 - \"\\u{fc}\"...");
    }

    proptest! {
        #[test]
        fn nothing_hidden_survives_and_twice_is_once(text in "\\PC*|(?s).*") {
            let safe = sanitize(&text).into_owned();
            prop_assert!(!safe.chars().any(is_hidden));
            prop_assert_eq!(sanitize(&safe), &*safe);
            prop_assert!(ascii(&safe).is_ascii() && ascii_prose(&safe).is_ascii());
        }
    }
}
