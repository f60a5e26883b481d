//! What goes wrong on our own side: signals, full disks, no descriptors, a clock that jumps. No
//! finished result is lost, no file is torn, and the exit code says what is known.

use std::fs::{self, File};
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use time::OffsetDateTime;

use crate::harness::{Checked, json_arguments, smtpcheck};
use crate::lab::Lab;
use crate::lab::behaviour::{Behaviour, Greeting};
use crate::lab::certificates::Flaw;
use crate::options::{half_finished, wait_for};

fn send(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(id), signal).expect("the program is still there");
}

#[test]
fn sigterm_reports_what_is_finished_as_ctrl_c_does() {
    let mut lab = Lab::start();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("report.json");
    let output_to = format!("--output={}", file.display());
    let arguments = ["test.example", "--timeout=60", &output_to];
    let child = half_finished(&mut lab, &arguments);
    send(&child, Signal::SIGTERM);
    let mut output = child.wait_with_output().expect("the binary ends");
    output.stdout = fs::read(&file).expect("the report is in the file");
    let checked = Checked::read(&arguments, &output);
    assert_eq!((checked.exit, checked.verdict()), (3, "undetermined"), "\n{checked}");
    let endpoint = checked.endpoint("mx", "mx.test.example", 25);
    assert_eq!(endpoint["status"], "open", "\n{checked}");
}

/// Stops a program for as long as it says, as Ctrl-Z and `fg` do.
fn stop_for(child: &Child, pause: Duration) {
    send(child, Signal::SIGSTOP);
    std::thread::sleep(pause);
    send(child, Signal::SIGCONT);
}

#[test]
fn what_came_while_the_program_was_stopped_counts() {
    let mut lab = Lab::start();
    let identity = lab.identity("slow.example", Flaw::None);
    let greeting = Greeting::after(Duration::from_secs(1));
    let slow = Behaviour { greeting, ..Behaviour::relay(identity) };
    let record = lab.serve("slow.example", 25, slow);
    let arguments = ["slow.example:25", "--timeout=3"];
    let child = smtpcheck(json_arguments(&lab, &arguments)).spawn().expect("the binary starts");
    wait_for("the server is being talked to", || record.connections() > 0);
    stop_for(&child, Duration::from_millis(4500));
    let checked = Checked::read(&arguments, &child.wait_with_output().expect("the binary ends"));
    checked.expect(0, "ok", &[]);
    let connections = record.connections();
    assert!(connections <= 2, "{connections} connections");
}

/// The answers wait in the sockets; a question to a name server is given up after twelve seconds.
#[test]
fn a_program_that_is_stopped_while_it_looks_names_up_blames_no_name_server() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let resolver = format!("--resolver={}", server.local_addr().expect("its address"));
    let arguments = ["gone.example", "--format=json", &resolver];
    let child = smtpcheck(arguments).spawn().expect("the binary starts");
    let mut query = [0; 512];
    let mut answer = || {
        let (length, from) = server.recv_from(&mut query).ok()?;
        // A reply (QR, RD, RA) that there is no such name (RFC 1035 §4.1.1).
        (query[2], query[3]) = (0x81, 0x83);
        // The question alone: without what follows it, EDNS.
        let end = 12 + query[12..length].iter().position(|octet| *octet == 0)? + 5;
        query[6..12].fill(0);
        server.send_to(&query[..end], from).ok()
    };
    server.set_read_timeout(Some(Duration::from_secs(20))).expect("the option");
    server.peek_from(&mut [0; 512]).expect("a question");
    send(&child, Signal::SIGSTOP);
    // Its threads stop one after the other.
    std::thread::sleep(Duration::from_millis(300));
    server.set_read_timeout(Some(Duration::from_millis(500))).expect("the option");
    while answer().is_some() {}
    std::thread::sleep(Duration::from_millis(12_500));
    send(&child, Signal::SIGCONT);
    let still_running = std::thread::spawn(move || child.wait_with_output());
    while !still_running.is_finished() {
        answer();
    }
    let output = still_running.join().expect("a thread").expect("the binary ends");
    let checked = Checked::read(&arguments, &output);
    checked.expect(1, "problems", &["error domain-not-found"]);
    let failures = &checked.target()["dns"]["failures"];
    assert_eq!(failures, &serde_json::json!([]), "\n{checked}");
}

