//! The edge to the outside: command line in, report and exit code out.
//!
//! Knows files, streams, signals and the order of things. Must not know what a finding means.
//!
//! The recipe of a run:
//! 1. [`Args::read`] reads the command line, [`Plan::new`] makes a plan of it;
//! 2. [`probe::run`] carries it out and returns observations (for the command `trace`,
//!    [`probe::trace`], whose report is made by [`Report::of_traces`]);
//! 3. [`diagnose`] turns them into verdicts;
//! 4. [`Report::new`] joins both, and [`render`] turns that into bytes;
//! 5. [`exit::code`] says what to tell the shell.
//!
//! With `jsonl` the same happens for each target by itself, as it is finished ([`stream`]).
//!
//! Meanwhile [`progress`] shows people what is under way.

pub mod args;
pub mod config;
pub mod exit;
mod extras;
mod facts;
mod limits;
mod list;
mod output;
mod own_name;
mod progress;
mod resume;
mod signals;
mod stream;

use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use time::OffsetDateTime;

use self::args::{Args, Command, FormatArg, Stop};
use self::progress::Screen;
use crate::diagnosis::{checks, diagnose};
use crate::environment::{Marks, recognise};
use crate::net::connect;
use crate::net::connector::SystemConnector;
use crate::path::SystemHops;
use crate::plan::{self, Plan};
use crate::probe::{self, Effects, Progress};
use crate::render::{self, PluginState};
use crate::report::Report;
use crate::resolve::{HickoryResolver, HostsFile, Names, NamesOptions, NoResolver, Resolver};
use crate::tls::{CaFileError, Trust};

/// Runs the whole program: `words` are the command line, the program's name first. Returns the
/// exit code. `progress` says that progress may be drawn on this process's standard error, where
/// that is a terminal; `stderr` must not be a lock on it then.
///
/// Blocks until the run is over, on a runtime of its own, so it must not be called from within
/// another one.
pub fn run(
    words: impl IntoIterator<Item = OsString>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
    progress: bool,
) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    let mut format = Args::format_asked(&words);
    let trial = || try_run(words, &mut format, stdout, stderr, progress);
    // What could not be checked is neither right nor wrong, whoever is to blame for it.
    let ended = catch_unwind(AssertUnwindSafe(trial)).unwrap_or(Err(Halt::Fault));
    let (why, code) = match ended {
        Ok(code) => return code,
        Err(Halt::Mistake(why)) => (why, exit::USAGE),
        // A shortage is no mistake of the command line.
        Err(Halt::Shortage(why)) => (why, exit::UNDETERMINED),
        Err(Halt::Fault) => (FAULT.to_owned(), exit::UNDETERMINED),
    };
    tell(stderr, &why);
    if format != Some(FormatArg::Nagios) {
        return code;
    }
    // For a monitor, 2 would mean that the mail is down, and it reads standard output only.
    let _ = stdout.write_all(render::nagios_unknown(&why).as_bytes());
    PluginState::Unknown as u8
}

/// Why nothing was probed, in one line.
enum Halt {
    /// The command line or a file is wrong.
    Mistake(String),
    /// This machine lacks something.
    Shortage(String),
    /// This program failed; where, it has printed there.
    Fault,
}

const FAULT: &str = "this program failed; please report what it printed";

impl From<String> for Halt {
    fn from(why: String) -> Self {
        Self::Mistake(why)
    }
}

fn tell(stderr: &mut dyn Write, why: &str) {
    // Where standard error is gone there is nobody left to tell.
    // A message quotes what was typed, or what somebody else wrote into a list or a file.
    let _ = writeln!(stderr, "smtpcheck: {}", render::sanitize(why));
}

