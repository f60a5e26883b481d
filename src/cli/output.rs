//! Where the reports go, and in which formats: standard output, files, GitHub's step summary.
//!
//! Knows what each option says about it. Must not know what a format looks like (`render`) nor how a
//! file is written (`file`).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{Args, ColorArg, Command, FormatArg};
use super::exit;
use crate::diagnosis::check::Check;
use crate::plan::Plan;
use crate::render::{self, Styles, TextOptions};
use crate::report::Report;
use crate::report::explanation::{Explanation, Explanations};

mod file;

/// The width of a report that goes to no terminal, where `COLUMNS` does not say otherwise.
const USUAL_WIDTH: usize = 80;
/// The longest step summary, in bytes: GitHub refuses one of more than 1 MiB as a whole.
const STEP_SUMMARY: usize = 1_000_000;

/// Refuses formats that do not go with the command, and files that cannot be written or are asked
/// for twice, before anything is probed.
///
/// # Errors
///
/// One line that names the format or the file.
pub fn check(args: &Args) -> Result<(), String> {
    let formats = std::iter::once(args.format).chain(args.report.iter().map(|r| r.format));
    for format in formats {
        fits(format, args.command.as_ref())?;
    }
    let mut known: Vec<PathBuf> = Vec::new();
    let mut stdout_is_free = args.quiet || args.output.as_deref().is_some_and(|p| !is_stdout(p));
    let of_output = args.output.iter().map(|path| (path, "--output".to_owned(), args.format));
    let of_reports = args.report.iter().map(|report| {
        let name = format!("--report {}={}", name(report.format), report.file.display());
        (&report.file, name, FormatArg::Json)
    });
    for (path, option, format) in of_output.chain(of_reports) {
        let told = |why: &dyn std::fmt::Display| match option.as_str() {
            "--output" => format!("--output {}: {why}", path.display()),
            option => format!("{option}: {why}"),
        };
        if is_stdout(path) {
            if option != "--output" && !std::mem::take(&mut stdout_is_free) {
                return Err(told(&"standard output has another report already"));
            }
            continue;
        }
        let place = file::place(path);
        if !file::is_special(path) && known.contains(&place) {
            return Err(told(&"another report goes there already"));
        }
        known.push(place);
        let tried = match format {
            FormatArg::Jsonl => file::try_append(path),
            _ => file::try_replace(path),
        };
        tried.map_err(|error| told(&error))?;
    }
    if let Some(path) = step_summary(args) {
        file::try_append(&path).map_err(|error| step_summary_error(&path, &error))?;
    }
    Ok(())
}

fn name(format: FormatArg) -> String {
    format.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default()
}

/// Whether the report of a command can be had in a format. One without targets is shown by every
/// format but `jsonl` as that of the network.
fn fits(format: FormatArg, command: Option<&Command>) -> Result<(), String> {
    let (why, instead) = match (command, format) {
        (None, _) | (Some(_), FormatArg::Text | FormatArg::Json) => return Ok(()),
        (Some(Command::Trace { .. }), FormatArg::Markdown) => return Ok(()),
        (Some(Command::Trace { .. }), _) => {
            ("a trace finds no fault and has no targets", "text, json or markdown")
        }
        // They make no report.
        (Some(Command::Completions { .. } | Command::Man), _) => return Ok(()),
        (Some(Command::Explain { .. }), _) => ("nothing is probed for it", "text or json"),
        (Some(Command::Network), FormatArg::Jsonl) => ("it has a line for each target", "json"),
        (Some(Command::Network), _) => return Ok(()),
    };
    Err(format!("the format {} does not go with this command: {why}; give {instead}", name(format)))
}

/// Where GitHub wants the summary of a step; none where nobody asked for GitHub's format.
fn step_summary(args: &Args) -> Option<PathBuf> {
    let is_asked = |format| format == FormatArg::Github;
    let asked = is_asked(args.format) || args.report.iter().any(|report| is_asked(report.format));
    let path: OsString = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|_| asked)?;
    (!path.is_empty()).then(|| path.into())
}

