//! Long lists: results leave as they come, memory does not grow, and nobody is asked twice.

mod manners;
mod outages;
mod world;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use self::world::{World, list};
use crate::harness::smtpcheck;
use crate::lab::Lab;
use crate::options::wait_for;

/// So many domains are many. `SMTPCHECK_BULK_TARGETS=100000` checks as many as people do.
fn many() -> usize {
    std::env::var("SMTPCHECK_BULK_TARGETS").ok().and_then(|n| n.parse().ok()).unwrap_or(4_000)
}

fn written(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("it can be written");
    path.display().to_string()
}

fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn");
    let parsed = text.lines().map(|line| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("a torn line: {error}: {line}"))
    });
    parsed.collect()
}

fn inputs(lines: &[Value]) -> Vec<String> {
    let mut inputs: Vec<String> =
        lines.iter().map(|line| line["input"].as_str().unwrap_or("?").to_owned()).collect();
    inputs.sort();
    inputs
}

/// Runs with options and arguments, and this on standard input.
fn run_with(options: &[String], arguments: &[&str], list: &str) -> Output {
    let mut command = smtpcheck(options);
    let mut child = command.args(arguments).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let list = list.to_owned();
    let writing = std::thread::spawn(move || {
        // A program that has seen enough closes it.
        let _ = stdin.write_all(list.as_bytes());
    });
    let output = child.wait_with_output().expect("the binary ends");
    writing.join().expect("the list was written");
    output
}

/// Runs over a list and reads the output line by line; returns how many lines there were, and the
/// peak resident memory of the program in KiB.
#[cfg(target_os = "linux")]
fn measured(world: &World, list: &str) -> (usize, u64) {
    let mut command = smtpcheck(world.options());
    command.args(["-p25,2525", "-j1000", "--input", list]);
    let mut child = command.spawn().expect("the binary starts");
    let status = format!("/proc/{}/status", child.id());
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    let (mut line, mut count, mut peak) = (Vec::new(), 0, 0);
    while output.read_until(b'\n', &mut line).expect("a pipe") > 0 {
        assert!(line.starts_with(b"{\"schema_version\"") && line.ends_with(b"}\n"));
        count += 1;
        if count % 100 == 0
            && let Ok(status) = fs::read_to_string(&status)
        {
            // The kernel's own record of the most there ever was.
            let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let high = high.and_then(|high| high.trim().strip_suffix(" kB")?.trim().parse().ok());
            peak = peak.max(high.unwrap_or(0));
        }
        line.clear();
    }
    let mut stderr = String::new();
    let told = child.stderr.take().map(|mut told| told.read_to_string(&mut stderr));
    let ended = child.wait().expect("it ends");
    // That an MX host on port 2525 is at a loopback address is an error.
    assert!(ended.code() == Some(1) && told.is_some(), "{ended}: {stderr}");
    (count, peak)
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_list_and_what_domains_share_is_asked_once() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let few = written(folder.path(), "few", &list(1_000));
    let all = written(folder.path(), "all", &list(many()));
    let world = World::with_providers(40);
    let (count, of_few) = measured(&world, &few);
    assert_eq!(count, 1_000);
    let connections: Vec<usize> = world.records.iter().map(|r| r.connections()).collect();
    assert_eq!(connections, [1; 40], "each server was talked to once");
    let asked = world.asked();
    assert_eq!(asked.len(), 80, "A and AAAA of each: {asked:?}");
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
    // How the heaps of the threads come to lie makes as much difference as a long list.
    let of_few = of_few.max(measured(&world, &few).1);
    let (count, of_all) = measured(&world, &all);
    assert_eq!(count, many());
    let told = format!("{of_few} KiB for 1,000 and {of_all} KiB for {}", many());
    let _ = writeln!(std::io::stderr(), "peak memory: {told}");
    assert!(of_few > 1024, "it was measured: {told}");
    // A few KiB kept for each domain would be far more (benches/README.md).
    assert!(of_all * 10 <= of_few * 11, "{told}");
    assert!(of_all < 96 * 1024, "{told}");
}

