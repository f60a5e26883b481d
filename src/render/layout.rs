//! The page: lines, columns and wrapped paragraphs of a given width.
//!
//! Knows how wide a character is shown and what the page may contain. Must not know what a report
//! is. Texts from a report come in through [`Page::safe`] and [`Page::verbatim`] only.

use unicode_width::UnicodeWidthStr;

use super::sanitize::{ascii, ascii_prose, sanitize_capped};
use super::style::Tone;
use super::text::TextOptions;

/// The narrowest page that is laid out; in a narrower terminal, its own wrapping does the rest.
const NARROWEST: usize = 40;
/// The widest paragraph: beyond it the eye loses the line.
const WIDEST: usize = 100;
/// The widest table; its columns guide the eye.
const WIDEST_TABLE: usize = 160;
/// The longest sentence, in characters. Ours are far shorter; what they quote need not be.
const LONGEST_SENTENCE: usize = 800;
/// The longest line of a conversation, in characters: more than the 512 octets that RFC 5321
/// §4.5.3.1.5 allows, less than a screenful.
const LONGEST_LINE: usize = 1000;
/// The longest piece between backquotes that is kept on one line, so that it can be copied.
const LONGEST_QUOTE: usize = 50;

/// The characters that differ between a Unicode and an ASCII page.
pub(super) struct Glyphs {
    /// Stands before what to do.
    pub(super) arrow: &'static str,
    /// A horizontal line is made of it.
    pub(super) rule: &'static str,
    /// A bar is made of it.
    pub(super) bar: &'static str,
    /// Between two hops of a path.
    pub(super) link: &'static str,
    /// Where a path stops.
    pub(super) cut: &'static str,
    /// Hops that are left out.
    pub(super) omitted: &'static str,
}

const UNICODE: Glyphs =
    Glyphs { arrow: "→ ", rule: "─", bar: "█", link: " ── ", cut: "╳", omitted: "…" };
pub(super) const ASCII: Glyphs =
    Glyphs { arrow: "-> ", rule: "-", bar: "#", link: " -- ", cut: "X", omitted: "..." };

/// A line under construction.
#[derive(Default)]
pub(super) struct Line {
    runs: Vec<(Tone, String)>,
    width: usize,
}

impl Line {
    /// Adds text that is safe already.
    pub(super) fn push(&mut self, tone: Tone, text: &str) {
        self.width += text.width();
        match self.runs.last_mut() {
            Some((last, run)) if *last == tone => run.push_str(text),
            _ if text.is_empty() => {}
            _ => self.runs.push((tone, text.to_owned())),
        }
    }

    /// Fills up with spaces as far as `column`.
    pub(super) fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.width);
        self.push(Tone::Plain, &" ".repeat(missing));
    }

    /// How wide it is so far.
    pub(super) fn width(&self) -> usize {
        self.width
    }
}

/// A text with its tone; the unit of a paragraph.
pub(super) type Span<'a> = (Tone, &'a str);