#[test]
fn a_program_that_is_stopped_again_and_again_blames_no_server() {
    let mut lab = Lab::start();
    let record = lab.mute("mute.example");
    let arguments = ["mute.example:25", "--timeout=2"];
    let child = smtpcheck(json_arguments(&lab, &arguments)).spawn().expect("the binary starts");
    for connections in 1..=2 {
        wait_for("the server is being talked to", || record.connections() == connections);
        stop_for(&child, Duration::from_millis(3500));
    }
    let checked = Checked::read(&arguments, &child.wait_with_output().expect("the binary ends"));
    checked.expect(3, "undetermined", &[]);
    let endpoint = &checked.endpoints()[0];
    assert_eq!(endpoint["status"], "skipped", "\n{checked}");
    let summary = endpoint["summary"].as_str().expect("a sentence");
    assert!(summary.contains("stopped"), "{summary}");
    assert_eq!(record.connections(), 2, "\n{checked}");
}

/// More than a pipe holds.
fn long_list() -> String {
    "no target at all\n".repeat(2000)
}

#[test]
fn a_second_request_ends_a_program_whose_report_nobody_reads() {
    let mut child =
        smtpcheck(["-", "--format=json"]).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(long_list().as_bytes()).expect("the program reads its list");
    drop(stdin);
    let stdout = child.stdout.take().expect("it was asked for");
    wait_for("the report fills the pipe", || readable(&stdout));
    for _ in 0..2 {
        send(&child, Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(200));
    }
    let early = child.try_wait().expect("it can be waited for");
    std::thread::sleep(Duration::from_millis(900));
    send(&child, Signal::SIGTERM);
    let mut status = None;
    for _ in 0..2000 {
        status = child.try_wait().expect("it can be waited for");
        if status.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(early, None, "two signals within a moment are one request");
    assert_eq!(status.expect("it has ended by itself").code(), Some(3));
}

fn readable(stdout: &std::process::ChildStdout) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    poll(&mut [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)
        .is_ok_and(|n| n > 0)
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_device_is_told_and_nothing_passes_for_checked() {
    let domains = Lab::with_domains();
    let arguments = json_arguments(&domains, &["healthy.example"]);
    let full = || File::options().write(true).open("/dev/full").expect("there is one on Linux");
    let to_stdout = smtpcheck(&arguments).stdout(full()).output().expect("it starts");
    let arguments = json_arguments(&domains, &["healthy.example", "--output=/dev/full"]);
    let to_file = smtpcheck(&arguments).output().expect("it starts");
    for output in [to_stdout, to_file] {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains("No space left"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

/// Runs a script as root of namespaces of its own, `$0` being the program; `None` where this
/// machine does not allow that, which is told.
#[cfg(target_os = "linux")]
fn in_a_namespace(script: &str, arguments: &[String]) -> Option<Output> {
    let program = env!("CARGO_BIN_EXE_smtpcheck");
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, program]);
        command.stdin(Stdio::null());
        command
    };
    if !unshare("mount -t tmpfs tmpfs /mnt").output().is_ok_and(|o| o.status.success()) {
        let required = std::env::var_os("SMTPCHECK_TESTS_REQUIRED").is_some_and(|v| v == "1");
        assert!(!required, "no test may be skipped here, but there are no mount namespaces");
        let _ = writeln!(std::io::stderr(), "SKIPPED: there are no mount namespaces");
        return None;
    }
    Some(unshare(script).args(arguments).output().expect("it has just worked"))
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_old_file_as_it_was() {
    let domains = Lab::with_domains();
    let arguments = json_arguments(&domains, &["healthy.example", "--output=/mnt/report.json"]);
    // Room for the old file and for the beginning of the new one.
    let script = r#"
        mount -t tmpfs -o size=8k tmpfs /mnt
        echo 'the old report' > /mnt/report.json
        "$0" "$@" && code=0 || code=$?
        echo "$code"
        ls /mnt
        cat /mnt/report.json"#;
    let Some(output) = in_a_namespace(script, &arguments) else { return };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), output.stderr);
    assert_eq!(stdout, "3\nreport.json\nthe old report\n", "{}", String::from_utf8_lossy(&stderr));
    assert!(String::from_utf8_lossy(&stderr).contains("No space left"));
}

#[test]
#[cfg(target_os = "linux")]
fn no_descriptors_are_no_verdict() {
    let domains = Lab::with_domains();
    for limit in 3..=30 {
        let script = format!("ulimit -n {limit}; exec \"$0\" \"$@\"");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_smtpcheck")])
            .args(json_arguments(&domains, &["healthy.example", "-p25", "-s", "none"]))
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{limit}: {stderr}");
        let code = output.status.code();
        match code {
            // The loader cannot open the C library, or the file of trust anchors cannot be read.
            Some(127) => continue,
            Some(2) => assert!(stderr.contains("--ca-file"), "{limit}: {stderr}"),
            _ => assert!(matches!(code, Some(0 | 3)), "{limit}: {code:?} {stderr}"),
        }
        if output.stdout.is_empty() {
            assert_ne!(code, Some(0), "{limit}: {stderr}");
            assert!(!stderr.is_empty(), "{limit}: nothing is said");
            continue;
        }
        let checked = Checked::read(&["healthy.example"], &output);
        for endpoint in checked.endpoints() {
            let status = endpoint["status"].as_str().unwrap_or("?");
            assert!(matches!(status, "open" | "skipped"), "{limit}\n{checked}");
        }
        assert!(checked.faults().is_empty(), "{limit}\n{checked}");
    }
}

static JUMPS: AtomicI64 = AtomicI64::new(0);

/// A decade forwards, two backwards, and so on.
fn jumping() -> OffsetDateTime {
    let n = JUMPS.fetch_add(1, Ordering::Relaxed) + 1;
    let years = if n % 2 == 0 { -10 * n } else { 10 * n };
    OffsetDateTime::UNIX_EPOCH + time::Duration::days(365 * (55 + years.clamp(-50, 50)))
}

#[test]
fn a_clock_that_jumps_changes_no_duration_and_no_connection() {
    let mut lab = Lab::start();
    lab.relay("server.example", Flaw::None);
    let mut words = vec!["smtpcheck".to_owned(), "server.example:25".to_owned()];
    words.extend(lab.options());
    let args = smtpcheck::Args::read(words.iter().map(Into::into)).expect("arguments");
    let plan = smtpcheck::Plan::new(&args, |_| Ok(String::new())).expect("a plan");
    let mut effects = smtpcheck::system_effects(&args, &plan).expect("the anchors can be read");
    effects.now = jumping;
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let seen = runtime.block_on(smtpcheck::probe(plan.clone(), effects, stopped));
    let report = smtpcheck::Report::new(
        &plan,
        &seen,
        &smtpcheck::diagnose(&seen, &smtpcheck::Demands::default()),
    );
    let report: serde_json::Value =
        serde_json::from_str(&smtpcheck::json(&report)).expect("the report is JSON");
    let endpoint = &report["targets"][0]["endpoints"][0];
    assert_eq!(endpoint["connect"]["outcome"], "connected", "{report:#}");
    assert_eq!(endpoint["smtp"]["ehlo_after_tls"][0]["keyword"], "PIPELINING", "{report:#}");
    for duration in [&report["duration_ms"], &endpoint["timings_ms"]["total"]] {
        let ms = duration.as_f64().expect("a number");
        assert!((0.0..60_000.0).contains(&ms), "{report:#}");
    }
}

#[test]
fn the_report_file_is_not_touched_before_the_report_is_whole() {
    let mut lab = Lab::start();
    let record = lab.mute("mute.example");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("report.json");
    fs::write(&file, "the old report").expect("it can be written");
    let output_to = format!("--output={}", file.display());
    let arguments = json_arguments(&lab, &["mute.example:25", "--timeout=60", &output_to]);
    let mut child = smtpcheck(arguments).spawn().expect("the binary starts");
    wait_for("the server is being talked to", || record.connections() > 0);
    child.kill().expect("it is still there");
    child.wait().expect("it has ended");
    assert_eq!(fs::read_to_string(&file).expect("it is still there"), "the old report");
    assert_eq!(names_in(directory.path()), ["report.json"]);
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("it is there");
    entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