/// Each thread has a heap of its own: with as many threads as cores, memory would be another on each
/// machine. The variable is tokio's, and stands for a machine with many.
#[test]
#[cfg(target_os = "linux")]
fn a_machine_of_many_cores_gets_few_threads() {
    let world = World::with_providers(2);
    let mut command = smtpcheck(world.options());
    command.env("TOKIO_WORKER_THREADS", "64").args(["-p25", "-"]).stdin(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    writeln!(stdin, "d0.bulk.example").expect("the program reads its list");
    output.read_line(&mut String::new()).expect("a line comes while the list is open");
    let threads = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it runs").count();
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
    // Those that work, the first, the one that reads the list, and a few for what blocks.
    assert!((2..=12).contains(&threads), "{threads} threads");
}

#[test]
fn every_line_of_the_list_has_its_line_and_a_bad_one_does_not_stop_the_run() {
    let world = World::with_providers(3);
    let text =
        "# a list\r\nd0.bulk.example\r\n\nnot a name\nd1.bulk.example\n\u{0}\nd2.bulk.example";
    let output = run_with(&world.options(), &["-p25", "-"], text);
    let found = lines(&String::from_utf8_lossy(&output.stdout));
    let of = |input: &str| found.iter().find(|line| line["input"] == input).expect("its line");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(found.len(), 5, "{found:#?}");
    assert_eq!(of("d2.bulk.example")["verdict"], "ok");
    for bad in ["not a name", "\u{0}"] {
        assert_eq!(of(bad)["verdict"], "undetermined");
        assert!(of(bad)["error"].is_string() && of(bad)["endpoints"].as_array().is_some());
    }
    // Without the bad lines all is well; and from a file it is the same.
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = written(folder.path(), "list", &text.replace("not a name", "").replace('\u{0}', ""));
    let output = run_with(&world.options(), &["-p25", "--input", &file, "d7.bulk.example"], "");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lines(&String::from_utf8_lossy(&output.stdout)).len(), 4);
    for (arguments, list, said) in [
        (&["-p25", "-"][..], "# nothing\n", "no target"),
        (&["--input", "/nowhere/list"], "", "/nowhere/list"),
        (&["--input", &file, "-"], "", "one list"),
        (&["-", "--rate=0"], "", "a second"),
        (&["-", "--resume", &file], "", "jsonl"),
        (&["-", "--resume=x", "--format=text"], "", "jsonl"),
    ] {
        let mut options = world.options();
        options.retain(|o| !arguments.contains(&"--format=text") || !o.starts_with("--format"));
        let output = run_with(&options, arguments, list);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said) && stderr.lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

/// The program under way, with a list that is written and lines that are read meanwhile.
fn started(world: &World, arguments: &[&str]) -> (Child, ChildStdin, BufReader<ChildStdout>) {
    let mut command = smtpcheck(world.options());
    let mut child = command.args(arguments).stdin(Stdio::piped()).spawn().expect("it starts");
    let stdin = child.stdin.take().expect("it was asked for");
    let output = BufReader::new(child.stdout.take().expect("it was asked for"));
    (child, stdin, output)
}

#[test]
fn results_leave_before_the_list_has_ended() {
    let world = World::with_providers(2);
    let (mut child, mut stdin, mut output) = started(&world, &["-p25", "-"]);
    for n in 0..3 {
        writeln!(stdin, "d{n}.bulk.example").expect("the program reads its list");
        let mut line = String::new();
        output.read_line(&mut line).expect("a line comes while the list is open");
        assert_eq!(lines(&line)[0]["input"], format!("d{n}.bulk.example"));
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_run_that_was_killed_leaves_whole_lines_and_is_resumed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let list = written(folder.path(), "list", &list(3_000));
    let results = folder.path().join("results.jsonl").display().to_string();
    let world = World::with_providers(20);
    let arguments = ["-p25", "--input", &list, "-o", &results, "--resume", &results];
    for _ in 0..2 {
        let before = lines_in(&results);
        let mut child = smtpcheck(world.options()).args(arguments).spawn().expect("it starts");
        wait_for("some are done", || lines_in(&results) > before + 200);
        send(&child, Signal::SIGKILL);
        child.wait().expect("it is gone");
    }
    let text = fs::read_to_string(&results).expect("the results");
    let done = lines(&text).len();
    assert!((400..3_000).contains(&done), "it was killed in the middle: {done}");
    // A power failure tears what a signal cannot.
    let mut file = File::options().append(true).open(&results).expect("it is there");
    file.write_all(&text.as_bytes()[..500]).expect("it can be written");
    let output = smtpcheck(world.options()).args(arguments).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(&results).expect("the results");
    let (torn, whole): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| serde_json::from_str::<Value>(line).is_err());
    assert_eq!(torn, [&text[..500]], "only what the power failure tore");
    let whole = lines(&(whole.join("\n") + "\n"));
    let mut expected: Vec<String> = (0..3_000).map(|n| format!("d{n}.bulk.example")).collect();
    expected.sort();
    assert_eq!(inputs(&whole), expected, "each once");
    // Nothing is left to be done, and what was found counts.
    let output = smtpcheck(world.options()).args(arguments).output().expect("it starts");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert_eq!(fs::read_to_string(&results).expect("the results").len(), text.len());
}

/// What `docs/scale.md` says of workers, with the shell's own means in the place of GNU parallel.
#[test]
#[cfg(target_os = "linux")]
fn workers_share_a_list_and_their_results_are_put_together() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    written(folder.path(), "domains.txt", &list(1_000));
    let world = World::with_providers(10);
    let script = r#"
        for K in 1 2 3; do
            split -n r/$K/3 domains.txt |
                "$0" "$@" - -p 25 -f jsonl -o results-$K.jsonl --resume results-$K.jsonl &
        done
        wait
        cat results-*.jsonl > results.jsonl"#;
    let options: Vec<String> =
        world.options().into_iter().filter(|option| !option.starts_with("--format")).collect();
    // The second time there is nothing left to be done.
    for _ in 0..2 {
        let mut command = std::process::Command::new("sh");
        command.args(["-ec", script, env!("CARGO_BIN_EXE_smtpcheck")]).args(&options);
        command.env("SMTPCHECK_CONTROL", "none").current_dir(folder.path());
        let output = command.output().expect("there is a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{stderr}");
        let text = fs::read_to_string(folder.path().join("results.jsonl")).expect("the results");
        let mut expected: Vec<String> = (0..1_000).map(|n| format!("d{n}.bulk.example")).collect();
        expected.sort();
        assert_eq!(inputs(&lines(&text)), expected, "each once");
    }
}

