//! Runs the binary against a lab and reads its JSON. Knows no expectation.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::lab::Lab;

/// The binary with these arguments, untouched by the environment of whoever runs the tests.
pub fn smtpcheck<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtpcheck"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("SMTPCHECK_") || text.contains("COLOR") || text.starts_with("GITHUB_") {
            command.env_remove(&name);
        }
    }
    // The built-in controls are other people's servers.
    command.env("SMTPCHECK_CONTROL", "none");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary to its end.
pub fn run<I, S>(arguments: I) -> Output
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    smtpcheck(arguments).output().expect("the binary starts")
}

/// The lab's options and then these arguments, with JSON as the format.
pub fn json_arguments(lab: &Lab, arguments: &[&str]) -> Vec<String> {
    let mut all = lab.options();
    all.push("--format=json".to_owned());
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    all
}

/// Runs the binary against the lab and reads its report.
pub fn check(lab: &Lab, arguments: &[&str]) -> Checked {
    Checked::read(arguments, &run(json_arguments(lab, arguments)))
}

/// The published schema, to which every report is held.
fn schema() -> &'static jsonschema::Validator {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = include_str!("../../src/report/schema.json");
        let schema = serde_json::from_str(text).expect("the schema is JSON");
        jsonschema::validator_for(&schema).expect("the schema is one")
    })
}

/// A finished run with its report.
pub struct Checked {
    /// The arguments, for messages.
    pub what: String,
    /// The exit code.
    pub exit: i32,
    /// The report.
    pub report: Value,
}

impl Checked {
    /// Reads what a run with `--format json` printed.
    pub fn read(arguments: &[&str], output: &Output) -> Self {
        let what = arguments.join(" ");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{what}: {stderr}");
        let exit = output.status.code().unwrap_or_else(|| panic!("{what}: {}", output.status));
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let stdout = String::from_utf8_lossy(&output.stdout);
            panic!("{what}: no JSON: {error}; exit {exit}\n{stdout}\n{stderr}")
        });
        let wrong: Vec<String> = schema()
            .iter_errors(&report)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: not as published: {wrong:#?}\n{report:#}");
        Self { what, exit, report }
    }

    /// The first target.
    pub fn target(&self) -> &Value {
        &self.report["targets"][0]
    }

    /// The first target's verdict.
    pub fn verdict(&self) -> &str {
        self.target()["verdict"].as_str().unwrap_or("none")
    }

    /// The first target's endpoints.
    pub fn endpoints(&self) -> &[Value] {
        self.target()["endpoints"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The endpoint of this role, host and port.
    pub fn endpoint(&self, role: &str, host: &str, port: u16) -> &Value {
        self.endpoints()
            .iter()
            .find(|e| e["role"] == role && e["host"] == host && e["port"] == port)
            .unwrap_or_else(|| panic!("no endpoint {role} {host}:{port}\n{self}"))
    }

    /// Each endpoint as `role host:port status`, the optional and closed ones left out.
    pub fn endpoint_lines(&self) -> Vec<String> {
        let said = |e: &&Value| e["required"] == true || e["status"] != "closed";
        let word = |e: &Value, key: &str| e[key].as_str().unwrap_or("?").to_owned();
        let line = |e: &Value| {
            let (role, host, status) = (word(e, "role"), word(e, "host"), word(e, "status"));
            format!("{role} {host}:{} {status}", e["port"])
        };
        self.endpoints().iter().filter(said).map(line).collect()
    }

    /// Errors and warnings of a part of the report as `severity code`, sorted, each once. Notes
    /// are left out: they may be added where nothing is wrong.
    pub fn faults_of(part: &Value) -> Vec<String> {
        let findings = part["findings"].as_array().map_or(&[][..], Vec::as_slice);
        let lines = findings.iter().filter(|f| f["severity"] != "note").map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap_or("?").to_owned();
            format!("{} {}", word("severity"), word("code"))
        });
        sorted(lines)
    }

    /// Errors and warnings of the first target and all its endpoints.
    pub fn faults(&self) -> Vec<String> {
        let parts = std::iter::once(self.target()).chain(self.endpoints());
        sorted(parts.flat_map(Self::faults_of))
    }

    /// Every code in the report, notes included.
    pub fn every_code(&self) -> Vec<String> {
        let targets = self.report["targets"].as_array().map_or(&[][..], Vec::as_slice);
        let endpoints = targets.iter().filter_map(|t| t["endpoints"].as_array()).flatten();
        let findings = targets.iter().chain(endpoints).filter_map(|p| p["findings"].as_array());
        sorted(findings.flatten().filter_map(|f| f["code"].as_str()).map(str::to_owned))
    }

    /// Whether a finding of this code stands anywhere, as a note or worse.
    pub fn has(&self, code: &str) -> bool {
        self.every_code().iter().any(|found| found == code)
    }

    /// Asserts exit code, verdict and the errors and warnings of the first target.
    #[track_caller]
    pub fn expect(&self, exit: i32, verdict: &str, faults: &[&str]) {
        let expected = (exit, verdict, sorted(faults.iter().map(|f| (*f).to_owned())));
        assert_eq!((self.exit, self.verdict(), self.faults()), expected, "\n{self}");
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ smtpcheck {}\nexit {}\n{:#}", self.what, self.exit, self.report)
    }
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines.dedup();
    lines
}