/// `format` becomes the one that counts as soon as it is known.
fn try_run(
    words: Vec<OsString>,
    format: &mut Option<FormatArg>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
    progress: bool,
) -> Result<u8, Halt> {
    let args = match Args::read(words) {
        Ok(args) => args,
        Err(Stop::Show(text)) => {
            output::quietly(stdout.write_all(text.as_bytes()))
                .map_err(|error| format!("standard output: {error}"))?;
            return Ok(exit::OK);
        }
        Err(Stop::Usage(line)) => return Err(line.into()),
    };
    *format = Some(args.format);
    for hint in &args.hints {
        tell(stderr, hint);
    }
    if let Some(text) = extras::text(&args) {
        output::quietly(stdout.write_all(&text))
            .map_err(|error| format!("standard output: {error}"))?;
        return Ok(exit::OK);
    }
    if let Some(Command::Explain { code }) = args.command {
        // Nothing is probed for it.
        output::check(&args)?;
        output::explain(&args, code.and_then(checks::find), stdout)?;
        return Ok(exit::OK);
    }
    let mut plan = Plan::new(&args, list::whole)?;
    for address in &plan.bind {
        if !connect::can_bind(*address) {
            return Err(format!("--bind {address}: this machine does not have that address").into());
        }
    }
    output::check(&args)?;
    let mut effects =
        system_effects(&args, &plan).map_err(|error| format!("--ca-file: {error}"))?;
    plan.jobs = limits::allow(plan.jobs);
    let runtime = signals::runtime()
        .map_err(|error| Halt::Shortage(format!("this machine is short of something: {error}")))?;
    // Who wants no report wants to see nothing else either; and lines that come meanwhile are in the
    // way of what is drawn.
    let visible = progress && !args.quiet && !(plan::streams(&args) && output::is_shown(&args));
    let known = plan.list.is_none().then_some(plan.targets.len());
    let screen = visible.then(|| Screen::begin(known)).flatten();
    if let Some(screen) = &screen {
        effects.progress = screen.progress();
    }
    if plan::streams(&args) {
        let code = stream::check(&args, plan, effects, &runtime, screen, stdout, stderr);
        runtime.shutdown_background();
        return code;
    }
    let report = match args.command {
        Some(Command::Network) => {
            let ask = async { probe::network(plan.clone(), effects, signals::stopped()).await };
            Report::of_network(&plan, &runtime.block_on(ask))
        }
        Some(Command::Trace { .. }) => {
            let trace = async { probe::trace(plan.clone(), effects, signals::stopped()).await };
            let observations = runtime.block_on(trace);
            Report::of_traces(&plan, &observations)
        }
        _ => {
            let check = async { probe::run(plan.clone(), effects, signals::stopped()).await };
            let observations = runtime.block_on(check);
            let diagnosis = diagnose(&observations, &plan.demands);
            Report::new(&plan, &observations, &diagnosis)
        }
    };
    drop(screen);
    let written = output::write(&args, &plan, &report, stdout);
    // Goodbyes that are still under way are not worth the user's time; the signals were, until now.
    runtime.shutdown_background();
    match written {
        Ok(()) if args.format == FormatArg::Nagios => Ok(exit::plugin_state(&report, &plan) as u8),
        Ok(()) => Ok(exit::code(&report, &plan)),
        // Everything was probed, and nobody learnt what came of it.
        Err(why) => {
            tell(stderr, &why);
            Ok(exit::UNDETERMINED)
        }
    }
}

/// The real world, as the command line wants it: name servers, connections, trust anchors and the
/// clock.
///
/// # Errors
///
/// Where a `--ca-file` cannot be used.
#[expect(clippy::disallowed_methods, reason = "here the wall clock is handed out as an effect")]
pub fn system_effects(args: &Args, plan: &Plan) -> Result<Effects, CaFileError> {
    let trust = Trust::new(&args.ca_file)?;
    let hosts = args.resolver.is_empty().then(HostsFile::system);
    // Without a name server nothing that is named can be checked, and that is no mistake of the
    // command line: every look-up says so.
    let resolver: Arc<dyn Resolver> = match args.resolver.as_slice() {
        [] => match HickoryResolver::system() {
            Ok(resolver) => Arc::new(resolver),
            Err(why) => Arc::new(NoResolver::because(why)),
        },
        servers => Arc::new(HickoryResolver::servers(servers)),
    };
    let own_name = own_name::full(hosts.as_ref());
    let options = NamesOptions { ipv4: plan.ipv4, ipv6: plan.ipv6, hosts };
    Ok(Effects {
        names: Names::new(resolver, options),
        connector: Arc::new(SystemConnector { public_only: plan.public_only }),
        hops: Arc::new(SystemHops { public_only: plan.public_only }),
        trust,
        now: OffsetDateTime::now_utc,
        own_name,
        environment: recognise(&Marks::system()).map(|found| found.id.clone()),
        progress: Progress::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something that cannot go wrong, and does.
    struct Fails;

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            panic!("a fault of the program, which this test plays")
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_fault_of_this_program_is_no_verdict() {
        let mut stderr = Vec::new();
        let words = ["smtpcheck", "explain"].map(OsString::from);
        let code = run(words, &mut Fails, &mut stderr, false);
        assert_eq!(code, exit::UNDETERMINED);
        assert_eq!(String::from_utf8_lossy(&stderr), format!("smtpcheck: {FAULT}\n"));
    }
}
