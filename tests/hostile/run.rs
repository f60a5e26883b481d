//! Runs the attacks, several at once, and tells what came of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::attack::{Attack, Plays};
use crate::certificates::HOST;
use crate::harness::Checked;
use crate::{attacks, name_server, peer, program};

/// Attacks at once. Most of them are waiting.
const AT_ONCE: usize = 6;

/// No run may take more than this, in KiB.
const MOST_MEMORY: u64 = 64 * 1024;

/// What a report is written as beside JSON and text.
const FORMATS: [&str; 6] = ["jsonl", "junit", "nagios", "github", "markdown", "prometheus"];

/// Runs the attacks that the arguments choose.
pub fn everything() -> ExitCode {
    let (options, parts): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let mut attacks = attacks::all();
    let all = attacks.len();
    attacks.retain(|a| parts.is_empty() || parts.iter().any(|part| a.name.contains(part.as_str())));
    if options.iter().any(|option| option == "--list") {
        for attack in &attacks {
            say(&format!("{}: test\n", attack.name));
        }
        return ExitCode::SUCCESS;
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads for the servers");
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Told>>> = Mutex::new(attacks.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(attack) = attacks.get(at) else { break };
                    let told = catch_unwind(AssertUnwindSafe(|| play(attack, &runtime)));
                    let told = told.unwrap_or_else(|panic| Told {
                        wrong: vec![
                            panic
                                .downcast_ref::<String>()
                                .cloned()
                                .unwrap_or_else(|| "it panicked".into()),
                        ],
                        ..Told::default()
                    });
                    results.lock().expect("no other thread panics here")[at] = Some(told);
                }
            });
        }
    });
    runtime.shutdown_background();
    let results = results.into_inner().expect("no thread panics while it holds them");
    let told = tell(&attacks, results.into_iter().flatten());
    let published = include_str!("../../SECURITY.md");
    assert!(published.contains(&format!("{all} attacks")), "SECURITY.md: there are {all} attacks");
    told
}

/// What came of one attack.
#[derive(Default)]
struct Told {
    wrong: Vec<String>,
    exit: i32,
    found: String,
    peak: u64,
    seconds: f64,
}

