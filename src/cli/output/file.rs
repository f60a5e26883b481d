//! How a file is written: replaced so that it is either whole or untouched, or appended to.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Finds out whether a file can be replaced, and leaves it as it is.
pub fn try_replace(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if is_special(path) {
        return Ok(());
    }
    let unfinished = unfinished(path);
    File::create(&unfinished).and_then(|file| {
        drop(file);
        fs::remove_file(&unfinished)
    })
}

/// Finds out whether a file can be appended to, and leaves it as it is.
pub fn try_append(path: &Path) -> io::Result<()> {
    if is_special(path) && !path.is_dir() {
        return Ok(());
    }
    let was_there = fs::symlink_metadata(path).is_ok();
    File::options().append(true).create(true).open(path)?;
    if was_there { Ok(()) } else { fs::remove_file(path) }
}

/// Adds whole lines to a file, in one write a line: whoever reads it meanwhile sees no half one.
pub fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file = to_append(path)?;
    lines.split_inclusive('\n').try_for_each(|line| file.write_all(line.as_bytes()))
}

/// Opens a file to add whole lines to it.
///
/// A last line that was left unfinished, as by a power failure, is ended first.
pub fn to_append(path: &Path) -> io::Result<File> {
    let mut file = File::options().append(true).create(true).open(path)?;
    if !is_special(path) && ends_within_a_line(path).unwrap_or(false) {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn ends_within_a_line(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The file that a path means, to compare it with others.
pub fn place(path: &Path) -> PathBuf {
    let place = target(path);
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok();
    match (folder, place.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => place,
    }
}

/// Writes a file so that others see the old one or the whole new one.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
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

/// A device or a pipe (`-o /dev/stderr`, `-o >(…)`) cannot be replaced, and need not be.
pub fn is_special(path: &Path) -> bool {
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
