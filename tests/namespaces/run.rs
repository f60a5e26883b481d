//! Runs the cases, several worlds beside each other, and tells what came of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::case::{Case, Culprit, Outcome};
use crate::lab::certificates::Certificates;
use crate::world::World;
use crate::{cases, namespace};

/// Worlds at once. Most of a case is waiting for packets that do not come, so more of them than
/// processors.
const WORLDS: usize = 8;

/// Reports that are shown in full where much has failed.
const REPORTS: usize = 3;

/// What the arguments ask for. Cargo hands the same ones to every test, so those of its usual
/// harness are understood or ignored.
#[derive(Default)]
struct Wanted {
    parts: Vec<String>,
    list: bool,
    /// Show the reports that people read, too.
    show: bool,
}

/// Runs the cases that the arguments choose; whether all have passed. The error says why none can
/// be run.
pub fn everything() -> Result<bool, String> {
    let wanted = Wanted::from_arguments();
    let mut cases = cases::all();
    cases.retain(|case| {
        wanted.parts.is_empty() || wanted.parts.iter().any(|part| case.name.contains(part.as_str()))
    });
    if wanted.list {
        let names: Vec<_> = cases.iter().map(|case| format!("{}: test\n", case.name)).collect();
        say(&names.concat());
        return Ok(true);
    }
    if cases.is_empty() {
        return Ok(true);
    }
    for tool in ["ip", "nft", "unshare"] {
        let version = if tool == "ip" { "-V" } else { "--version" };
        let asked = namespace::tool(tool).arg(version).output();
        asked.map_err(|error| format!("{tool} cannot be run: {error}"))?;
    }
    namespace::become_root()?;
    let certificates = Arc::new(Certificates::issue());
    let first = World::build(&certificates)?;
    let may = first.capabilities().map_err(|error| format!("no user without rights: {error}"))?;
    let may_nothing =
        may.lines().count() == 3 && may.lines().all(|line| line.ends_with(&"0".repeat(16)));
    if !may_nothing {
        return Err(format!("the program under test would not be a plain user:\n{may}"));
    }
    say(&format!("running {} cases, {WORLDS} at a time\n", cases.len()));
    let results = run(&cases, &certificates, first, wanted.show);
    Ok(tell(&cases, &results))
}

type Results = Vec<Option<Result<Outcome, String>>>;

fn run(cases: &[Case], certificates: &Arc<Certificates>, first: World, show: bool) -> Results {
    let next = AtomicUsize::new(0);
    let ready = Mutex::new(vec![first]);
    let results: Mutex<Results> = Mutex::new(cases.iter().map(|_| None).collect());
    let work = || {
        let mut world = lock(&ready).pop();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(at) else { break };
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let mut here = match world.take() {
                    Some(world) => world,
                    None => World::build(certificates)?,
                };
                let outcome = case.run(&mut here, show)?;
                // Filters are replaced; anything else would haunt the next case.
                world = Some(here).filter(|_| case.changes.is_empty() && case.midway.is_empty());
                Ok(outcome)
            }));
            let outcome = outcome.unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().cloned();
                Err(text.unwrap_or_else(|| "it panicked".to_owned()))
            });
            lock(&results)[at] = Some(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORLDS.min(cases.len()) {
            scope.spawn(work);
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn tell(cases: &[Case], results: &Results) -> bool {
    let mut failed = 0;
    let mut text = String::from("\n");
    let mut said: BTreeMap<(Culprit, String), usize> = BTreeMap::new();
    for (case, result) in cases.iter().zip(results) {
        let (wrong, report) = match result {
            Some(Ok(outcome)) => {
                let named = match outcome.named.as_slice() {
                    [] => "nobody".to_owned(),
                    named => named.join("+"),
                };
                let word = if outcome.wrong.is_empty() { "ok" } else { "FAILED" };
                let seconds = outcome.took_ms / 1000.0;
                let _ = writeln!(text, "{word:6} {:60} {named:14} {seconds:5.1} s", case.name);
                text.push_str(&outcome.text);
                *said.entry((case.culprit, named)).or_default() += 1;
                (outcome.wrong.clone(), outcome.report.as_str())
            }
            Some(Err(error)) => {
                let _ = writeln!(text, "FAILED {}", case.name);
                (vec![error.clone()], "")
            }
            None => (vec!["it was not run".to_owned()], ""),
        };
        if !wrong.is_empty() {
            failed += 1;
            // A few reports are enough to see what is the matter.
            let report = if failed <= REPORTS { report } else { "" };
            let _ = writeln!(text, "  {}\n{report}", wrong.join("\n  "));
        }
    }
    text.push_str(&matrix(&said));
    let _ = writeln!(text, "\n{} cases, {failed} failed\n", cases.len());
    say(&text);
    failed == 0
}

/// Who is guilty against who was named.
fn matrix(said: &BTreeMap<(Culprit, String), usize>) -> String {
    let mut names: Vec<&str> = said.keys().map(|(_, named)| named.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = format!("\n{:14}", "guilty");
    for name in &names {
        let _ = write!(text, " {name:>14}");
    }
    let guilty = [
        Culprit::Nobody,
        Culprit::ThisHost,
        Culprit::YourNetwork,
        Culprit::Transit,
        Culprit::TheirNetwork,
    ];
    for culprit in guilty {
        let _ = write!(text, "\n{:14}", culprit.word());
        for name in &names {
            let count = said.get(&(culprit, (*name).to_owned())).copied().unwrap_or(0);
            let _ = write!(text, " {count:>14}");
        }
    }
    text.push('\n');
    text
}

impl Wanted {
    fn from_arguments() -> Self {
        let mut wanted = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => wanted.list = true,
                "--show" => wanted.show = true,
                "--test-threads" | "--skip" | "--format" | "--color" | "--logfile" | "-Z" => {
                    arguments.next();
                }
                option if option.starts_with('-') => {}
                _ => wanted.parts.push(argument),
            }
        }
        wanted
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
