//! Runs the binary and measures it.
//!
//! A child's peak memory is known only to whoever waits for it, and only as the greatest of all its
//! children so far. So this test program runs itself once more for each run of the binary, as a
//! process with one child.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::harness;

/// Says where the measuring process has to write what it measured.
const MEASURE: &str = "HOSTILE_MEASURE";

/// Where to stop waiting. No attack comes near it unless the program hangs.
const HANGS: Duration = Duration::from_secs(90);

/// A finished run.
pub struct Finished {
    pub output: Output,
    /// Peak resident memory of the binary, in KiB.
    pub peak: u64,
    pub took: Duration,
}

/// Runs the binary with these arguments; the error says that it hangs.
#[expect(clippy::disallowed_methods, reason = "what hangs is given up by the real clock")]
pub fn run(arguments: &[String]) -> Result<Finished, String> {
    let binary = harness::smtpcheck(arguments);
    let measured = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
    command.arg(binary.get_program()).args(binary.get_args());
    command.env(MEASURE, measured.path());
    for (name, value) in binary.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    // No server but those on the command line is to be asked anything.
    command.env("SMTPCHECK_CONTROL", "none").env("LANG", "C.UTF-8").env_remove("LC_ALL");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let begun = Instant::now();
    let child = command.spawn().map_err(|error| error.to_string())?;
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
    let (ended, end) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let output = child.wait_with_output();
        let _ = ended.send(());
        output
    });
    if end.recv_timeout(HANGS).is_err() {
        let _ = killpg(group, Signal::SIGKILL);
        return Err(format!("it had not ended after {} s", HANGS.as_secs()));
    }
    let output = waiting.join().map_err(|_| "the waiting thread panicked")?;
    let output = output.map_err(|error| error.to_string())?;
    let peak = fs::read_to_string(measured.path()).map_err(|error| error.to_string())?;
    let peak = peak.trim().parse().map_err(|_| format!("no measurement: `{peak}`"))?;
    Ok(Finished { output, peak, took: begun.elapsed() })
}

/// Where this process is one that measures: runs the command of its arguments, notes down the peak
/// memory, and ends as that did.
pub fn measured() -> Option<ExitCode> {
    let file = std::env::var_os(MEASURE)?;
    let mut words = std::env::args_os().skip(1);
    let ended = Command::new(words.next()?).args(words).env_remove(MEASURE).status();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let noted = fs::write(file, usage.max_rss().to_string());
    let code = ended.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    match (noted, code) {
        (Ok(()), Some(code)) => Some(ExitCode::from(code)),
        _ => {
            let _ = writeln!(std::io::stderr(), "panicked: the program did not end by itself");
            Some(ExitCode::from(101))
        }
    }
}

/// The first character that could act on a terminal or turn a line around.
pub fn acts(text: &str) -> Option<char> {
    text.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
            || matches!(c, '\u{e0000}'..='\u{e007f}')
    })
}
