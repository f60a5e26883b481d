//! Checks targets one after the other and writes each as a line when it is finished: `jsonl`.
//!
//! Knows the order of things and when to stop. Must not keep what is written: memory does not grow
//! with the number of targets.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::args::Args;
use super::list;
use super::output::Lines;
use super::progress::Screen;
use super::resume::Done;
use super::{Halt, exit, signals, tell};
use crate::diagnosis::diagnose;
use crate::plan::Plan;
use crate::probe::{self, Effects, Finished};
use crate::render;
use crate::report::Report;

/// Finished targets that wait to be written. When so many do, no other is begun.
const WAITING: usize = 64;

/// How long the thread that writes sleeps when it has written everything. To be woken for each line
/// of a fast list costs more than to write it, and nothing else waits for this thread.
const PAUSE: Duration = Duration::from_millis(1);

/// Checks every target of a plan, and returns the exit code.
///
/// # Errors
///
/// Where nothing was probed.
pub fn check(
    args: &Args,
    plan: Plan,
    effects: Effects,
    runtime: &Runtime,
    screen: Option<Screen>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<u8, Halt> {
    let done = match &args.resume {
        None => Done::default(),
        Some(path) => Done::read(path, &exit::bar_by_input(&plan))?,
    };
    let mut code = done.code.unwrap_or(exit::OK);
    let (entries, reading) = list::begin(&plan, done, runtime.handle())?;
    let mut lines = Lines::open(args, stdout)?;
    let shared = Arc::new(plan.clone());
    let made = move |finished: Finished| line(&shared, &finished);
    let (finished, waiting) = mpsc::channel(WAITING);
    let (interrupted, written) = runtime.block_on(async {
        let stop = signals::stopped();
        let probing = probe::run_each(plan.clone(), effects, entries, made, finished, stop.clone());
        // Elsewhere: this thread is woken for what is to be written, and for nothing else.
        let probing = tokio::spawn(probing);
        // An error ends the writing, and with it the receiver: then nothing more is probed.
        let writing = async {
            let mut waiting = waiting;
            while let Some((line, of_target)) = waiting.recv().await {
                code = code.max(of_target);
                lines.write(&line)?;
                if waiting.is_empty() {
                    std::thread::sleep(PAUSE);
                }
            }
            io::Result::Ok(())
        };
        let written = writing.await;
        probe::ended_well(probing.await);
        (*stop.borrow(), written)
    });
    // Until it is gone, nothing else may be printed there.
    drop(screen);
    if let Some(why) = reading.error() {
        tell(stderr, &why);
        code = exit::UNDETERMINED;
    }
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(exit::UNDETERMINED),
        Err(error) => {
            tell(stderr, &lines.told(&error));
            return Ok(exit::UNDETERMINED);
        }
        Ok(()) => {}
    }
    match &plan.list {
        _ if interrupted => Ok(exit::UNDETERMINED),
        Some(list) if !reading.found_targets() && reading.error().is_none() => {
            Err(list.from.holds_nothing().into())
        }
        _ => Ok(code),
    }
}

/// The line of a target, and what it means for the exit code.
fn line(plan: &Plan, finished: &Finished) -> (String, u8) {
    let Finished { entry, observations, .. } = finished;
    let diagnosis = diagnose(observations, &plan.demands);
    let entries = std::slice::from_ref(entry);
    let report = Report::of_targets(plan, entries, observations, &diagnosis);
    let bar = exit::bar_of(plan, entry.1.as_ref().ok());
    let code = report.targets.first().map_or(exit::OK, |target| exit::code_of(target, bar));
    (render::jsonl(&report), code)
}
