//! A wrong command line: exit code 2, one line that names the value, and not a packet.

use crate::harness::{json_arguments, run, smtpcheck};
use crate::lab::Lab;

#[test]
fn nonsense_is_refused_by_its_name() {
    let lab = Lab::start();
    for (arguments, named) in [
        (&["--frobnicate", "test.example"][..], "--frobnicate"),
        (&["no spaces.example"], "no spaces.example"),
        (&["test..example"], "test..example"),
        (&["test.example:99999"], "99999"),
        (&["good.example", "https://bad.example/"], "https://bad.example/"),
        (&["test.example", "--ca-file=/nowhere/ca.pem"], "/nowhere/ca.pem"),
        (&["test.example", "--connect-to=test.example:25"], "test.example:25"),
        (&["test.example", "--connect-to=a:25:b.example:x"], "a:25:b.example:x"),
        (&["test.example", "--resolver=ns.example"], "ns.example"),
        (&["test.example", "--ports=25,smtp"], "smtp"),
        (&["test.example", "--ports=25=sideways"], "sideways"),
        (&["test.example", "--ignore=no-such-code"], "no-such-code"),
        (&["test.example", "--fail-on=sometimes"], "sometimes"),
        (&["test.example", "--format=yaml"], "yaml"),
        (&["test.example", "--timeout=soon"], "soon"),
        (&["test.example", "--timeout=-1"], "-1"),
        (&["test.example", "--jobs=0"], "0"),
        (&["test.example", "--bind=here"], "here"),
        (&["test.example", "--submission=smtp.example:0"], "smtp.example:0"),
    ] {
        // A format of the test's own must not stand in the way of the one that is tested.
        let all = json_arguments(&lab, arguments);
        let all = all.into_iter().filter(|argument| argument != "--format=json");
        let output = run(all);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(named), "{arguments:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(lab.dns.queries().is_empty(), "nothing was probed: {:?}", lab.dns.queries());
}

#[test]
fn a_value_that_nobody_typed_is_told_by_its_variable() {
    let told = |variable: &str, value: &str, arguments: &[&str]| {
        let output = smtpcheck(arguments).env(variable, value).output().expect("it starts");
        assert_eq!(output.status.code(), Some(2), "{variable}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    for (variable, value) in [
        ("SMTPCHECK_TIMEOUT", "abc"),
        ("SMTPCHECK_PORTS", "25,abc"),
        ("SMTPCHECK_FORMAT", "abc"),
        ("SMTPCHECK_VERBOSE", "abc"),
    ] {
        for arguments in [&["abc.example"][..], &["trace", "abc.example"], &["network"]] {
            let line = told(variable, value, arguments);
            assert!(line.contains(&format!("'abc' for {variable}")), "{line}");
            assert!(!line.contains("for '--"), "{line}");
        }
    }
    let line = told("SMTPCHECK_TIMEOUT", "1", &["--timeout=abc", "a.example"]);
    assert!(line.contains("'abc' for '--timeout"), "{line}");
    let line = told("SMTPCHECK_TIMEOUT", "abc", &["--timeout", "abc", "a.example"]);
    assert!(line.contains("'abc' for '--timeout"), "{line}");
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let lab = Lab::start();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), "no certificate in here\n").expect("it can be written");
    let option = format!("--ca-file={}", file.path().display());
    let output = run(json_arguments(&lab, &["test.example", &option]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(file.path().to_str().expect("a plain path")), "{stderr}");
}

#[test]
fn an_output_file_that_cannot_be_written() {
    let lab = Lab::start();
    let output = run(json_arguments(&lab, &["test.example", "-o", "/nowhere/report.json"]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("/nowhere/report.json"), "{stderr}");
    assert!(lab.dns.queries().is_empty(), "nothing was probed: {:?}", lab.dns.queries());
}

/// A list or a configuration may come from somebody else, and a message quotes it.
#[test]
fn what_a_message_quotes_does_not_act_on_the_terminal() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let name = "[[target]]\nname = \"a\\n\\u001b[2J\\u202e b\"\n";
    std::fs::write(file.path(), name).expect("it can be written");
    let config = format!("--config={}", file.path().display());
    for arguments in
        [vec!["a\n\u{1b}[31m b.example"], vec!["a.example", "-p\r\u{9b}1m"], vec![&config]]
    {
        let output = run(&arguments);
        let stderr = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{stderr:?}");
        let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert_eq!(stderr.chars().find(|c| acts(*c)), None, "{stderr:?}");
        assert_eq!(stderr.lines().count(), 1, "{stderr:?}");
    }
}