fn play(attack: &Attack, runtime: &Runtime) -> Told {
    let listen = |address: Ipv4Addr| {
        runtime.block_on(TcpListener::bind((address, 0))).expect("a free port on loopback")
    };
    let name_server = |answering| {
        runtime.block_on(name_server::start(answering)).expect("a free port on loopback")
    };
    let serve = |listener, script: &Vec<_>| {
        runtime.block_on(async { peer::serve(listener, script.clone()) }).expect("an address")
    };
    // Each run finds the world as new: some attacks work once.
    let world = || match &attack.plays {
        Plays::Server(port, script) => {
            let to = serve(listen(Ipv4Addr::LOCALHOST), script);
            // Nothing is looked up: no name server listens there.
            let nobody: SocketAddr = ([127, 0, 0, 1], 9).into();
            vec![
                format!("{HOST}:{port}"),
                format!("--connect-to={HOST}:{port}:{}:{}", to.ip(), to.port()),
                format!("--resolver={nobody}"),
            ]
        }
        Plays::NameServer(answering) => {
            let resolver = name_server(answering.clone());
            vec!["test.example".to_owned(), format!("--resolver={resolver}")]
        }
        Plays::Both(answering, script) => {
            let to = serve(listen(Ipv4Addr::UNSPECIFIED), script);
            let resolver = name_server(answering(to.port()));
            vec!["test.example".to_owned(), format!("--resolver={resolver}")]
        }
    };
    let with = |word: &str| {
        let mut arguments = world();
        // Short, since most attacks are about waiting; those that are about work get longer.
        let patient = attack.arguments.iter().any(|word| word.starts_with("--timeout"));
        let timeout = if patient { None } else { Some("--timeout=4") };
        let usual = ["--connect-timeout=3", "--color=never", word].into_iter().chain(timeout);
        arguments.extend(usual.chain(attack.arguments.iter().copied()).map(str::to_owned));
        arguments
    };
    let mut told = Told::default();
    // The same report in every form that goes to people or to other programs.
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = |format: &str| folder.path().join(format);
    let mut as_json = with("--format=json");
    as_json.extend(FORMATS.iter().map(|f| format!("--report={f}={}", file(f).display())));
    let as_json = match program::run(&as_json) {
        Ok(finished) => finished,
        Err(why) => return Told { wrong: vec![why], ..told },
    };
    let as_text = match program::run(&with("-vv")) {
        Ok(finished) => finished,
        Err(why) => return Told { wrong: vec![why], ..told },
    };
    told.peak = as_json.peak.max(as_text.peak);
    told.seconds = as_json.took.max(as_text.took).as_secs_f64();
    for (what, finished) in [("JSON", &as_json), ("text", &as_text)] {
        if finished.peak > MOST_MEMORY {
            told.wrong.push(format!("{what}: {} KiB of memory", finished.peak));
        }
        match std::str::from_utf8(&finished.output.stdout) {
            Err(error) => told.wrong.push(format!("{what}: no UTF-8: {error}")),
            Ok(text) => {
                if let Some(c) = program::acts(text) {
                    told.wrong.push(format!("{what}: {c:?} reaches the terminal"));
                }
            }
        }
        let stderr = String::from_utf8_lossy(&finished.output.stderr);
        if !stderr.is_empty() {
            told.wrong.push(format!("{what}: standard error says {stderr:?}"));
        }
    }
    for format in FORMATS {
        match std::fs::read_to_string(file(format)) {
            Err(error) => told.wrong.push(format!("{format}: {error}")),
            Ok(text) => {
                if let Some(c) = program::acts(&text) {
                    told.wrong.push(format!("{format}: {c:?} reaches its reader"));
                }
            }
        }
    }
    if as_json.output.status.code() != as_text.output.status.code() {
        let (json, text) = (as_json.output.status, as_text.output.status);
        told.wrong.push(format!("JSON ends with {json}, text with {text}"));
    }
    let checked = Checked::read(&["--format=json"], &as_json.output);
    let mut status: Vec<String> = checked
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint["required"] == true)
        .map(|endpoint| endpoint["status"].as_str().unwrap_or("?").to_owned())
        .collect();
    status.sort();
    status.dedup();
    told.exit = checked.exit;
    told.found = format!("{} {status:?} {:?}", checked.verdict(), checked.faults());
    let mut faults: Vec<&str> = attack.expected.faults.to_vec();
    faults.sort_unstable();
    let expected = format!("{} {:?} {faults:?}", attack.expected.verdict, attack.expected.status);
    if (checked.exit, &told.found) != (attack.expected.exit, &expected) {
        told.wrong.push(format!(
            "expected {} {expected}\n       found    {} {}",
            attack.expected.exit, checked.exit, told.found
        ));
    }
    told
}

fn tell(attacks: &[Attack], results: impl Iterator<Item = Told>) -> ExitCode {
    let mut text = String::from("\n");
    let (mut passed, mut failed) = (0, 0);
    for (attack, told) in attacks.iter().zip(results) {
        let word = if told.wrong.is_empty() { "ok" } else { "FAILED" };
        let mib = told.peak as f64 / 1024.0;
        let _ = writeln!(
            text,
            "{word:6} {:60} {:2} {:5.1} s {mib:5.1} MiB {}",
            attack.name, told.exit, told.seconds, told.found
        );
        for wrong in &told.wrong {
            let _ = writeln!(text, "       {wrong}");
        }
        if told.wrong.is_empty() { passed += 1 } else { failed += 1 }
    }
    let _ = writeln!(text, "\n{passed} passed, {failed} failed");
    say(&text);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
