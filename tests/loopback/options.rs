//! What the options do, each seen from outside.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Checked, check, json_arguments, run, smtpcheck};
use crate::lab::Lab;
use crate::lab::behaviour::Behaviour;
use crate::lab::certificates::Flaw;

#[test]
fn a_host_of_connect_to_is_not_looked_up() {
    let mut lab = Lab::start();
    lab.relay("mx.test.example", Flaw::None);
    lab.dns.add("test.example MX 10 mx.test.example");
    check(&lab, &["test.example"]).expect(0, "ok", &[]);
    let queries = lab.dns.queries();
    assert!(queries.contains(&"test.example MX".to_owned()), "{queries:?}");
    assert!(!queries.iter().any(|q| q.starts_with("mx.test.example")), "{queries:?}");
}

#[test]
fn connect_to_with_any_port() {
    let mut lab = Lab::start();
    lab.relay("server.example", Flaw::None);
    let real = lab.address("server.example", 25);
    let resolver = format!("--resolver={}", lab.dns.address());
    let anchors = format!("--ca-file={}", lab.certificates.ca_file().display());
    let any = format!("--connect-to=server.example::{}:{}", real.ip(), real.port());
    let arguments = ["--format=json", &resolver, &anchors, &any, "server.example:25"];
    let checked = Checked::read(&arguments, &run(arguments));
    checked.expect(0, "ok", &[]);
    assert_eq!(
        checked.endpoint("host", "server.example", 25)["port"],
        25,
        "the port that is meant"
    );
}

#[test]
fn a_server_by_address_has_no_name_to_compare() {
    let mut lab = Lab::start();
    let identity = lab.identity("server.example", Flaw::None);
    lab.serve("server.example", 465, Behaviour::submissions(identity));
    let real = lab.address("server.example", 465);
    let (target, mode) = (real.to_string(), format!("--ports={}=implicit", real.port()));
    let checked = check(&lab, &[&target, &mode]);
    checked.expect(0, "ok", &[]);
    let endpoint = checked.endpoint("host", "127.0.0.1", real.port());
    assert_eq!(endpoint["mode"], "implicit");
    assert!(endpoint["tls"]["name_matches"].is_null(), "\n{checked}");
    assert_eq!(checked.target()["target"], target);
    assert!(lab.dns.queries().is_empty(), "there is nothing to look up");
}

#[test]
fn a_target_with_a_port_is_probed_there_only() {
    let domains = Lab::with_domains();
    let checked = check(&domains, &["smtp.healthy.example:587"]);
    checked.expect(0, "ok", &[]);
    assert_eq!(checked.endpoint_lines(), ["host smtp.healthy.example:587 open"]);
    assert_eq!(checked.endpoints().len(), 1, "\n{checked}");
    assert_eq!(checked.target()["target"], "smtp.healthy.example:587");
}

#[test]
fn a_submission_server_alone() {
    let domains = Lab::with_domains();
    let checked = check(&domains, &["-s", "smtp.healthy.example"]);
    checked.expect(0, "ok", &[]);
    let (open, closed) = ("smtp.healthy.example", checked.endpoints().len());
    assert_eq!(closed, 4, "the ports of -p\n{checked}");
    for port in [465, 587] {
        assert_eq!(checked.endpoint("submission", open, port)["status"], "open");
    }
    let checked = check(&domains, &["-s", "smtp.healthy.example:465"]);
    checked.expect(0, "ok", &[]);
    assert_eq!(checked.endpoint_lines(), ["submission smtp.healthy.example:465 open"]);
}

#[test]
fn one_of_465_and_587_is_enough_where_none_was_named() {
    let mut lab = Lab::start();
    let identity = lab.identity("smtp.example", Flaw::None);
    lab.serve("smtp.example", 465, Behaviour::submissions(identity.clone()));
    check(&lab, &["-s", "smtp.example"]).expect(0, "ok", &[]);

    // What is wrong on the port that is not needed is worth a warning, no more.
    let healthy = Behaviour::submission(identity);
    let keywords = vec!["AUTH PLAIN"];
    lab.serve("smtp.example", 587, Behaviour { keywords, ..healthy });
    let checked = check(&lab, &["-s", "smtp.example"]);
    checked.expect(0, "ok", &["warning auth-before-tls"]);
    let endpoint = checked.endpoint("submission", "smtp.example", 587);
    assert_eq!(endpoint["status"], "misconfigured", "\n{checked}");
    check(&lab, &["-s", "smtp.example:587"]).expect(1, "problems", &["error auth-before-tls"]);

    let mut down = Lab::start();
    down.host("smtp.example");
    check(&down, &["-s", "smtp.example"]).expect(1, "problems", &["error port-closed"]);
}

