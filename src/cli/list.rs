//! Reads targets as they are needed, a few ahead of those that are being checked.
//!
//! Knows files, standard input and what was checked before. Must not know what a target is: a line
//! becomes one in [`plan::entry`].

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, PermitIterator};

use super::resume::Done;
use crate::plan::{self, Entry, List, ListFrom, Plan};

/// Lines that are read ahead of the targets that are being checked.
const AHEAD: usize = 64;

/// Room that is waited for at once, in lines: to wait for each line's own would mean to be woken for
/// each.
const ROOM: usize = AHEAD / 2;

/// The longest line, in octets. What is longer is no target, and is told by its beginning.
const LONGEST: u64 = 4096;

/// What is known of the reading.
#[derive(Default)]
pub struct Reading {
    holds_targets: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Reading {
    /// Whether there was any target, whatever became of it.
    pub fn found_targets(&self) -> bool {
        self.holds_targets.load(Ordering::Relaxed)
    }

    /// Why the reading ended too soon, if it did.
    pub fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Begins to read the plan's targets, those left out that are done. They are waited for in `runtime`.
///
/// # Errors
///
/// One line, where the list cannot be opened.
pub fn begin(
    plan: &Plan,
    done: Done,
    runtime: &Handle,
) -> Result<(impl Stream<Item = Entry> + Unpin + use<>, Arc<Reading>), String> {
    let (mut before, mut after, mut list) = (plan.targets.clone(), Vec::new(), None);
    if let Some(List { from, before: place }) = &plan.list {
        after = before.split_off(*place);
        list = Some((open(from)?, from.clone()));
    }
    let reading = Arc::new(Reading::default());
    let (ready, mut entries) = mpsc::channel(AHEAD);
    let told = Arc::clone(&reading);
    let runtime = runtime.clone();
    let read = move || {
        let mut room = None;
        let mut next_room = || match room.as_mut().and_then(PermitIterator::next) {
            None => room.insert(runtime.block_on(ready.reserve_many(ROOM)).ok()?).next(),
            some => some,
        };
        // False where nobody wants any more.
        let mut hand_over = |entry: Entry| {
            told.holds_targets.store(true, Ordering::Relaxed);
            done.holds(&entry.0) || next_room().map(|room| room.send(entry)).is_some()
        };
        let mut go_on = before.into_iter().all(&mut hand_over);
        if let Some((mut lines, from)) = list.filter(|_| go_on) {
            let read = each_line(&mut lines, |line| plan::entry(line).is_none_or(&mut hand_over));
            go_on = read.is_ok();
            if let Err(error) = read {
                let why = format!("{from} cannot be read any further: {error}");
                *told.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
            }
        }
        if go_on {
            after.into_iter().all(hand_over);
        }
    };
    // It may wait for its input for ever, so it is a thread that nobody waits for.
    std::thread::Builder::new()
        .name("targets".to_owned())
        .spawn(read)
        .map_err(|error| format!("this machine is short of something: {error}"))?;
    Ok((stream::poll_fn(move |context| entries.poll_recv(context)), reading))
}

/// The whole text of a list.
///
/// # Errors
///
/// One line that names the list.
pub fn whole(from: &ListFrom) -> Result<String, String> {
    let mut bytes = Vec::new();
    open(from)?
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{from} cannot be read: {error}"))?;
    // A line that is not UTF-8 is no target, and is reported as such in its place.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn open(from: &ListFrom) -> Result<Box<dyn BufRead + Send>, String> {
    match from {
        ListFrom::StandardInput => Ok(Box::new(BufReader::new(io::stdin()))),
        ListFrom::File(path) => {
            let file = File::open(path).map_err(|error| format!("{from}: {error}"))?;
            Ok(Box::new(BufReader::new(file)))
        }
    }
}

/// Hands every line over until `wanted` says that it is enough.
fn each_line(reader: &mut dyn BufRead, mut wanted: impl FnMut(&str) -> bool) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.take(LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            skip_line(reader)?;
        }
        if !wanted(&String::from_utf8_lossy(&line)) {
            return Ok(());
        }
    }
}

fn skip_line(reader: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let (used, ended) = match buffer.iter().position(|octet| *octet == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        // A small buffer, so that lines are longer than it.
        let mut reader = BufReader::with_capacity(16, text);
        each_line(&mut reader, |line| {
            lines.push(line.trim().to_owned());
            true
        })
        .expect("memory can be read");
        lines
    }

    #[test]
    fn lines_end_as_they_like_and_none_takes_more_memory_than_it_may() {
        assert_eq!(
            lines(b"a.example\r\nb.example\n\nc.example"),
            ["a.example", "b.example", "", "c.example"]
        );
        assert_eq!(lines(b"\xff\xfe\na.example\n"), ["\u{fffd}\u{fffd}", "a.example"]);
        let mut long = vec![b'x'; 1_000_000];
        long.extend(b"\na.example\n");
        let read = lines(&long);
        assert_eq!((read.len(), read[0].len() as u64, read[1].as_str()), (2, LONGEST, "a.example"));
        assert!(lines(b"").is_empty());
    }
}
