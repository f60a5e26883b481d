//! The program as a whole: how large it is, how long it takes to start, and what one conversation
//! costs it beyond the round trips.
//!
//! Each figure stands beside its floor, and is the median of many runs with the fastest. Nothing is
//! asserted: `README.md` beside this says what was found. `cargo bench --bench program`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../examples/lab/lab.rs"]
mod lab;

use lab::Lab;
use lab::certificates::Flaw;

const RUNS: usize = 100;

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    let runs = if std::env::args().any(|word| word == "--bench") { RUNS } else { 1 };
    let program = env!("CARGO_BIN_EXE_smtpcheck");
    let size = std::fs::metadata(program).expect("the program is there").len();
    say(&format!("size of the binary                  {:8.2} MB", size as f64 / 1e6));
    let floor = time(runs, "true", &[]);
    tell("floor: starting `true`", &floor);
    tell("start: smtpcheck --version", &time(runs, program, &["--version".to_owned()]));

    let mut lab = Lab::start();
    lab.relay("server.example", Flaw::None);
    lab.submission("server.example", Flaw::None);
    for port in [25, 465] {
        let mut arguments = lab.options();
        arguments.extend([format!("server.example:{port}"), "--format=json".to_owned()]);
        tell(&format!("one endpoint on loopback, port {port}"), &time(runs, program, &arguments));
    }
}

/// How long so many runs took, the shortest first.
#[expect(clippy::disallowed_methods, reason = "this measures")]
fn time(runs: usize, program: &str, arguments: &[String]) -> Vec<Duration> {
    let mut took: Vec<Duration> = (0..runs)
        .map(|_| {
            let mut command = Command::new(program);
            command.args(arguments).env("SMTPCHECK_CONTROL", "none");
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let begun = Instant::now();
            command.status().expect("it starts");
            begun.elapsed()
        })
        .collect();
    took.sort();
    took
}

fn tell(what: &str, took: &[Duration]) {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let (fastest, median) = (ms(took[0]), ms(took[took.len() / 2]));
    say(&format!("{what:35} {median:8.2} ms (fastest {fastest:.2} ms)"));
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
