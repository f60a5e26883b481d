//! Plays every file of `tests/scenarios/`: a world as data, a command line, and what must come out.
//!
//! Everything is real but the outside: names, connections and the clock are the scenario's, TLS is
//! made with certificates of this run, and the clock is paused, so times are exact and no test
//! waits. A file is named after the symptom that it shows:
//!
//! ```toml
//! # Why this scenario is there.
//! args = ["example.test"]                         # the command line
//! exit = 1
//! took = 8.0                                      # seconds, to half a tenth
//! says = ["words in the text report"]
//! # config = """…"""                              # a configuration, which `--config` then names
//! # resolver = "fails"                            # whatever is asked: fails, refuses, silent
//! # interrupted_after = 3.0                       # seconds until Ctrl-C
//!
//! [local]
//! ipv6 = false                                    # this machine; both are there unless it says so
//!
//! [dns]
//! "example.test" = { mx = ["10 mx1.example.test."] }
//! "mx1.example.test" = { a = ["192.0.2.1"], aaaa = "servfail" }
//! # also: cname = "name", every = "timeout", { behaviour = "servfail-unless-cd", records = […] }
//!
//! [path]                                          # for ladders: the routers on the way
//! "192.0.2.1" = "192.168.1.1 203.0.113.1"
//!
//! [[server]]                                      # a healthy one; other ports there are closed
//! at = ["192.0.2.1:25"]
//! # cut = 1                                       # packets to it get no farther than hop 1
//! # answered_at = 1                               # something nearer answers in its place
//!
//! [[server]]
//! at = ["192.0.2.1:465", "192.0.2.1:587"]
//! connect = "silent"                              # refused, no-route, denied, icmp 3/13 from 203.0.113.1, a-fault-of-ours
//! says = "S: 554 no\nEOF"                         # a script, see below; a list is one a connection
//! certificate = "old"
//!
//! [certificate.old]                               # names, not_before, not_after (days), issuer
//! not_after = -3
//!
//! [connections]
//! "192.0.2.1:25" = 1
//!
//! [outbound]                                      # the report's `network.ports`
//! "25" = "open"
//!
//! [[expect]]                                      # one a target; whatever is not listed is wrong
//! verdict = "problems"
//! codes = ["note submission-not-announced"]
//! [expect.endpoints]
//! "mx mx1.example.test 192.0.2.1 25" = { required = true, status = "open" }
//! "mx mx1.example.test 192.0.2.1 465,587" = { status = "silent", waited = 2.5 }
//! ```
//!
//! A script's lines: `S: text` the server says it (`{-40 days}` is the date of that day), `RAW bytes` (with `\r`, `\n`, `\x00`), `C: EHLO`
//! the client must say it, `TLS` a handshake, `CLIENTHELLO` one begins and is not answered, `PAUSE 6s`,
//! `SILENCE` until the client leaves, `EOF`, `RST`. After the last a QUIT is answered. `healthy` is
//! what the port is for; `relay`, `submission` and `submissions` are the same for any port.
//!
//! No control is asked and no path is traced unless `args` says so.
//!
//! Every scenario also shows good manners: one conversation at a time with one address and port,
//! no command but EHLO, HELO, STARTTLS and QUIT, and none out of turn. And what it saw can be
//! saved and diagnosed again. `SCENARIO=part-of-a-name cargo test --test scenarios` plays some.

#[path = "scenarios/harness/mod.rs"]
mod harness;

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Codes without a scenario, and why.
const WITHOUT: [(&str, &str); 1] =
    [("certificate-weak", "what makes certificates here makes no weak ones")];

const STATUSES: [&str; 7] =
    ["blocked", "closed", "misconfigured", "open", "rejected", "silent", "skipped"];

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

#[test]
fn every_scenario() {
    let only = std::env::var("SCENARIO").unwrap_or_default();
    let mut failures = Vec::new();
    let mut occurred = BTreeSet::new();
    for file in files() {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("it can be read");
        let played = std::panic::catch_unwind(|| harness::play(&text));
        let (wrong, seen) = played.unwrap_or_else(|_| (vec!["panicked".into()], BTreeSet::new()));
        failures.extend(wrong.into_iter().map(|what| format!("{name}: {what}")));
        occurred.extend(seen);
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    if only.is_empty() {
        let codes = smtpcheck::CHECKS.iter().map(|check| check.code);
        let missing: Vec<&str> = codes
            .chain(STATUSES)
            .filter(|code| !occurred.contains(*code) && WITHOUT.iter().all(|(w, _)| w != code))
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "no scenario shows these");
    }
}
