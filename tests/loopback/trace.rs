//! The command `trace`, on a path without routers: loopback is no hop away.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::{Checked, check, json_arguments, run, smtpcheck};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::options::wait_for;

const HOST: &str = "server.example";

/// Each path as `port end ttl,ttl…`, the TTLs at which something answered.
fn paths(checked: &Checked) -> Vec<String> {
    let paths = checked.report["network"]["paths"].as_array().expect("an array");
    let line = |path: &Value| {
        let hops = path["hops"].as_array().expect("an array");
        let heard = hops.iter().filter(|hop| hop["address"] == "127.0.0.1");
        let heard: Vec<String> = heard.map(|hop| hop["ttl"].to_string()).collect();
        format!("{} {} {}", path["port"], path["end"].as_str().unwrap_or("?"), heard.join(","))
    };
    paths.iter().map(line).collect()
}

fn summary(checked: &Checked) -> &str {
    checked.report["network"]["traces"][0]["summary"].as_str().unwrap_or_default()
}

#[cfg(target_os = "linux")]
#[test]
fn each_port_ends_as_it_does() {
    let mut lab = Lab::start();
    let record = lab.relay(HOST, Flaw::None);
    lab.deafen(HOST, 587);
    let checked = check(&lab, &["trace", HOST]);
    assert_eq!(checked.exit, 0, "that a port is silent is no failure to trace it\n{checked}");
    let expected = ["25 connected 1", "465 refused 1", "587 silence ", "2525 refused 1"];
    assert_eq!(paths(&checked), expected, "\n{checked}");
    assert_eq!(checked.report["targets"], json!([]));
    assert_eq!(checked.report["network"]["controls"], json!([]));
    assert_eq!(checked.report["network"]["ports"][0], json!({"port": 25, "outbound": "open"}));
    assert_eq!(checked.report["network"]["ports"][2], json!({"port": 587, "outbound": "unknown"}));
    assert!(summary(&checked).contains("port 587"), "\n{checked}");
    let connections = record.connections();
    assert!((1..=2).contains(&connections), "{connections} connections");
    assert!(record.commands().is_empty(), "{:?}", record.commands());
}

#[cfg(target_os = "linux")]
#[test]
fn options_stand_before_or_after_the_command() {
    let mut lab = Lab::start();
    lab.relay(HOST, Flaw::None);
    for arguments in [
        ["-p", "25,465", "trace", HOST],
        ["trace", "-p", "25,465", HOST],
        ["trace", HOST, "-p", "25,465"],
    ] {
        let checked = check(&lab, &arguments);
        assert_eq!((checked.exit, paths(&checked).len()), (0, 2), "\n{checked}");
    }
    let checked = check(&lab, &["trace", &format!("{HOST}:25")]);
    assert_eq!(paths(&checked), ["25 connected 1"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_report_goes_where_it_is_wanted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("trace.txt");
    let file = file.to_str().expect("a plain path");
    let output = run(["trace", "127.0.0.1:9", "-o", file]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let text = std::fs::read_to_string(file).expect("the report");
    assert!(text.contains("127.0.0.1") && text.contains("hop 1"), "{text}");
    let output = run(["trace", "127.0.0.1:9", "-q"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    let output = run(["trace", "127.0.0.1:9", "--color=always"]);
    assert!(output.stdout.contains(&0x1b));
}

#[test]
fn a_host_that_cannot_be_traced_is_said_and_is_no_success() {
    let lab = Lab::start();
    lab.dns.add("mail-less.example EXISTS");
    lab.dns.add("broken.example SERVFAIL");
    for (host, part) in [
        ("nowhere.example", "No address was found"),
        ("mail-less.example", "No address was found"),
        ("broken.example", "SERVFAIL"),
        ("224.0.0.1", "multicast"),
    ] {
        let checked = check(&lab, &["trace", host]);
        assert_eq!(checked.exit, 3, "\n{checked}");
        assert_eq!(paths(&checked), [""; 0], "\n{checked}");
        assert!(summary(&checked).contains(part), "\n{checked}");
    }
    // One that can does not make up for one that cannot.
    let checked = check(&lab, &["trace", "127.0.0.1:9", "nowhere.example"]);
    assert_eq!(checked.exit, 3, "\n{checked}");
}

#[test]
fn a_wrong_command_line_sends_nothing() {
    for arguments in [&["trace"][..], &["trace", "no host"], &["a.example", "trace", "b.example"]] {
        let output = run(arguments);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert_eq!(output.stderr.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
    let lab = Lab::start();
    let checked = check(&lab, &["-s", "none", "--", "trace"]);
    assert_eq!(checked.target()["target"], "trace", "behind two hyphens it is a target");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_reports_the_paths_that_are_finished() {
    let mut lab = Lab::start();
    let record = lab.relay(HOST, Flaw::None);
    lab.deafen(HOST, 587);
    let arguments = ["trace", "-p", "25,587", HOST];
    let child = smtpcheck(json_arguments(&lab, &arguments)).spawn().expect("the binary starts");
    wait_for("the open port was reached", || record.connections() > 0);
    // A moment later the open port's path is booked; the silent one takes two seconds.
    std::thread::sleep(Duration::from_millis(300));
    let id = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("the program is still there");
    let checked = Checked::read(&arguments, &child.wait_with_output().expect("the binary ends"));
    assert_eq!((checked.exit, paths(&checked)), (3, vec!["25 connected 1".to_owned()]));
    assert_eq!(checked.report["network"]["traces"][0]["state"], "interrupted", "\n{checked}");
}