fn step_summary_error(path: &Path, error: &io::Error) -> String {
    format!("GITHUB_STEP_SUMMARY {}: {error}", path.display())
}

/// Writes every report where the user wants it, and each of them even where another fails.
///
/// # Errors
///
/// One line that names what could not be written. Whoever closes standard output early has seen
/// enough: that is no error.
pub fn write(
    args: &Args,
    plan: &Plan,
    report: &Report,
    stdout: &mut dyn Write,
) -> Result<(), String> {
    let mut failed =
        deliver(args, &|format, to_file| rendered(args, plan, format, report, to_file), stdout);
    if let Some(path) = step_summary(args) {
        let written = file::append(&path, &summary(report));
        failed.extend(written.map_err(|error| step_summary_error(&path, &error)).err());
    }
    all_written(&failed)
}

/// Writes the explanation of one finding, or the list of all.
///
/// # Errors
///
/// As [`write`].
pub fn explain(args: &Args, check: Option<&Check>, stdout: &mut dyn Write) -> Result<(), String> {
    let rendered = |format, to_file| match (format, check) {
        (FormatArg::Json, Some(check)) => render::any_json(&Explanation::of(check)),
        (FormatArg::Json, None) => render::any_json(&Explanations::all()),
        // No other format is let through.
        (_, Some(check)) => {
            render::explanation(&Explanation::of(check), &text_options(args, to_file))
        }
        (_, None) => render::explanations(&Explanations::all(), &text_options(args, to_file)),
    };
    all_written(&deliver(args, &rendered, stdout))
}

