//! How a long list behaves towards servers, by the times and counts that the servers noted down.
//!
//! Nothing here goes by how fast anything is: a busy machine only makes each connection later.

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::world::{World, list};
use super::{lines, run_with};
use crate::harness::smtpcheck;
use crate::lab::Lab;
use crate::lab::behaviour::{Behaviour, Greeting};
use crate::lab::certificates::Flaw;
use crate::lab::smtp::Record;
use crate::options::wait_for;

/// Domains `d0.test`, `d1.test` and so on, each with a mail exchanger of another name, all of them at
/// one address and port.
struct OneAddress {
    _lab: Lab,
    record: Arc<Record>,
    options: Vec<String>,
    list: String,
}

impl OneAddress {
    fn of(domains: usize, greeting: Greeting) -> Self {
        let mut lab = Lab::start();
        let identity = lab.identity("shared.example", Flaw::None);
        let relay = Behaviour { greeting, ..Behaviour::relay(identity) };
        let record = lab.serve("shared.example", 25, relay);
        let to = lab.address("shared.example", 25);
        let mut options = lab.options();
        options.push("--format=jsonl".to_owned());
        let mut list = String::new();
        for n in 0..domains {
            lab.dns.add(&format!("d{n}.test MX 10 mx.h{n}.test"));
            options.push(format!("--connect-to=mx.h{n}.test:25:{}:{}", to.ip(), to.port()));
            list.push_str(&format!("d{n}.test\n"));
        }
        Self { _lab: lab, record, options, list }
    }
}

#[test]
fn connections_are_begun_at_the_rate_that_was_asked_for() {
    let world = World::with_providers(30);
    let begun = Instant::now();
    let output = run_with(&world.options(), &["-p25", "--rate=15", "-"], &list(60));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut accepted: Vec<Duration> =
        world.records.iter().flat_map(|r| r.accepted()).map(|at| at - begun).collect();
    accepted.sort();
    assert_eq!(accepted.len(), 30, "each provider is talked to once");
    for (n, at) in accepted.iter().enumerate() {
        let earliest = n as f64 / 15.0;
        assert!(at.as_secs_f64() >= earliest, "connection {n} came after {at:?}: {accepted:?}");
    }
}

#[test]
fn an_operators_hosts_see_four_conversations_at_once() {
    let mut lab = Lab::start();
    let hosts: Vec<String> = (0..12).map(|n| format!("mx{n}.provider.example")).collect();
    let identity = lab.identity("*.provider.example", Flaw::None);
    let greeting = Greeting::after(Duration::from_millis(300));
    let slow = Behaviour { greeting, ..Behaviour::relay(identity) };
    let record = lab.serve_many(&hosts, 25, &slow);
    for (n, host) in hosts.iter().enumerate() {
        lab.dns.add(&format!("d{n}.example MX 10 {host}"));
    }
    let names: String = (0..12).map(|n| format!("d{n}.example\n")).collect();
    let mut options = lab.options();
    options.push("--format=jsonl".to_owned());
    let output = run_with(&options, &["-p25", "-"], &names);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(record.connections(), 12);
    let most = record.max_concurrent();
    assert!((2..=4).contains(&most), "{most} at once");
}

#[test]
fn a_server_that_puts_us_off_is_left_alone_by_the_whole_list() {
    let world = OneAddress::of(4, Greeting::PutsOff(usize::MAX));
    let OneAddress { record, options, list, .. } = &world;
    let mut command = smtpcheck(options);
    let mut child = command.args(["-p25", "-"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    let (first, others) = list.split_at(list.find('\n').map_or(0, |end| end + 1));
    stdin.write_all(first.as_bytes()).expect("the program reads its list");
    wait_for("the first has come back once", || record.connections() == 2);
    stdin.write_all(others.as_bytes()).expect("the program reads its list");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "nobody's mail was refused for good: {stderr}");
    let accepted = record.accepted();
    assert_eq!((accepted.len(), record.max_concurrent()), (5, 1), "one retry for all of them");
    for (earlier, later) in accepted.iter().zip(&accepted[1..]) {
        assert!(*later - *earlier >= Duration::from_secs(2), "{:?}", *later - *earlier);
    }
    for line in lines(&String::from_utf8_lossy(&output.stdout)) {
        assert_eq!(line["verdict"], "undetermined", "{line:#}");
        assert_eq!(line["endpoints"][0]["status"], "rejected", "{line:#}");
    }
}

#[test]
fn whoever_waits_behind_a_slow_server_is_not_told_that_anything_is_wrong() {
    let world = OneAddress::of(30, Greeting::after(Duration::from_millis(1500)));
    let OneAddress { record, options, list, .. } = &world;
    let output = run_with(options, &["-p25", "--timeout=2", "-"], list);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert_eq!(record.max_concurrent(), 1);
    let found = lines(&String::from_utf8_lossy(&output.stdout));
    let (skipped, seen): (Vec<&Value>, Vec<&Value>) =
        found.iter().partition(|line| line["endpoints"][0]["status"] == "skipped");
    assert_eq!(found.len(), 30);
    assert!(!seen.is_empty() && skipped.len() > 20, "{} {}", seen.len(), skipped.len());
    for line in skipped {
        assert_eq!(line["verdict"], "undetermined", "{line:#}");
        let findings = line["findings"].as_array().expect("an array");
        assert!(findings.iter().all(|finding| finding["severity"] == "note"), "{line:#}");
        let summary = line["summary"].as_str().expect("a sentence");
        assert!(summary.contains("took too long; check it again"), "{summary}");
    }
}