fn lines_in(path: &str) -> usize {
    fs::read(path).map_or(0, |text| text.iter().filter(|octet| **octet == b'\n').count())
}

fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(id), signal).expect("the program is still there");
}

#[test]
fn what_an_earlier_run_found_counts_for_the_exit_code() {
    let lab = Lab::with_domains();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let results = folder.path().join("results.jsonl").display().to_string();
    let mut options = lab.options();
    options.extend(["--format=jsonl", "-o", &results, "--resume", &results].map(str::to_owned));
    let code = |targets: &[&str]| run_with(&options, targets, "").status.code();
    assert_eq!(code(&["closed.example"]), Some(1));
    assert_eq!(code(&["closed.example", "healthy.example"]), Some(1), "one was found before");
    assert_eq!(lines_in(&results), 2);
    assert_eq!(code(&["closed.example", "--fail-on=never"]), Some(0));
    assert_eq!(code(&["throttled.example", "-"]), Some(3));
    assert_eq!(lines_in(&results), 3);
}

#[test]
fn what_an_earlier_run_found_is_judged_as_the_configuration_wants_it_for_each_target() {
    let lab = Lab::with_domains();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let results = folder.path().join("results.jsonl").display().to_string();
    let config = "[[target]]\nname = 'closed.example'\nfail-on = 'never'\n\
        [[target]]\nname = 'healthy.example'\n";
    let config = written(folder.path(), "mail.toml", config);
    let mut options = lab.options();
    options.extend(["--format=jsonl", "-o", &results, "--resume", &results].map(str::to_owned));
    let code = |more: &[&str], list| run_with(&options, more, list).status.code();
    for (what, list) in
        [(&["--config", &config][..], ""), (&["--config", &config, "-"], "closed.example\n")]
    {
        for time in ["first", "second"] {
            assert_eq!(code(what, list), Some(0), "{what:?}, the {time} time");
        }
    }
    assert_eq!(lines_in(&results), 2, "each was checked once");
    assert_eq!(code(&["healthy.example"], ""), Some(1), "without the configuration");
}

#[test]
fn what_a_rule_forbids_is_not_tried_again() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let results = folder.path().join("results.jsonl").display().to_string();
    let options = ["--format=jsonl", "-o", &results, "--resume", &results].map(str::to_owned);
    for time in ["first", "second"] {
        let output = run_with(&options, &["224.0.0.1:25"], "");
        assert_eq!(output.status.code(), Some(3), "it was not checked, the {time} time");
    }
    let found = lines(&fs::read_to_string(&results).expect("the results"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["endpoints"][0]["skipped_because"], "not-dialled");
    assert_eq!(found[0]["endpoints"][0]["skipped_by_rule"], true);
}