fn all_written(failed: &[String]) -> Result<(), String> {
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// Writes one thing everywhere the user wants it, rendered for a format and for a file or not;
/// returns what failed.
fn deliver(
    args: &Args,
    rendered: &dyn Fn(FormatArg, bool) -> String,
    stdout: &mut dyn Write,
) -> Vec<String> {
    let mut failed = Vec::new();
    let mut print = |text: &str| {
        quietly(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
            .map_err(|error| format!("standard output: {error}"))
    };
    let to_file = args.output.as_deref().filter(|path| !is_stdout(path));
    let text = rendered(args.format, to_file.is_some());
    failed.extend(
        match (to_file, args.format) {
            (Some(path), format) => match format {
                FormatArg::Jsonl => file::append(path, &text),
                _ => file::replace(path, &text),
            }
            .map_err(|error| output_error(path, &error)),
            (None, _) if args.quiet && args.output.is_none() => Ok(()),
            (None, _) => print(&text),
        }
        .err(),
    );
    for one in &args.report {
        let path = one.file.as_path();
        let text = rendered(one.format, true);
        let told = |error| format!("--report {}={}: {error}", name(one.format), path.display());
        let written =
            if is_stdout(path) { print(&text) } else { file::replace(path, &text).map_err(told) };
        failed.extend(written.err());
    }
    failed
}

/// Where lines go that are written one by one, as their targets are finished.
pub struct Lines<'a>(LinesTo<'a>);

enum LinesTo<'a> {
    Nowhere,
    Stdout(&'a mut dyn Write),
    File(File, &'a Path),
}

impl<'a> Lines<'a> {
    /// Where the command line wants them.
    ///
    /// # Errors
    ///
    /// One line that names the file.
    pub fn open(args: &'a Args, stdout: &'a mut dyn Write) -> Result<Self, String> {
        let to_file = args.output.as_deref().filter(|path| !is_stdout(path));
        Ok(Self(match to_file {
            Some(path) => {
                let file = file::to_append(path).map_err(|error| output_error(path, &error))?;
                LinesTo::File(file, path)
            }
            None if args.quiet && args.output.is_none() => LinesTo::Nowhere,
            None => LinesTo::Stdout(stdout),
        }))
    }

    /// Writes one line, in one write: whoever reads it, or finds it after a power failure, has whole
    /// lines.
    pub fn write(&mut self, line: &str) -> io::Result<()> {
        match &mut self.0 {
            LinesTo::Nowhere => Ok(()),
            LinesTo::Stdout(stdout) => {
                stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush())
            }
            LinesTo::File(file, _) => file.write_all(line.as_bytes()),
        }
    }

    /// An error with the name of where the lines go.
    pub fn told(&self, error: &io::Error) -> String {
        match &self.0 {
            LinesTo::File(_, path) => output_error(path, error),
            _ => format!("standard output: {error}"),
        }
    }
}

fn output_error(path: &Path, error: &io::Error) -> String {
    format!("--output {}: {error}", path.display())
}

/// The report for GitHub's page of a run: whole, or what fits there.
fn summary(report: &Report) -> String {
    let mut text = render::markdown(report);
    if text.len() > STEP_SUMMARY {
        let targets = text.match_indices("\n## ").map(|(at, _)| at);
        let whole = targets.take_while(|at| *at <= STEP_SUMMARY).last();
        text.truncate(whole.unwrap_or(0));
        text.push_str("\nThe report is longer than what can be shown here.\n");
    }
    text
}

fn rendered(args: &Args, plan: &Plan, format: FormatArg, report: &Report, to_file: bool) -> String {
    match format {
        FormatArg::Text => render::text(report, &text_options(args, to_file)),
        FormatArg::Json => render::json(report),
        FormatArg::Jsonl => render::jsonl(report),
        FormatArg::Junit => render::junit(report, |at| exit::bar(plan, at)),
        FormatArg::Nagios => render::nagios(report, exit::plugin_state(report, plan)),
        FormatArg::Github => render::github(report),
        FormatArg::Markdown => render::markdown(report),
        FormatArg::Prometheus => render::prometheus(report),
    }
}

/// A closed pipe (`| head`) is a quiet end.
pub fn quietly(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Whether the report goes to a terminal.
pub fn is_shown(args: &Args) -> bool {
    args.output.as_deref().is_none_or(is_stdout) && io::stdout().is_terminal()
}

/// Standard output by one of its names. Opened anew, a file behind it would lose what stands there.
fn is_stdout(path: &Path) -> bool {
    let names = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    names.iter().any(|name| path == Path::new(name))
}

fn text_options(args: &Args, to_file: bool) -> TextOptions {
    let to_terminal = !to_file && io::stdout().is_terminal();
    let colored = match args.color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        // A file is no terminal, whatever standard output is.
        ColorArg::Auto if to_file => false,
        ColorArg::Auto => {
            anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
        }
    };
    let terminal = terminal_size::terminal_size().filter(|_| to_terminal);
    let columns = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    let width = terminal.map(|(width, _)| usize::from(width.0)).or_else(columns);
    TextOptions {
        width: width.unwrap_or(USUAL_WIDTH),
        unicode: is_utf8_locale(|name| std::env::var(name).ok()),
        styles: if colored { Styles::colored() } else { Styles::default() },
        verbosity: args.verbose,
    }
}

/// Whether the locale's characters are UTF-8: the first of these that is set decides
/// (POSIX, XBD §8.2).
fn is_utf8_locale(variable: impl Fn(&str) -> Option<String>) -> bool {
    let value = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| variable(name))
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    value.contains("utf-8") || value.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locale(set: &[(&str, &str)]) -> bool {
        is_utf8_locale(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_locale_decides_whether_the_report_is_ascii() {
        assert!(locale(&[("LANG", "en_GB.UTF-8")]));
        assert!(locale(&[("LANG", "C"), ("LC_ALL", "C.utf8")]));
        assert!(!locale(&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")]));
        assert!(!locale(&[("LANG", "C")]));
        assert!(!locale(&[]));
        assert!(locale(&[("LC_ALL", ""), ("LANG", "de_DE.UTF-8")]), "an empty one is not set");
    }
}
