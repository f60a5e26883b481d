//! The formats given to the programs that they are for.

use std::io::Write;
use std::process::{Command, Stdio};

use smtpcheck::prometheus;

use crate::reports;

/// Reads an exposition with the parser of Prometheus's own client library and says how many
/// samples it found.
const PARSE: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.read()))
assert all(family.documentation and family.type == 'gauge' for family in families)
print(sum(len(family.samples) for family in families))
";

/// The first Python that has the library.
fn python() -> Option<&'static str> {
    let has = |python: &&str| {
        let import = ["-c", "import prometheus_client.parser"];
        let tried = Command::new(python).args(import).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has)
}

#[test]
fn prometheus_takes_the_exposition() {
    let Some(python) = python() else {
        let required = std::env::var("SMTPCHECK_TESTS_REQUIRED").is_ok_and(|v| v == "1");
        assert!(!required, "there is no Python with prometheus_client");
        let why = "there is no Python with prometheus_client (python3-prometheus-client)";
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
        return;
    };
    for (name, report) in reports() {
        let text = prometheus(&report);
        let mut child = Command::new(python)
            .args(["-c", PARSE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("it was asked for");
        stdin.write_all(text.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), samples.to_string(), "{name}");
    }
}
