//! Which software a server runs, where its words give it away.
//!
//! Knows how to read `software/software.toml`, which has the patterns. A hint and never more: banners
//! are free text. It chooses the words of a fix; no verdict may depend on it.

use std::sync::LazyLock;

use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::observation::bytes::reply_code;
use crate::observation::{Capabilities, Conversation, Reply};

/// The patterns, with their sources.
const DATA: &str = include_str!("software/software.toml");

/// How much of a reply is looked at, in bytes: the words that matter come first, and servers send
/// any amount.
const LOOKED_AT: usize = 2048;

/// A kind of server software or a mail service.
#[derive(Debug)]
pub struct Software {
    /// The stable name for programs, in kebab-case.
    pub id: String,
    /// The name for people.
    pub name: String,
    greeting: Vec<Pattern>,
    ehlo: Vec<Pattern>,
    starttls: Vec<Pattern>,
}

/// A regular expression, and words that are in every text that matches it: to look for those first
/// is many times faster, and nearly all patterns fail.
#[derive(Debug)]
struct Pattern {
    words: String,
    any_case: bool,
    regex: Regex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever maintains the data"))]
    updated: String,
    software: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    name: String,
    #[serde(default)]
    greeting: Vec<String>,
    #[serde(default)]
    ehlo: Vec<String>,
    #[serde(default)]
    starttls: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for whoever maintains the data"))]
    source: String,
}

/// Everything that is known. That the data can be read is tested; were it not so, nothing would be
/// recognised, and nothing else would change.
static KNOWN: LazyLock<Vec<Software>> = LazyLock::new(|| {
    let rows = toml::from_str::<File>(DATA).map(|file| file.software).unwrap_or_default();
    rows.into_iter().map(Software::from).collect()
});

impl From<Row> for Software {
    fn from(row: Row) -> Self {
        let compiled = |patterns: &[String]| patterns.iter().filter_map(|p| pattern(p)).collect();
        Self {
            greeting: compiled(&row.greeting),
            ehlo: compiled(&row.ehlo),
            starttls: compiled(&row.starttls),
            id: row.id,
            name: row.name,
        }
    }
}

fn pattern(text: &str) -> Option<Pattern> {
    let regex = RegexBuilder::new(text).multi_line(true).build().ok()?;
    Some(Pattern { words: words_of(text), any_case: text.starts_with(ANY_CASE), regex })
}

/// The flag by which a pattern matches capitals and small letters alike.
const ANY_CASE: &str = "(?i)";

impl Pattern {
    fn is_match(&self, text: &str) -> bool {
        let words = self.words.as_bytes();
        let has_words = match self.any_case {
            false => text.contains(&self.words),
            true => text
                .as_bytes()
                .windows(words.len().max(1))
                .any(|part| words.is_empty() || part.eq_ignore_ascii_case(words)),
        };
        has_words && self.regex.is_match(text)
    }
}

/// The longest words that a pattern cannot match without; empty where that is not plain to see.
fn words_of(pattern: &str) -> String {
    let pattern = pattern.strip_prefix(ANY_CASE).unwrap_or(pattern);
    // Other flags may make any letter match another.
    if pattern.contains("(?") {
        return String::new();
    }
    let (mut longest, mut run) = (String::new(), String::new());
    let (mut depth, mut in_class) = (0_usize, false);
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        let literal = match c {
            '\\' => characters.next().filter(|c| !c.is_ascii_alphanumeric()),
            ']' => {
                in_class = false;
                None
            }
            _ if in_class => None,
            '[' => {
                in_class = true;
                None
            }
            '(' => {
                depth += 1;
                None
            }
            ')' => {
                depth = depth.saturating_sub(1);
                None
            }
            // Neither alternative is in every text.
            '|' if depth == 0 => return String::new(),
            '{' => {
                // How often something is repeated, which is known already.
                characters.by_ref().find(|c| *c == '}');
                None
            }
            '^' | '$' | '.' | '*' | '+' | '?' | '|' => None,
            c => Some(c),
        };
        // What may be absent or repeated ends the run before it, with as many as there have to be.
        let repeated = characters.peek().is_some_and(|next| matches!(next, '*' | '+' | '?' | '{'));
        let times = match characters.peek() {
            Some('*' | '?') => 0,
            Some('{') => times_at_least(characters.clone().skip(1)),
            _ => 1,
        };
        match literal {
            Some(c) if depth == 0 && !in_class => run.extend(std::iter::repeat_n(c, times)),
            _ => run.clear(),
        }
        if run.len() > longest.len() {
            longest.clone_from(&run);
        }
        if repeated {
            run.clear();
        }
    }
    longest
}

/// The first number of `4,}`.
fn times_at_least(characters: impl Iterator<Item = char>) -> usize {
    let digits: String = characters.take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Everything that is known, in the order in which it is tried.
pub fn known() -> &'static [Software] {
    &KNOWN
}

/// Finds a kind by its name for programs.
pub fn find(id: &str) -> Option<&'static Software> {
    known().iter().find(|software| software.id == id)
}

/// Recognises the software of a server: by its greeting, else by what it answers to EHLO, else to
/// STARTTLS.
pub fn recognise(seen: &Conversation) -> Option<&'static Software> {
    let smtp = &seen.smtp;
    let greeting = smtp.greeting.iter().chain(&seen.put_off).map(text_of);
    let by_greeting =
        greeting.chain(plaintext(seen)).find_map(|text| first(&text, |s| &s.greeting));
    let offered = smtp.capabilities.iter().chain(&smtp.capabilities_after_tls).map(text_offered);
    let starttls = smtp.starttls.iter().filter_map(|starttls| starttls.reply.as_ref()).map(text_of);
    by_greeting
        .or_else(|| offered.into_iter().find_map(|text| first(&text, |s| &s.ehlo)))
        .or_else(|| starttls.into_iter().find_map(|text| first(&text, |s| &s.starttls)))
}

fn first(text: &str, patterns: fn(&Software) -> &[Pattern]) -> Option<&'static Software> {
    known().iter().find(|software| patterns(software).iter().any(|p| p.is_match(text)))
}

/// The texts of a reply, one a line.
fn text_of(reply: &Reply) -> String {
    lines(reply.lines.iter().map(|line| line.trim().to_owned()))
}

/// What EHLO was answered with, one a line: the server's own line, then each keyword.
fn text_offered(offered: &Capabilities) -> String {
    let keywords = offered.keywords.iter();
    let keywords = keywords.map(|k| format!("{} {}", k.keyword, k.parameters).trim().to_owned());
    lines(std::iter::once(offered.domain.trim().to_owned()).chain(keywords))
}

/// A greeting in plaintext where TLS was to begin.
fn plaintext(seen: &Conversation) -> Option<String> {
    let bytes = &seen.tls.as_ref()?.first_bytes;
    reply_code(bytes)?;
    let text = String::from_utf8_lossy(bytes);
    Some(lines(text.lines().map(|line| line.get(4..).unwrap_or_default().trim().to_owned())))
}

fn lines(parts: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&part);
        if text.len() > LOOKED_AT {
            let whole = (0..=LOOKED_AT).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(whole.unwrap_or(0));
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests;