#[test]
fn submission_none_asks_for_none() {
    let mut lab = Lab::start();
    lab.relay("mx.test.example", Flaw::None);
    lab.dns.add(
        "test.example                   MX 10 mx.test.example
         _submission._tcp.test.example  SRV 0 1 587 closed.test.example",
    );
    let checked = check(&lab, &["test.example", "-s", "none"]);
    checked.expect(0, "ok", &[]);
    assert!(!checked.has("submission-not-announced"), "\n{checked}");
    assert_eq!(checked.target()["dns"]["submission"], serde_json::json!([]));
    let queries = lab.dns.queries();
    assert!(!queries.iter().any(|q| q.ends_with("SRV")), "{queries:?}");
}

#[test]
fn one_address_family_only() {
    let mut lab = Lab::start();
    lab.relay("mx.test.example", Flaw::None);
    lab.dns.add(
        "test.example       MX 10 mx.test.example
         test.example       MX 20 both.test.example
         both.test.example  A 127.0.0.1
         both.test.example  AAAA ::1",
    );
    for (option, address) in [("-4", "127.0.0.1"), ("-6", "::1")] {
        let checked = check(&lab, &["test.example", option]);
        let both = checked.endpoints().iter().filter(|e| e["host"] == "both.test.example");
        let addresses: Vec<_> = both.map(|e| e["address"].as_str()).collect();
        assert_eq!(addresses, [Some(address); 4], "{option}\n{checked}");
        let of_other = checked
            .endpoints()
            .iter()
            .any(|e| e["address"].as_str().is_some_and(|a| a.contains(':')) != (option == "-6"));
        assert!(!of_other, "{option}: the other family is left out altogether\n{checked}");
    }
}

#[test]
fn a_silent_port_is_silent_and_not_closed() {
    let mut lab = Lab::start();
    lab.deafen("mx.test.example", 25);
    lab.dns.add("test.example MX 10 mx.test.example");
    let checked = check(&lab, &["test.example", "--connect-timeout=3"]);
    checked.expect(1, "problems", &["error port-silent"]);
    let endpoint = checked.endpoint("mx", "mx.test.example", 25);
    assert_eq!(endpoint["status"], "blocked");
    assert_eq!(endpoint["connect"]["outcome"], "timed-out");
    assert_eq!(endpoint["block"]["how"], "silence");
    assert_eq!(endpoint["block"]["by"], "unknown", "one silent server accuses nobody");
    assert_ne!(checked.report["network"]["ports"][0]["outbound"], "blocked");

    lab.relay("mx.test.example", Flaw::None);
    lab.deafen("mx.test.example", 587);
    let checked = check(&lab, &["test.example"]);
    checked.expect(0, "ok", &[]);
    assert_eq!(checked.endpoint("mx", "mx.test.example", 587)["status"], "silent");
    assert_eq!(checked.report["network"]["ports"][0]["outbound"], "open");
}

#[test]
fn targets_from_standard_input() {
    let domains = Lab::with_domains();
    let list = "# targets\n\nhealthy.example\n  expired.example  \n";
    let mut child = smtpcheck(json_arguments(&domains, &["-"]))
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(list.as_bytes()).expect("the program reads its list");
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    let checked = Checked::read(&["-"], &output);
    let targets = checked.report["targets"].as_array().expect("an array");
    let names: Vec<_> = targets.iter().map(|t| t["target"].as_str()).collect();
    assert_eq!(names, [Some("healthy.example"), Some("expired.example")]);
    assert_eq!(checked.exit, 1, "the worst of them");
}

#[test]
fn of_several_targets_the_worst_exit_code_wins() {
    let domains = Lab::with_domains();
    let arguments = ["healthy.example", "closed.example", "throttled.example"];
    assert_eq!(check(&domains, &arguments).exit, 3);
    assert_eq!(check(&domains, &arguments[..2]).exit, 1);
    assert_eq!(check(&domains, &["healthy.example", "null-mx.example"]).exit, 0);
}

#[test]
fn the_report_goes_into_a_file() {
    let domains = Lab::with_domains();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("report.json");
    let file = file.to_str().expect("a plain path");
    let output = run(json_arguments(&domains, &["closed.example", "-o", file]));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let report = std::fs::read(file).expect("the report");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["targets"][0]["target"], "closed.example");
    let others = std::fs::read_dir(directory.path()).expect("it is there").count();
    assert_eq!(others, 1, "no half-written file stays behind");
}

