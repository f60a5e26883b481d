//! Where the report goes: standard output, or a file that is either whole or untouched.

use std::fs::{self, File};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::args::{Args, ColorArg, FormatArg};
use crate::render::{self, Styles, TextOptions};
use crate::report::Report;

/// The width of a report that goes to no terminal, where `COLUMNS` does not say otherwise.
const USUAL_WIDTH: usize = 80;

/// Refuses a file that cannot be written, before anything is probed.
///
/// # Errors
///
/// One line that names the file.
pub fn check(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err(format!("--output {}: it is a directory", path.display()));
    }
    if is_stdout(path) || is_special(path) {
        return Ok(());
    }
    let unfinished = unfinished(path);
    let tried = File::create(&unfinished).and_then(|file| {
        drop(file);
        fs::remove_file(&unfinished)
    });
    tried.map_err(|error| format!("--output {}: {error}", path.display()))
}

/// Writes the report where the user wants it.
///
/// # Errors
///
/// One line that names what could not be written. Whoever closes standard output early has seen
/// enough: that is no error.
pub fn write(args: &Args, report: &Report, stdout: &mut dyn Write) -> Result<(), String> {
    let to_file = args.output.as_deref().is_some_and(|path| !is_stdout(path));
    let to_terminal = !to_file && io::stdout().is_terminal();
    let text = match args.format {
        FormatArg::Json => render::json(report),
        FormatArg::Text => render::text(report, &text_options(args, to_file, to_terminal)),
    };
    match &args.output {
        Some(path) if !is_stdout(path) => {
            replace(path, &text).map_err(|error| format!("--output {}: {error}", path.display()))
        }
        None if args.quiet => Ok(()),
        _ => quietly(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
            .map_err(|error| format!("standard output: {error}")),
    }
}

/// A closed pipe (`| head`) is a quiet end.
pub fn quietly(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn text_options(args: &Args, to_file: bool, to_terminal: bool) -> TextOptions {
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

/// Writes a file so that others see the old one or the whole new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if is_special(path) {
        return File::options().append(true).open(path)?.write_all(text.as_bytes());
    }
    let unfinished = unfinished(path);
    let written = File::create(&unfinished).and_then(|mut file| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, target(path))
    });
    if written.is_err() {
        // What is left of it is of no use; that it cannot be removed is no second error.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

/// Standard output by one of its names. Opened anew, a file behind it would lose what stands there.
fn is_stdout(path: &Path) -> bool {
    let names = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
    names.iter().any(|name| path == Path::new(name))
}

/// A device or a pipe (`-o /dev/stderr`, `-o >(…)`) cannot be replaced, and need not be.
fn is_special(path: &Path) -> bool {
    let of_a_process = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    of_a_process || fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
}

/// The file itself, where the path is a link to it: links are kept.
fn target(path: &Path) -> PathBuf {
    let dangling = || Some(path.parent()?.join(fs::read_link(path).ok()?));
    fs::canonicalize(path).ok().or_else(dangling).unwrap_or_else(|| path.to_owned())
}

/// The name under which a file is written before it is whole: beside it, so that renaming works.
fn unfinished(path: &Path) -> PathBuf {
    let path = target(path);
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.unfinished", std::process::id()));
    path.with_file_name(name)
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
