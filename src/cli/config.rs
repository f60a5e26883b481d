//! The configuration file (`--config`): options, targets and what must be true of them, as TOML.
//!
//! Knows the file's shape, and says of a mistake in which line it is. Must not know what the options
//! mean: their values are read by the command line's own parsers.
//!
//! ```toml
//! timeout = 10                    # every option by its long name; `_` may stand for `-`
//! ignore = ["certificate-expires-soon"]
//!
//! [[target]]
//! name = "example.com"
//! submission = "smtp.example.com"
//! expect = { "mx:25" = "open", "submission:587" = "open", "submission:2525" = ["closed", "silent"] }
//! ```

mod options;
mod targets;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::args::{FailOn, ServerArg, nearest};
use crate::diagnosis::demands::Expectation;
use crate::names::Target;

/// No list of targets that anybody writes by hand is longer.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What a file says.
#[derive(Debug, Default)]
pub struct Config {
    /// The options that it gives.
    pub given: Vec<Given>,
    /// Its targets, in order.
    pub targets: Vec<TargetTable>,
}

/// An option that the file gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Given {
    /// The name by which clap knows it.
    pub id: String,
    /// Its values, as they would be typed.
    pub values: Vec<String>,
}

/// A `[[target]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetTable {
    /// What was written.
    pub input: String,
    /// How it is understood.
    pub target: Target,
    /// Its submission servers, where the file names them.
    pub submission: Option<Vec<ServerArg>>,
    /// Codes that are ignored of it.
    pub ignore: Vec<&'static str>,
    /// Which of its findings make the exit code 1, where the file says so.
    pub fail_on: Option<FailOn>,
    /// What must be true of it.
    pub expectations: Vec<Expectation>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// One line that names the file, and the line and the key of the mistake.
    pub fn read(path: &Path) -> Result<Self, String> {
        let mut text = String::new();
        let read = File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
        read.map_err(|error| format!("--config {}: {error}", path.display()))?;
        Self::parse(&Source { name: path.display().to_string(), text: &text })
    }

    /// Any text as a configuration: a mistake names a line of the file.
    #[cfg(any(test, fuzzing))]
    pub fn fuzz(data: &[u8]) {
        let Ok(text) = std::str::from_utf8(data) else { return };
        if let Err(line) = Self::parse(&Source { name: "f.toml".to_owned(), text }) {
            assert!(line.starts_with("f.toml, line "), "{line:?}");
        }
    }

    fn parse(source: &Source<'_>) -> Result<Self, String> {
        let table = DeTable::parse(source.text).map_err(|error| {
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            source.at(error.span().unwrap_or_default(), &message)
        })?;
        let mut config = Self::default();
        for entry in source.entries(table.get_ref())? {
            match entry.key.as_str() {
                "target" => config.targets = targets::read(source, entry.value)?,
                // TOML has no other way to let options follow the targets.
                "options" => {
                    let Some(options) = entry.value.get_ref().as_table() else {
                        return Err(source.at(entry.value.span(), "`options` has to be a table"));
                    };
                    for entry in source.entries(options)? {
                        options::read(source, &entry, &mut config.given, &[])?;
                    }
                }
                _ => options::read(source, &entry, &mut config.given, &["target", "options"])?,
            }
        }
        Ok(config)
    }
}

/// A file and its name, for messages.
struct Source<'a> {
    name: String,
    text: &'a str,
}

/// A key and its value.
struct Entry<'a> {
    /// With hyphens, however it is written.
    key: String,
    span: Range<usize>,
    value: &'a Spanned<DeValue<'a>>,
}

impl Source<'_> {
    /// A message about a place in the file.
    fn at(&self, span: Range<usize>, what: &str) -> String {
        let line = self.text.get(..span.start).unwrap_or(self.text).matches('\n').count() + 1;
        format!("{}, line {line}: {what}", self.name)
    }

    /// The entries of a table in the file's order.
    fn entries<'t>(&self, table: &'t DeTable<'t>) -> Result<Vec<Entry<'t>>, String> {
        let mut entries: Vec<Entry<'t>> = table
            .iter()
            .map(|(key, value)| {
                let (span, key) = (key.span(), key.get_ref().replace('_', "-"));
                Entry { key, span, value }
            })
            .collect();
        entries.sort_by_key(|entry| entry.span.start);
        for (at, entry) in entries.iter().enumerate() {
            if entries[..at].iter().any(|earlier| earlier.key == entry.key) {
                return Err(self.at(entry.span.clone(), &format!("`{}` is given twice", entry.key)));
            }
        }
        Ok(entries)
    }

    /// The message about a key that there is not.
    fn unknown(&self, entry: &Entry<'_>, known: &[&str]) -> String {
        let key = &self.text[entry.span.clone()];
        let what = match nearest(&entry.key, known.iter().copied()) {
            Some(near) => format!("there is no key `{key}`; did you mean `{near}`?"),
            None => format!("there is no key `{key}`; the keys here are {}", known.join(", ")),
        };
        self.at(entry.span.clone(), &what)
    }

    /// A text.
    fn text<'t>(&self, entry: &Entry<'t>) -> Result<&'t str, String> {
        let text = entry.value.get_ref().as_str();
        text.ok_or_else(|| self.not(entry.value, &entry.key, "a text in quotes"))
    }

    /// One text or a list of them.
    fn texts<'t>(&self, entry: &Entry<'t>) -> Result<Vec<(&'t str, Range<usize>)>, String> {
        let wanted = "a text in quotes, or a list of them";
        match entry.value.get_ref() {
            DeValue::String(text) => Ok(vec![(text, entry.value.span())]),
            DeValue::Array(items) => items
                .iter()
                .map(|item| match item.get_ref().as_str() {
                    Some(text) => Ok((text, item.span())),
                    None => Err(self.not(item, &entry.key, wanted)),
                })
                .collect(),
            _ => Err(self.not(entry.value, &entry.key, wanted)),
        }
    }

    fn not(&self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str) -> String {
        let found = value.get_ref().type_str();
        self.at(value.span(), &format!("`{key}` has to be {wanted}, and is of type {found}"))
    }
}