#[test]
fn quiet_says_it_with_the_exit_code() {
    let domains = Lab::with_domains();
    for (domain, exit) in [("healthy.example", 0), ("closed.example", 1)] {
        let output = run(json_arguments(&domains, &[domain, "-q"]));
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), Some(exit));
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn an_ignored_code_was_never_found() {
    let domains = Lab::with_domains();
    let checked = check(&domains, &["wrong-name.example", "--ignore=certificate-host-mismatch"]);
    checked.expect(0, "ok", &[]);
    let endpoint = checked.endpoint("submission", "smtp.wrong-name.example", 465);
    assert_eq!(endpoint["status"], "open", "\n{checked}");
    assert_eq!(endpoint["tls"]["name_matches"], false, "a fact stays a fact");
}

#[test]
fn fail_on_moves_the_exit_code_and_nothing_else() {
    let domains = Lab::with_domains();
    let mut lab = Lab::start();
    lab.relay("server.example", Flaw::Expired);
    let warned = ["warning certificate-expired"];
    let server = "server.example:25";
    check(&lab, &[server]).expect(0, "ok", &warned);
    check(&lab, &[server, "--fail-on=warning"]).expect(1, "ok", &warned);
    let checked = check(&domains, &["closed.example", "--fail-on=never"]);
    checked.expect(0, "problems", &["error port-closed"]);
}

#[test]
fn an_option_from_the_environment() {
    let domains = Lab::with_domains();
    let arguments = json_arguments(&domains, &["closed.example"]);
    let output = smtpcheck(&arguments).env("SMTPCHECK_FAIL_ON", "never").output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(0));
    let both = json_arguments(&domains, &["closed.example", "--fail-on=error"]);
    let output = smtpcheck(&both).env("SMTPCHECK_FAIL_ON", "never").output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(1), "the option wins");
}

#[test]
fn a_reader_that_has_seen_enough() {
    let domains = Lab::with_domains();
    let mut arguments = domains.options();
    arguments.extend(["-vv", "healthy.example", "expired.example"].map(str::to_owned));
    let mut child = smtpcheck(arguments).spawn().expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.is_empty(), "{stderr}");
    assert_ne!(output.status.code(), Some(101), "no panic");
}

#[test]
fn an_interrupt_reports_what_is_finished() {
    let mut lab = Lab::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("report.txt");
    let text_to = format!("--report=text={}", file.display());
    let arguments = ["test.example", "--timeout=60", &text_to];
    let child = half_finished(&mut lab, &arguments);
    let id = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("the program is still there");
    let checked = Checked::read(&arguments, &child.wait_with_output().expect("the binary ends"));
    assert_eq!((checked.exit, checked.verdict()), (3, "undetermined"), "\n{checked}");
    let endpoint = checked.endpoint("mx", "mx.test.example", 25);
    assert_eq!(endpoint["status"], "open", "\n{checked}");
    let missing = "port 25 of mute.test.example";
    assert_eq!(checked.target()["unfinished"], serde_json::json!([missing]), "\n{checked}");
    let text = std::fs::read_to_string(&file).expect("the report for people");
    assert!(text.contains(&format!("not checked:\n   - {missing}\n")), "{text}");
}

/// Starts a check of `test.example`, of which one server is done with and the other never greets.
pub fn half_finished(lab: &mut Lab, arguments: &[&str]) -> Child {
    let record = lab.mute("mute.test.example");
    let finished = lab.relay("mx.test.example", Flaw::None);
    lab.dns.add(
        "test.example MX 10 mx.test.example
         test.example MX 20 mute.test.example",
    );
    let child = smtpcheck(json_arguments(lab, arguments)).spawn().expect("the binary starts");
    let under_way = || record.connections() > 0 && finished.connections() > 0;
    wait_for("both servers are being talked to", under_way);
    finished.wait_until_idle();
    // Its farewell has been seen; a moment later the program has booked it.
    std::thread::sleep(Duration::from_millis(300));
    child
}

/// Waits until something is so, and fails where it never is.
pub fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..2000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain: {what}");
}

#[test]
fn the_conversation_is_shown_line_by_line_on_demand() {
    let domains = Lab::with_domains();
    let mut arguments = domains.options();
    arguments.extend(["-vv", "smtp.healthy.example:587"].map(str::to_owned));
    let output = run(arguments);
    let lines: Vec<_> =
        BufReader::new(output.stdout.as_slice()).lines().map(|line| line.expect("UTF-8")).collect();
    let place = |text: &str| lines.iter().position(|line| line.contains(text));
    let order = ["220 smtp.healthy.example ESMTP lab", "250 STARTTLS", "220 2.0.0 Ready", "QUIT"];
    let places: Vec<_> = order.iter().map(|text| place(text)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}\n{lines:#?}");
}