/// The page that is being written.
pub(super) struct Page<'a> {
    options: &'a TextOptions,
    /// How wide it is, in columns.
    pub(super) width: usize,
    /// How wide a table may be: wider than a paragraph where the terminal is.
    pub(super) table_width: usize,
    /// Its special characters.
    pub(super) glyphs: &'static Glyphs,
    out: String,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub(super) fn new(options: &'a TextOptions) -> Self {
        let glyphs = if options.unicode { &UNICODE } else { &ASCII };
        let width = options.width.clamp(NARROWEST, WIDEST);
        let table_width = options.width.clamp(NARROWEST, WIDEST_TABLE);
        Self { options, width, table_width, glyphs, out: String::new() }
    }

    /// Whether facts are to be shown (1) and conversations too (2).
    pub(super) fn verbosity(&self) -> u8 {
        self.options.verbosity
    }

    /// A sentence or a name from the report, safe to print.
    pub(super) fn safe(&self, text: &str) -> String {
        let safe = sanitize_capped(text, LONGEST_SENTENCE);
        if self.options.unicode { safe.into_owned() } else { ascii_prose(&safe).into_owned() }
    }

    /// What a server or we said, safe to print and otherwise as it was.
    pub(super) fn verbatim(&self, text: &str) -> String {
        let safe = sanitize_capped(text, LONGEST_LINE);
        if self.options.unicode { safe.into_owned() } else { ascii(&safe).into_owned() }
    }

    /// Ends a line.
    pub(super) fn line(&mut self, line: Line) {
        let start = self.out.len();
        for (tone, run) in &line.runs {
            self.out.push_str(&self.options.styles.paint(*tone, run));
        }
        let end = self.out.trim_end_matches(' ').len().max(start);
        self.out.truncate(end);
        self.out.push('\n');
    }

    /// One empty line, unless the page begins here or there is one already.
    pub(super) fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A line across the page.
    pub(super) fn rule(&mut self) {
        let mut line = Line::default();
        line.push(Tone::Quiet, &self.glyphs.rule.repeat(self.width));
        self.line(line);
    }

    /// A paragraph: its first line goes on where `first` stands, the others begin at column
    /// `hanging`.
    pub(super) fn paragraph(&mut self, first: Line, hanging: usize, spans: &[Span<'_>]) {
        for line in wrap(first, hanging, self.width, spans) {
            self.line(line);
        }
    }

    /// Text that is not to be touched: cut where the line is full, and going on at `hanging`.
    pub(super) fn cut(&mut self, first: Line, hanging: usize, tone: Tone, text: &str) {
        let mut line = first;
        let mut piece = String::new();
        for c in text.chars() {
            piece.push(c);
            if line.width() + piece.width() > self.width && piece.chars().count() > 1 {
                piece.pop();
                line.push(tone, &piece);
                self.line(std::mem::take(&mut line));
                line.pad_to(hanging);
                piece = c.to_string();
            }
        }
        line.push(tone, &piece);
        self.line(line);
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// Breaks spans into lines at spaces. A word that fits no line gets one for itself and sticks out:
/// cutting it would spoil what people copy.
pub(super) fn wrap(first: Line, hanging: usize, width: usize, spans: &[Span<'_>]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = first;
    let mut fresh = true;
    let mut last = Tone::Plain;
    for (tone, text) in spans {
        for word in words(text) {
            let space = usize::from(!fresh);
            if !fresh && line.width() + space + word.width() > width {
                lines.push(std::mem::take(&mut line));
                line.pad_to(hanging);
                fresh = true;
            }
            if !fresh {
                line.push(if last == *tone { last } else { Tone::Plain }, " ");
            } else if word.is_empty() {
                continue;
            }
            line.push(*tone, word);
            (fresh, last) = (false, *tone);
        }
    }
    lines.push(line);
    lines
}

/// Words as they must not be broken: what stands between backquotes is one word if it is short.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let now = rest?;
        let mut end = now.find(' ').unwrap_or(now.len());
        if now[..end].matches('`').count() % 2 == 1
            && let Some(close) = now[end..].find('`')
        {
            let quoted = now[end + close..].find(' ').map_or(now.len(), |s| end + close + s);
            if now[..quoted].width() <= LONGEST_QUOTE {
                end = quoted;
            }
        }
        rest = now.get(end + 1..);
        Some(&now[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(width: usize, text: &str) -> Vec<String> {
        wrap(Line::default(), 2, width, &[(Tone::Plain, text)])
            .into_iter()
            .map(|line| line.runs.into_iter().map(|(_, run)| run).collect())
            .collect()
    }

    #[test]
    fn paragraphs_hang_and_words_stay_whole() {
        assert_eq!(lines(9, "one two three"), ["one two", "  three"]);
        assert_eq!(lines(4, "unbreakable it is"), ["unbreakable", "  it", "  is"]);
        assert_eq!(lines(9, ""), [""]);
    }

    #[test]
    fn columns_are_counted_as_they_are_shown() {
        assert_eq!(lines(8, "日本 日本 e\u{301}"), ["日本", "  日本 e\u{301}"]);
    }

    #[test]
    fn a_command_can_be_copied() {
        assert_eq!(lines(16, "now run `a b c d`, please"), ["now run", "  `a b c d`,", "  please"]);
        assert_eq!(lines(9, "an odd ` is a word"), ["an odd `", "  is a", "  word"]);
    }
}