#[test]
fn interrupted_finished_targets_are_out() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut world = World::with_providers(2);
        let record = world.lab.mute("mute.example");
        let folder = tempfile::tempdir().expect("a temporary directory");
        let text = format!("mute.example:25\n{}", list(50));
        let list = written(folder.path(), "list", &text);
        let results = folder.path().join("results.jsonl").display().to_string();
        let arguments = ["-p25", "--timeout=300", "--input", &list, "-o", &results];
        let child = smtpcheck(world.options()).args(arguments).spawn().expect("it starts");
        wait_for("all others are done", || record.connections() > 0 && lines_in(&results) == 50);
        send(&child, signal);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(3), "{signal}");
        let found = lines(&fs::read_to_string(&results).expect("the results"));
        let (interrupted, done): (Vec<&Value>, Vec<&Value>) =
            found.iter().partition(|line| line["interrupted"] == true);
        assert_eq!((interrupted.len(), done.len()), (1, 50));
        assert_eq!(interrupted[0]["input"], "mute.example:25");
    }
}

/// `timeout` signals the program and then its group; who waits for it may pass a signal on.
#[test]
fn one_request_that_comes_as_two_signals_tears_no_line_away() {
    let mut lab = Lab::start();
    lab.mute("mute.example");
    let names: Vec<String> = (0..50).map(|n| format!("d{n}.example")).collect();
    for name in &names {
        lab.dns.add(&format!("{name} MX 10 mute.example"));
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let list = written(folder.path(), "list", &(names.join("\n") + "\n"));
    let arguments = ["--format=jsonl", "-p25", "--timeout=300", "--input", &list];
    let begun = || lab.dns.queries().iter().filter(|query| query.ends_with(" MX")).count();
    for second in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGTERM, Signal::SIGINT] {
        let before = begun();
        let child = smtpcheck(lab.options()).args(arguments).spawn().expect("it starts");
        wait_for("every target is begun", || begun() == before + names.len());
        send(&child, Signal::SIGTERM);
        send(&child, second);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(3));
        let found = lines(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(found.len(), names.len(), "{second} behind SIGTERM");
        assert!(found.iter().all(|line| line["interrupted"] == true));
    }
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let world = World::with_providers(2);
    let (child, mut stdin, mut output) = started(&world, &["-p25", "-"]);
    stdin.write_all(list(10).as_bytes()).expect("the program reads its list");
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert_eq!(lines(&line).len(), 1);
    drop(output);
    // The list does not end, and yet the program does.
    let _ = stdin.write_all(list(2_000).as_bytes());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "not everything was checked");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nobody_waits_for_a_slow_server_when_nobody_reads() {
    let mut world = World::with_providers(2);
    world.lab.mute("mute.example");
    let (child, mut stdin, mut output) = started(&world, &["-p25", "--timeout=300", "-"]);
    stdin.write_all(b"d0.bulk.example\n").expect("the program reads its list");
    output.read_line(&mut String::new()).expect("a line");
    drop(output);
    stdin.write_all(b"mute.example:25\nd1.bulk.example\n").expect("the program reads its list");
    let child = std::cell::RefCell::new(child);
    let status = || child.borrow_mut().try_wait().expect("it can be waited for");
    wait_for("it has ended", || status().is_some());
    assert_eq!(status().and_then(|status| status.code()), Some(3), "not everything was checked");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_run_and_is_told() {
    let world = World::with_providers(2);
    for arguments in [&["-p25", "-", "-o", "/dev/full"][..], &["-p25", "-"]] {
        let mut command = smtpcheck(world.options());
        command.args(arguments).stdin(Stdio::piped());
        if arguments.len() == 2 {
            command.stdout(File::options().write(true).open("/dev/full").expect("on Linux"));
        }
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("it was asked for");
        // The list is left open: what cannot be written is not gone on with.
        let _ = stdin.write_all(list(500).as_bytes());
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains("No space left") && stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
#[cfg(unix)]
fn few_descriptors_make_it_slow_and_nothing_undetermined() {
    let world = World::with_providers(40);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_smtpcheck")]);
    command.args(world.options()).args(["-p25", "-j1000", "--control=none"]);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let list = written(folder.path(), "list", &list(400));
    let output = command.args(["--input", &list]).output().expect("it starts");
    let found = lines(&String::from_utf8_lossy(&output.stdout));
    let unwell: Vec<&Value> = found.iter().filter(|line| line["verdict"] != "ok").collect();
    assert!(unwell.is_empty(), "{:#}", unwell[0]);
    assert_eq!((output.status.code(), found.len()), (Some(0), 400));
}
