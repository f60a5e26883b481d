//! Text of any origin → Markdown that shows it and does nothing else.
//!
//! Escaping each sign with a backslash would do for CommonMark, but not for what GitHub and GitLab
//! add to it after parsing (mentions, references, links of their own), and it would spoil the text
//! for whoever reads it unrendered. So a word that has any sign in it is shown as code, in which
//! nothing has a meaning, and words without stay as they are.

use super::sanitize::sanitize_capped;

/// The longest text, in characters.
const LONGEST: usize = 2000;

/// A text as inline Markdown. What it has between backquotes is code already.
pub(super) fn text(text: &str) -> String {
    let safe = sanitize_capped(text.trim(), LONGEST);
    let mut out = String::with_capacity(safe.len() + 16);
    let mut rest = &*safe;
    // A pair of backquotes is as we write it ourselves; whoever else does gets code, too.
    while let Some((before, behind)) = rest.split_once('`') {
        let Some((quoted, behind)) = behind.split_once('`') else { break };
        words(&mut out, before);
        if !quoted.trim().is_empty() {
            push_code(&mut out, quoted);
        }
        rest = behind;
    }
    words(&mut out, rest);
    out
}

/// A name or an address as the inline Markdown of a table's cell.
pub(super) fn cell(text: &str) -> String {
    match &*sanitize_capped(text, LONGEST) {
        "" => String::new(),
        // A table is taken apart before code is looked for, and backslashes are of no help: before
        // the one that escapes a `|` there may be another.
        text => code(&text.replace('|', "\\x7c")),
    }
}

/// Lines as a code block.
pub(super) fn block(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> =
        lines.map(|line| sanitize_capped(&line, LONGEST).into_owned()).collect();
    let lines = lines.join("\n");
    let fence = "`".repeat(longest_run(&lines).max(2) + 1);
    format!("{fence}text\n{lines}\n{fence}")
}

/// Code between more backquotes than it has itself (CommonMark §6.1).
fn code(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Two codes side by side would be read as one.
fn push_code(out: &mut String, text: &str) {
    if out.ends_with('`') {
        out.push(' ');
    }
    out.push_str(&code(text));
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn words(out: &mut String, text: &str) {
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        let (open, inner) = match word.strip_prefix('(') {
            Some(inner) => ("(", inner),
            None => ("", word),
        };
        let inner = inner.trim_end_matches([',', '.', ';', ':', '!', '?', ')']);
        // At the beginning of a line, `1.` begins a list and `/close` is a command to GitLab.
        let acts = out.is_empty() && (is_marker(word) || word.starts_with(['+', '-', '=', '/']));
        // A colon stands before a port; between two, a word becomes a picture.
        if is_harmless(inner) && word.matches(':').count() < 2 && !acts {
            out.push_str(word);
        } else if inner.is_empty() || is_marker(word) {
            push_code(out, word);
        } else {
            out.push_str(open);
            push_code(out, inner);
            out.push_str(&word[open.len() + inner.len()..]);
        }
    }
}

/// A word in which no reader of Markdown finds anything but a word.
fn is_harmless(word: &str) -> bool {
    let plain = |c: char| {
        c.is_alphanumeric()
            || !c.is_ascii()
            || matches!(
                c,
                '\'' | '"' | '%' | '+' | ',' | '-' | '.' | '/' | ';' | '=' | '?' | '!' | '(' | ')'
            )
    };
    let lower = word.to_ascii_lowercase();
    let is_plain = |c: char| plain(c) || c == ':';
    word.chars().all(is_plain)
        && !["://", "www", "mailto:", "xmpp:"].iter().any(|link| lower.contains(link))
}

/// `1.` and `1)`, which begin a list.
fn is_marker(word: &str) -> bool {
    let digits = word.trim_end_matches(['.', ')']);
    digits.len() < word.len() && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;

    /// What a reader of Markdown sees outside code; fails on anything but words and code.
    fn outside_code(markdown: &str) -> String {
        let mut words = String::new();
        for event in Parser::new_ext(markdown, Options::all()) {
            match event {
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                // It is between signs of ours.
                Event::Code(_) => words.push('…'),
                Event::Text(text) => words.push_str(&text),
                other => panic!("{other:?} in {markdown}"),
            }
        }
        words
    }

    #[test]
    fn our_sentences_stay_readable() {
        for (sentence, shown) in [
            ("port 25 does not leave your network", "port 25 does not leave your network"),
            ("the name mx_1.test (at mx.test:25).", "the name `mx_1.test` (at mx.test:25)."),
            ("use `a_b = yes`, please", "use `a_b = yes`, please"),
            ("mx.test[192.0.2.1]:25 expired", "`mx.test[192.0.2.1]:25` expired"),
            ("write to me@x.test.", "write to `me@x.test`."),
            ("-", "`-`"),
            ("1. one", "`1.` one"),
            ("  x", "x"),
        ] {
            assert_eq!(text(sentence), shown);
        }
    }

    #[test]
    fn codes_do_not_run_into_each_other() {
        assert_eq!(text("`a`<b> `` c"), "`a` `<b>`  c");
        assert_eq!(outside_code(&text("a`b``<i>` d")), "a… <… d".replace("<…", "…"));
    }

    proptest! {
        #[test]
        fn nothing_but_words_and_code_comes_out(
            raw in "(?s).*|[ -~]*|([`|<>*_#@:/.\\\\a-b1 \\[\\]()!-]|www\\.|http://){0,30}"
        ) {
            let words = outside_code(&text(&raw));
            for sign in ["@", "#", "://", "www.", "<", "`", "_", "*"] {
                prop_assert!(!words.contains(sign), "{raw:?} → {words}");
            }
            prop_assert!(!words.starts_with('/'), "{raw:?} → {words}");
            let row = format!("|a|b|\n|-|-|\n|{}|x|\n", cell(&raw));
            let cells = Parser::new_ext(&row, Options::all());
            let cells = cells.filter(|e| matches!(e, Event::Start(Tag::TableCell))).count();
            prop_assert_eq!(cells, 4, "{}", row);
        }
    }
}
