//! What a run is about: the targets that were named, and the list of more.
//!
//! Knows the form of a list and where it may come from. Must not read it: whoever may wait for all of
//! it, or take it line by line, does that.

use std::fmt;
use std::path::PathBuf;

use crate::cli::args::{Args, FormatArg};
use crate::cli::config::TargetTable;
use crate::names::{NameError, Server, Target};

/// One thing that a run is about: what was typed, and how it is understood.
pub type Entry = (String, Result<Target, NameError>);

/// A list of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Where it is read.
    pub from: ListFrom,
    /// So many of the named targets stand before it.
    pub before: usize,
}

/// Where a list of targets is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListFrom {
    /// Standard input.
    StandardInput,
    /// This file.
    File(PathBuf),
}

impl ListFrom {
    /// What is wrong with a list without targets.
    pub fn holds_nothing(&self) -> String {
        match self {
            Self::StandardInput => "the list on standard input holds no target".to_owned(),
            Self::File(_) => format!("{self}: it holds no target"),
        }
    }
}

impl fmt::Display for ListFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StandardInput => f.write_str("standard input"),
            Self::File(path) => write!(f, "--input {}", path.display()),
        }
    }
}

/// Whether each target's report is written when it is finished: of all formats only `jsonl` has
/// nothing that depends on the others.
pub fn streams(args: &Args) -> bool {
    args.command.is_none() && args.format == FormatArg::Jsonl && args.report.is_empty()
}

/// The targets that were named, by hand or in the configuration, and the list, where there is one.
///
/// # Errors
///
/// One line that names what is no target, or what contradicts what.
pub fn targets_to_check(
    args: &Args,
    named: &[Server],
) -> Result<(Vec<Entry>, Option<List>), String> {
    let mut targets = Vec::new();
    let file = args.input.clone().map(|path| match path.as_os_str() == "-" {
        true => ListFrom::StandardInput,
        false => ListFrom::File(path),
    });
    let mut list = file.map(|from| List { from, before: 0 });
    for text in &args.targets {
        if text == "-" {
            let from = ListFrom::StandardInput;
            if list.replace(List { from, before: targets.len() }).is_some() {
                return Err("one list can be given: `-` once, or --input".to_owned());
            }
            continue;
        }
        let target =
            Target::parse(text).map_err(|why| format!("`{text}` cannot be a target: {why}"))?;
        targets.push((text.clone(), Ok(target)));
    }
    if list.is_some() || !targets.is_empty() {
        return Ok((targets, list));
    }
    if !args.configured.is_empty() {
        let table = |table: &TargetTable| (table.input.clone(), Ok(table.target.clone()));
        targets.extend(args.configured.iter().map(table));
    } else {
        let own = |server: &Server| (server.to_string(), Ok(Target::Submission(server.clone())));
        targets.extend(named.iter().map(own));
    }
    Ok((targets, None))
}

/// The target of a line of a list; none of a blank one. What follows a `#` at the beginning of a
/// line or of a word is a comment.
pub fn entry(line: &str) -> Option<Entry> {
    // Some editors begin a file with a byte order mark.
    let line = line.trim_start_matches('\u{feff}');
    let begins = |at: usize| line[..at].chars().next_back().is_none_or(char::is_whitespace);
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    let line = line[..comment.unwrap_or(line.len())].trim();
    (!line.is_empty()).then(|| (line.to_owned(), Target::parse(line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_a_list_are_left_out() {
        let text = |line| entry(line).map(|(text, _)| text);
        assert_eq!(text("\u{feff}# all of it"), None);
        assert_eq!(text(" \t#"), None);
        assert_eq!(text("a.example:25 # why\r"), Some("a.example:25".to_owned()));
        assert_eq!(text("a#b.example"), Some("a#b.example".to_owned()));
    }
}
