//! A name server that dies in the middle of a list: what is finished stays, what could not be looked
//! up is nobody's fault, the run ends, and `--resume` checks the rest.

use std::collections::HashMap;
use std::fs;
use std::process::Child;

use serde_json::Value;

use super::world::{Mood, World, list};
use super::{lines, lines_in, written};
use crate::harness::smtpcheck;
use crate::options::wait_for;

/// Enough that waiting for each question behind a silent name server would take five minutes.
const DOMAINS: usize = 3_000;

/// Waits for the end, if not for ever.
fn ended(mut child: Child) -> i32 {
    for _ in 0..2400 {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            return status.code().expect("an exit code");
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("it still waits after two minutes");
}

fn verdicts(lines: &[Value]) -> HashMap<String, String> {
    let word = |line: &Value, key: &str| line[key].as_str().unwrap_or("?").to_owned();
    // The last line of a target counts.
    lines.iter().map(|line| (word(line, "input"), word(line, "verdict"))).collect()
}

fn dies_and_is_resumed(mood: Mood) {
    let world = World::with_providers(20);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let list = written(folder.path(), "list", &list(DOMAINS));
    let results = folder.path().join("results.jsonl").display().to_string();
    let arguments = ["-p25", "--input", &list, "-o", &results, "--resume", &results];
    let child = smtpcheck(world.options()).args(arguments).spawn().expect("it starts");
    wait_for("some are done", || lines_in(&results) > 200);
    world.name_server(mood);
    let done = lines_in(&results);
    assert_eq!(ended(child), 3, "{mood:?}");
    let found = lines(&fs::read_to_string(&results).expect("the results"));
    assert_eq!((found.len(), verdicts(&found).len()), (DOMAINS, DOMAINS), "{mood:?}: each once");
    let (good, open): (Vec<&Value>, Vec<&Value>) =
        found.iter().partition(|line| line["verdict"] == "ok");
    assert!((done..DOMAINS).contains(&good.len()), "{mood:?}: {done}, {}", good.len());
    for line in &open {
        let findings = line["findings"].as_array().expect("an array");
        let accused = findings.iter().any(|finding| finding["severity"] != "note");
        assert!(line["verdict"] == "undetermined" && !accused, "{mood:?}: {line:#}");
        assert!(line["dns"]["failures"][0].is_string(), "{mood:?}: {line:#}");
    }
    // Another name server of the same world.
    let healthy = World::with_providers(20);
    let resolver = healthy.options().into_iter().find(|o| o.starts_with("--resolver"));
    let mut options = world.options();
    options.retain(|option| !option.starts_with("--resolver"));
    options.extend(resolver);
    let output = smtpcheck(options).args(arguments).output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{mood:?}: {stderr}");
    let found = lines(&fs::read_to_string(&results).expect("the results"));
    assert_eq!(found.len(), DOMAINS + open.len(), "{mood:?}: only those are checked again");
    let verdicts = verdicts(&found);
    assert!(verdicts.len() == DOMAINS && verdicts.values().all(|v| v == "ok"), "{mood:?}");
}

#[test]
fn a_name_server_that_dies_costs_nobody_a_verdict_and_the_run_no_hours() {
    std::thread::scope(|scope| {
        for mood in [Mood::IsSilent, Mood::Fails, Mood::IsGone] {
            scope.spawn(move || dies_and_is_resumed(mood));
        }
    });
}

#[test]
fn a_short_silence_of_the_name_server_is_waited_out() {
    let world = World::with_providers(20);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let list = written(folder.path(), "list", &list(DOMAINS));
    let results = folder.path().join("results.jsonl").display().to_string();
    let arguments = ["-p25", "--input", &list, "-o", &results];
    let child = smtpcheck(world.options()).args(arguments).spawn().expect("it starts");
    wait_for("some are done", || lines_in(&results) > 200);
    world.name_server(Mood::IsSilent);
    // So long that, without waiting, three times as many questions as there are at once would be lost.
    std::thread::sleep(std::time::Duration::from_secs(15));
    world.name_server(Mood::Answers);
    ended(child);
    let found = lines(&fs::read_to_string(&results).expect("the results"));
    assert_eq!(found.len(), DOMAINS);
    let failures = |line: &Value| line["dns"]["failures"].as_array().map_or(0, Vec::len);
    let lost: usize = found.iter().map(failures).sum();
    // As many as there are questions at once, and those that it takes to notice.
    assert!((1..=256).contains(&lost), "{lost} questions were lost");
    let unlike = |line: &&Value| (line["verdict"] == "ok") == (failures(line) > 0);
    assert_eq!(found.iter().find(unlike), None, "all others are well");
}

#[test]
fn a_name_server_that_is_silent_for_others_names_only_is_not_taken_for_dead() {
    let world = World::with_providers(20);
    world.name_server(Mood::KnowsItsOwn);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let outside: String = (0..200).map(|n| format!("d{n}.example.org\n")).collect();
    let all = written(folder.path(), "list", &(outside + &list(200)));
    let results = folder.path().join("results.jsonl").display().to_string();
    let arguments = ["-p25", "--input", &all, "-o", &results];
    let child = smtpcheck(world.options()).args(arguments).spawn().expect("it starts");
    assert_eq!(ended(child), 3, "nobody knows what is outside");
    let found = verdicts(&lines(&fs::read_to_string(&results).expect("the results")));
    assert_eq!(found.len(), 400);
    for (target, verdict) in found {
        let is_inside = target.ends_with(".bulk.example");
        assert_eq!(verdict, if is_inside { "ok" } else { "undetermined" }, "{target}");
    }
}
