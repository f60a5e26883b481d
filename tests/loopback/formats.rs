//! The formats and where they go, each seen from outside.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Checked, run, smtpcheck};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;

fn arguments(lab: &Lab, more: &[&str]) -> Vec<String> {
    let mut all = lab.options();
    all.extend(more.iter().map(|argument| (*argument).to_owned()));
    all
}

/// Exit code, standard output and standard error.
fn told(lab: &Lab, more: &[&str]) -> (Option<i32>, String, String) {
    let output = run(arguments(lab, more));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_plug_in_says_its_state_and_ends_with_its_code() {
    let mut lab = Lab::start();
    lab.relay("good.example", Flaw::None);
    lab.relay("expired.example", Flaw::Expired);
    lab.host("down.example");
    let (good, warned, down) = ("good.example:25", "expired.example:25", "down.example:25");
    for (targets, code, state) in [
        (&[good][..], 0, "OK"),
        (&[warned], 1, "WARNING"),
        (&[warned, "--fail-on=warning"], 2, "CRITICAL"),
        (&[warned, "--fail-on=never"], 0, "OK"),
        (&[down], 2, "CRITICAL"),
        (&[good, warned, down], 2, "CRITICAL"),
    ] {
        let (exit, out, _) = told(&lab, &[&["--format=nagios"], targets].concat());
        let first = format!("SMTPCHECK {state} - ");
        assert_eq!((exit, out.starts_with(&first)), (Some(code), true), "{targets:?}\n{out}");
        assert_eq!(out.matches('|').count(), usize::from(out.contains(";;;0")), "{out}");
    }
    let domains = Lab::with_domains();
    for (targets, code, state) in [
        (&["throttled.example"][..], 3, "UNKNOWN"),
        (&["throttled.example", "healthy.example"], 3, "UNKNOWN"),
        (&["throttled.example", "closed.example"], 2, "CRITICAL"),
    ] {
        let (exit, out, _) = told(&domains, &[&["--format=nagios"], targets].concat());
        assert_eq!(exit, Some(code), "{targets:?}\n{out}");
        assert!(out.starts_with(&format!("SMTPCHECK {state} - ")), "{out}");
    }
}

#[test]
fn a_mistake_is_unknown_to_a_monitor_and_never_critical() {
    let lab = Lab::start();
    for words in [
        &["--format=nagios", "--prots=25", "a.example"][..],
        &["--format", "nagios"],
        &["a.example", "--ports=0", "-f", "nagios"],
        &["-fnagios", "trace", "a.example"],
        &["trace", "-fnagios"],
        &["-4qf", "nagios", "-6", "a.example"],
    ] {
        let (exit, out, err) = told(&lab, words);
        assert_eq!(exit, Some(3), "{words:?}\n{out}");
        assert!(out.starts_with("SMTPCHECK UNKNOWN - "), "{words:?}\n{out}");
        assert_eq!((out.lines().count(), err.lines().count()), (1, 1), "{out}{err}");
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("smtpcheck.toml");
    fs::write(&file, "format = 'nagios'").expect("it can be written");
    let config = format!("--config={}", file.display());
    let (exit, out, _) = told(&lab, &[&config, "--bind=192.0.2.1", "127.0.0.1:1"]);
    assert_eq!((exit, out.starts_with("SMTPCHECK UNKNOWN - ")), (Some(3), true), "{out}");
    let mistake = run(["--prots=25", "a.example"]);
    assert_eq!(mistake.status.code(), Some(2));
    let variable =
        smtpcheck(["--prots=25", "a.example"]).env("SMTPCHECK_FORMAT", "nagios").output();
    assert_eq!(variable.expect("the binary starts").status.code(), Some(3));
}

#[test]
fn several_reports_of_one_run() {
    let domains = Lab::with_domains();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| folder.path().join(name);
    let to = |format: &str, name: &str| format!("--report={format}={}", file(name).display());
    let all = ["json", "jsonl", "junit", "nagios", "github", "markdown", "prometheus", "text"];
    let mut words: Vec<String> = all.iter().map(|format| to(format, format)).collect();
    words.extend(["closed.example", "healthy.example"].map(str::to_owned));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (exit, out, err) = told(&domains, &words);
    assert_eq!((exit, err.as_str()), (Some(1), ""), "{out}");
    assert!(out.starts_with("closed.example: "), "{out}");
    for (format, begins) in [
        ("json", "{\n  \"schema_version\": \"1\""),
        ("jsonl", "{\"schema_version\":\"1\""),
        ("junit", "<?xml "),
        ("nagios", "SMTPCHECK CRITICAL - 2 targets"),
        ("github", "smtpcheck: closed.example"),
        ("markdown", "## closed.example: "),
        ("prometheus", "# HELP smtpcheck_build_info "),
        ("text", "closed.example: "),
    ] {
        let text = read(&file(format));
        assert!(text.starts_with(begins) && text.ends_with('\n'), "{format}: {text}");
        assert!(text.contains("healthy.example"), "{format}: {text}");
        assert!(!text.contains('\u{1b}'), "{format}: a file has no colours");
    }
    // Written once more, nothing is doubled, and nothing half-written stays behind.
    told(&domains, &words);
    assert_eq!(read(&file("jsonl")).lines().count(), 2);
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), all.len());
}

