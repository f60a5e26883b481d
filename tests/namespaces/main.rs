//! The whole program in a small internet of network namespaces, with packet filters as the truth.
//!
//! Client, home router, provider, core, two mail exchangers, a submission server, two unrelated
//! mail servers and a name server, with IPv4 and IPv6, real ports and real routers. Nothing of it
//! needs root: this process makes a user namespace of its own, and the program under test runs in
//! it as a user without any capability. Read `node.rs` for the map, `case.rs` for what a case is,
//! and `cases/` for the cases. Each case says who is guilty, and a report that names anybody else
//! fails it; at the end a table shows truth against verdict.
//!
//! Where it cannot run it is skipped, or fails where `SMTPCHECK_TESTS_REQUIRED=1` says that
//! nothing may be skipped. Arguments choose cases by a part of their name; `--show` shows the reports
//! that people read, too.

#[cfg(target_os = "linux")]
mod case;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
#[path = "../loopback/harness.rs"]
#[allow(dead_code, reason = "the loopback tests use all of it")]
mod harness;
#[cfg(target_os = "linux")]
#[path = "../../examples/lab/lab.rs"]
mod lab;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod node;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod world;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    let result = run::everything();
    #[cfg(not(target_os = "linux"))]
    let result = Err("there are no network namespaces on this system".to_owned());
    match result {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err(why) => skip(&why),
    }
}

/// Says that the tests are skipped, or fails where that is not allowed.
fn skip(why: &str) -> ExitCode {
    let required = std::env::var_os("SMTPCHECK_TESTS_REQUIRED").is_some_and(|value| value == "1");
    if required {
        let _ = writeln!(std::io::stderr(), "no test may be skipped here, but {why}");
        return ExitCode::FAILURE;
    }
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    ExitCode::SUCCESS
}
