//! The exit codes: every row of the published table, each made by a real run.

use std::io::Write;
use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Checked, json_arguments, run, smtpcheck};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::options::wait_for;

/// The lab's domains, and one more on whose port 25 the certificate has expired: a warning.
fn world() -> Lab {
    let mut lab = Lab::with_domains();
    lab.relay("mx.warned.example", Flaw::Expired);
    lab.dns.add("warned.example MX 10 mx.warned.example");
    lab
}

/// Runs with these arguments, and these lines on standard input.
fn run_with(lab: &Lab, arguments: &[&str], list: &str) -> Output {
    let mut command = smtpcheck(json_arguments(lab, arguments));
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    // A program that reads no list closes it.
    let _ = stdin.write_all(list.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("the binary ends")
}

#[test]
fn of_one_target() {
    let lab = world();
    let (ok, problems, undetermined) = ("ok", "problems", "undetermined");
    for (arguments, exit, verdict) in [
        // Nothing at or above --fail-on was found.
        (&["healthy.example"][..], 0, ok),
        (&["null-mx.example"], 0, ok),
        (&["warned.example"], 0, ok),
        (&["closed.example", "--fail-on=never"], 0, problems),
        (&["closed.example", "--ignore=port-closed"], 0, ok),
        // Something was.
        (&["closed.example"], 1, problems),
        (&["expired.example"], 1, problems),
        (&["warned.example", "--fail-on=warning"], 1, ok),
        // It could not be checked.
        (&["throttled.example"], 3, undetermined),
        (&["throttled.example", "--fail-on=never"], 3, undetermined),
        (&["healthy.example", "--resolver=127.0.0.1:1"], 3, undetermined),
        // The first that applies of 1, 3 and 0: the answer that never comes hides no warning.
        (&["throttled.example", "--fail-on=warning"], 1, undetermined),
    ] {
        let mut all = lab.options();
        // Another name server takes the place of the lab's.
        all.retain(|option| {
            !(option.starts_with("--resolver") && arguments.iter().any(|a| a.contains("resolver")))
        });
        all.push("--format=json".to_owned());
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let checked = Checked::read(arguments, &run(all));
        assert_eq!((checked.exit, checked.verdict()), (exit, verdict), "\n{checked}");
    }
}

#[test]
fn of_several_targets_3_wins_over_1_and_1_over_0() {
    let lab = world();
    let (ok, problems, unknown) = ("healthy.example", "closed.example", "throttled.example");
    for (targets, exit) in [
        (&[ok, "null-mx.example"][..], 0),
        (&[ok, problems], 1),
        (&[problems, ok], 1),
        (&[ok, unknown], 3),
        (&[unknown, problems], 3),
        (&[problems, unknown, ok], 3),
    ] {
        let output = run(json_arguments(&lab, targets));
        assert_eq!(output.status.code(), Some(exit), "{targets:?}");
    }
}

#[test]
fn of_a_wrong_command_line_or_file() {
    let lab = world();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    };
    let config =
        file("mail.toml", "timeout = 5\n\n[[target]]\nname = \"healthy.example\"\nexpct = {}\n");
    let config = format!("--config={config}");
    let anchors = format!("--ca-file={}", file("ca.pem", "no certificate\n"));
    for (arguments, said) in [
        (&["healthy.example", "--frobnicate"][..], "--frobnicate"),
        (&["no spaces.example"], "no spaces.example"),
        (&["healthy.example", "closed example"], "closed example"),
        (&[], "TARGET"),
        (&["healthy.example", "--config=/nowhere/mail.toml"], "/nowhere/mail.toml"),
        (&[&config], "line 5: there is no key `expct`; did you mean `expect`?"),
        (&["healthy.example", &anchors], "ca.pem"),
        (&["healthy.example", "-o/nowhere/report"], "/nowhere/report"),
        (&["-"], "no target"),
    ] {
        let output = run_with(&lab, arguments, "# nothing\n");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(lab.dns.queries().is_empty(), "nothing was probed: {:?}", lab.dns.queries());
}

#[test]
fn of_a_bad_line_in_a_list() {
    let lab = world();
    let output = run_with(&lab, &["-"], "healthy.example\nnot a name\nclosed.example\n");
    let checked = Checked::read(&["-"], &output);
    assert_eq!(checked.exit, 3, "the run goes on, and was not complete\n{checked}");
    let targets = checked.report["targets"].as_array().expect("an array");
    let verdicts: Vec<_> = targets.iter().map(|t| t["verdict"].as_str()).collect();
    assert_eq!(verdicts, [Some("ok"), Some("undetermined"), Some("problems")]);
    assert!(targets[1]["error"].is_string(), "\n{checked}");
}

#[test]
fn of_an_interrupted_run() {
    let mut lab = world();
    let record = lab.mute("mute.example");
    for (signal, more) in [
        (Signal::SIGINT, &["mute.example:25"][..]),
        (Signal::SIGTERM, &["mute.example:25"]),
        // What is finished and wrong is told, and what is not finished counts more.
        (Signal::SIGINT, &["closed.example", "mute.example:25"]),
        (Signal::SIGINT, &["mute.example:25", "--fail-on=never"]),
    ] {
        let before = record.connections();
        let arguments = [more, &["--timeout=300"]].concat();
        let child = smtpcheck(json_arguments(&lab, &arguments)).spawn().expect("it starts");
        wait_for("the mute server is waited for", || record.connections() > before);
        let id = i32::try_from(child.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("the program is still there");
        let checked = Checked::read(&arguments, &child.wait_with_output().expect("it ends"));
        assert_eq!(checked.exit, 3, "{signal}\n{checked}");
        let targets = checked.report["targets"].as_array().expect("an array");
        assert!(targets.iter().any(|t| t["interrupted"] == true), "{signal}\n{checked}");
    }
}

#[test]
fn of_a_plug_in() {
    let lab = world();
    for (arguments, exit, begins) in [
        (&["healthy.example"][..], 0, "SMTPCHECK OK - "),
        (&["null-mx.example"], 0, "SMTPCHECK OK - "),
        (&["warned.example"], 1, "SMTPCHECK WARNING - "),
        (&["warned.example", "--fail-on=warning"], 2, "SMTPCHECK CRITICAL - "),
        (&["warned.example", "--fail-on=never"], 0, "SMTPCHECK OK - "),
        (&["closed.example"], 2, "SMTPCHECK CRITICAL - "),
        (&["throttled.example"], 3, "SMTPCHECK UNKNOWN - "),
        (&["healthy.example", "--frobnicate"], 3, "SMTPCHECK UNKNOWN - "),
        (&["healthy.example", "closed.example"], 2, "SMTPCHECK CRITICAL - "),
    ] {
        let mut all = lab.options();
        all.push("--format=nagios".to_owned());
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        let output = run(all);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {stdout}");
        assert!(stdout.starts_with(begins), "{arguments:?}: {stdout}");
    }
}

#[test]
fn of_what_the_configuration_says() {
    let lab = world();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let option = format!("--config={}", file.path().display());
    for (config, arguments, exit, codes) in [
        ("[[target]]\nname = 'healthy.example'\nexpect = { 'mx:25' = 'open' }", &[][..], 0, ""),
        (
            "[[target]]\nname = 'healthy.example'\nexpect = { 'submission:587' = 'closed' }",
            &[],
            1,
            "expectation-not-met",
        ),
        // A port that `ports` lacks is looked at, and closed.
        (
            "ports = [25]\n[[target]]\nname = 'healthy.example'\nexpect = { 'mx:2525' = 'open' }",
            &[],
            1,
            "expectation-not-met",
        ),
        ("[[target]]\nname = 'throttled.example'\nexpect = { 'mx:25' = 'open' }", &[], 3, ""),
        ("[[target]]\nname = 'closed.example'\nfail_on = 'never'", &[], 0, ""),
        ("[[target]]\nname = 'closed.example'\nfail_on = 'never'", &["--fail-on=error"], 1, ""),
        ("[[target]]\nname = 'closed.example'\nignore = ['port-closed']", &[], 0, ""),
        // The rules of one target are not those of another.
        (
            "[[target]]\nname = 'closed.example'\nfail_on = 'never'\n[[target]]\nname = 'expired.example'",
            &[],
            1,
            "",
        ),
        ("fail_on = 'never'\n[[target]]\nname = 'closed.example'", &["healthy.example"], 0, ""),
        ("fail_on = 'never'", &["closed.example"], 0, ""),
    ] {
        std::fs::write(file.path(), config).expect("it can be written");
        let all = [&[option.as_str()], arguments].concat();
        let checked = Checked::read(&all, &run(json_arguments(&lab, &all)));
        assert_eq!(checked.exit, exit, "{config}\n{checked}");
        assert!(codes.is_empty() || checked.has(codes), "{config}\n{checked}");
    }
    // The environment counts more than the file, and the command line more than both.
    std::fs::write(file.path(), "fail_on = 'never'\nformat = 'json'").expect("it can be written");
    let arguments = json_arguments(&lab, &["closed.example", &option]);
    let output = smtpcheck(&arguments).env("SMTPCHECK_FAIL_ON", "error").output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(1));
    let both = json_arguments(&lab, &["closed.example", &option, "--fail-on=never"]);
    let output = smtpcheck(&both).env("SMTPCHECK_FAIL_ON", "error").output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(0));
    // A variable can name the file.
    let arguments = json_arguments(&lab, &["closed.example"]);
    let output = smtpcheck(&arguments).env("SMTPCHECK_CONFIG", file.path()).output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(0));
}