#[test]
fn reports_from_the_environment() {
    let domains = Lab::with_domains();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (one, two) = (folder.path().join("a.xml"), folder.path().join("b.json"));
    let list = format!("junit={},json={}", one.display(), two.display());
    let words = arguments(&domains, &["-q", "healthy.example"]);
    let output = smtpcheck(words).env("SMTPCHECK_REPORT", list).output().expect("it starts");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert!(read(&one).starts_with("<?xml ") && read(&two).starts_with('{'));
    let words = arguments(&domains, &["-q", "healthy.example"]);
    let output = smtpcheck(words).env("SMTPCHECK_REPORT", "junit=a.xml,yaml=b").output();
    let output = output.expect("it starts");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("SMTPCHECK_REPORT") && err.contains("yaml"), "{err}");
}

#[test]
fn reports_that_cannot_be_are_refused_before_anything_is_probed() {
    let mut lab = Lab::start();
    let record = lab.relay("good.example", Flaw::None);
    let folder = tempfile::tempdir().expect("a temporary directory");
    let here = folder.path().display();
    let twice = format!("--report=json={here}/a");
    let other = format!("--report=junit={here}/./a");
    let nowhere = format!("--report=json={here}/missing/a");
    let directory = format!("--report=json={here}");
    for (words, named) in [
        (&["--report=json"][..], "FORMAT=FILE"),
        (&["--report=junti=a.xml"], "`junit`"),
        (&["--report=yaml=a.xml"], "prometheus"),
        (&[&nowhere], "/missing/a"),
        (&[&directory], "directory"),
        (&[&twice, &other], "another report"),
        (&["--report=json=-"], "standard output"),
        (&["-q", "--report=json=-", "--report=junit=/dev/stdout"], "standard output"),
    ] {
        let (exit, out, err) = told(&lab, &[words, &["good.example:25"]].concat());
        assert_eq!((exit, out.as_str()), (Some(2), ""), "{words:?}: {err}");
        assert!(err.contains(named) && err.lines().count() == 1, "{words:?}: {err}");
    }
    assert_eq!(record.connections(), 0);
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0, "nothing is left");
    let (exit, out, _) = told(&lab, &["-q", "--report=json=-", "good.example:25"]);
    assert_eq!((exit, out.starts_with('{')), (Some(0), true), "{out}");
}

#[test]
fn formats_that_a_trace_has_not_are_refused_by_name() {
    let lab = Lab::start();
    for format in ["jsonl", "junit", "github", "prometheus"] {
        let (exit, _, err) = told(&lab, &["trace", "127.0.0.1", "-f", format]);
        assert_eq!(exit, Some(2), "{format}: {err}");
        assert!(err.contains(format) && err.contains("markdown"), "{format}: {err}");
        let report = format!("--report={format}=never-written");
        assert_eq!(told(&lab, &["trace", "127.0.0.1", &report]).0, Some(2));
        assert!(!Path::new("never-written").exists());
    }
}

#[test]
fn lines_are_appended_and_each_is_as_published() {
    let domains = Lab::with_domains();
    let schema: Value = serde_json::from_str(include_str!("../../src/report/schema-line.json"))
        .expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("log.jsonl");
    // As a run leaves it behind that lost its power.
    fs::write(&file, "{\"half a").expect("it can be written");
    let path = file.to_str().expect("a plain path");
    let words = ["--format=jsonl", "-o", path, "healthy.example", "expired.example"];
    assert_eq!(told(&domains, &words).0, Some(1));
    assert_eq!(told(&domains, &words).0, Some(1));
    let text = read(&file);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (5, "{\"half a"), "{text}");
    let names = lines[1..].iter().map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let wrong: Vec<String> = schema.iter_errors(&line).map(|e| e.to_string()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{line:#}");
        assert_eq!(line["schema_version"], "1");
        line["target"].as_str().expect("a name").to_owned()
    });
    // Each leaves as it is finished.
    let mut names: Vec<String> = names.collect();
    names[..2].sort();
    names[2..].sort();
    assert_eq!(names, ["expired.example", "healthy.example"].repeat(2));
}

#[test]
fn a_line_is_an_element_of_targets() {
    let domains = Lab::with_domains();
    let json = run(arguments(&domains, &["--format=json", "null-mx.example"]));
    let whole = Checked::read(&["null-mx.example"], &json);
    let (_, out, _) = told(&domains, &["--format=jsonl", "null-mx.example"]);
    let line: Value = serde_json::from_str(&out).expect("a line is JSON");
    for (key, value) in whole.target().as_object().expect("an object") {
        if key != "duration_ms" {
            assert_eq!(line[key], *value, "{key}");
        }
    }
    assert!(line.get("network").is_none(), "nothing had to be compared\n{line:#}");
}

#[test]
fn github_gets_its_step_summary() {
    let domains = Lab::with_domains();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("summary.md");
    fs::write(&file, "from a step before\n").expect("it can be written");
    let step = |words: &[&str], file: &Path| {
        let words = arguments(&domains, words);
        smtpcheck(words).env("GITHUB_STEP_SUMMARY", file).output().expect("it starts")
    };
    let output = step(&["--format=github", "closed.example"], &file);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(out.contains("\n::error title=closed.example%3A port-closed::"), "{out}");
    let summary = read(&file);
    assert!(summary.starts_with("from a step before\n"), "{summary}");
    assert!(summary.contains("## closed.example: "), "{summary}");
    // Other formats have nothing to do with it.
    step(&["healthy.example"], &file);
    assert_eq!(read(&file), summary);
    let output = step(&["--format=github", "healthy.example"], &folder.path().join("a/b"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{err}");
    assert!(err.contains("GITHUB_STEP_SUMMARY"), "{err}");
}
