//! Colour as a value: plain unless somebody asks.
//!
//! Knows which tone looks how. Must not know terminals or `NO_COLOR`: whoever writes the report
//! decides, and plain output is the same code path with empty styles. No tone carries a meaning
//! that the words do not.

use owo_colors::Style;

/// What a piece of text is to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Running text.
    Plain,
    /// A name that the eye looks for.
    Strong,
    /// It works.
    Good,
    /// It does not.
    Bad,
    /// It deserves a look.
    Warn,
    /// It is there for completeness.
    Quiet,
}

/// How each tone looks. The default is plain: no escape sequence at all.
#[derive(Clone, Debug, Default)]
pub struct Styles {
    strong: Style,
    good: Style,
    bad: Style,
    warn: Style,
    quiet: Style,
}

impl Styles {
    /// Bold, green, red, yellow and dim: the basic colours, which follow the terminal's theme.
    pub fn colored() -> Self {
        Self {
            strong: Style::new().bold(),
            good: Style::new().green(),
            bad: Style::new().red().bold(),
            warn: Style::new().yellow(),
            quiet: Style::new().dimmed(),
        }
    }

    /// The text in its tone.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => self.strong,
            Tone::Good => self.good,
            Tone::Bad => self.bad,
            Tone::Warn => self.warn,
            Tone::Quiet => self.quiet,
        };
        style.style(text).to_string()
    }
}
