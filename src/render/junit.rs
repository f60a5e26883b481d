//! The report for the test pages of CI servers: JUnit XML.
//!
//! A suite is a target. Its cases are its endpoints and the findings of the target as a whole; one
//! more is in error where something required could not be checked. What was not tried or has
//! nothing behind it is skipped and never passes. The format has no
//! warnings: which findings fail is said by the caller, as `--fail-on` says it, and the others
//! stand in the output of their case.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};
use time::format_description::well_known::Rfc3339;

use super::plain;
use super::problems::{culprit, label};
use super::sanitize::sanitize_capped;
use crate::diagnosis::finding::{Finding, Severity, Status};
use crate::observation::Millis;
use crate::report::{EndpointReport, Outbound, PortReport, Report, TargetReport};

/// The longest sentence, in characters.
const LONGEST: usize = 2000;
/// The case that is in error where something could not be checked. Where all was and there is no
/// other case, it passes: some servers take a suite without cases for one that did not run.
const CHECKED: &str = "everything required was checked";

/// The report as JUnit XML. `fails` gives the least severity of a finding that fails its case, for
/// each target by its place in the report; with none, no finding does.
pub fn junit(report: &Report, fails: impl Fn(usize) -> Option<Severity>) -> String {
    let mut out = quick_junit::Report::new("smtpcheck");
    out.set_time(span(report.duration_ms));
    out.timestamp = report.started_at.format(&Rfc3339).ok().and_then(|text| text.parse().ok());
    let timestamp = out.timestamp;
    let mut add = |mut suite: TestSuite| {
        suite.timestamp = timestamp;
        suite.add_property(Property::new("smtpcheck", &*report.tool.version));
        out.add_test_suite(suite);
    };
    for (at, one) in report.targets.iter().enumerate() {
        add(target(one, fails(at)));
    }
    if report.targets.is_empty() {
        add(network(report));
    }
    // Into a String nothing fails to be written; what is no XML is at least seen not to be.
    out.to_string().unwrap_or_else(|error| error.to_string())
}

fn span(took: Millis) -> Duration {
    // A report that was read from a file may hold any number.
    Duration::try_from_secs_f64(took.as_secs()).unwrap_or_default()
}

fn safe(text: &str) -> String {
    sanitize_capped(text, LONGEST).into_owned()
}

fn target(target: &TargetReport, fails: Option<Severity>) -> TestSuite {
    let mut suite = TestSuite::new(safe(&target.target));
    suite.set_time(span(target.duration_ms));
    suite.add_property(Property::new("summary", safe(&target.summary)));
    let class = safe(&target.target);
    let mut add = |mut case: TestCase| {
        case.set_classname(&*class);
        suite.add_test_case(case);
    };
    for one in &target.endpoints {
        add(endpoint(one, fails));
    }
    for finding in &target.findings {
        let (status, told) = judged(&[finding], fails);
        let status = status.unwrap_or_else(TestCaseStatus::success);
        let mut case = TestCase::new(safe(&finding.code), status);
        case.set_system_out(told);
        add(case);
    }
    if plain::is_unchecked(target) || target.endpoints.len() + target.findings.len() == 0 {
        add(checked(target));
    }
    suite
}

fn endpoint(endpoint: &EndpointReport, fails: Option<Severity>) -> TestCase {
    let findings: Vec<&Finding> = endpoint.findings.iter().collect();
    let (failed, told) = judged(&findings, fails);
    let mut output = safe(&plain::outcome(endpoint));
    if failed.is_none() && !told.is_empty() {
        output = format!("{output}\n{told}");
    }
    let status = match (failed, endpoint.status) {
        (Some(mut failed), _) => {
            let culprit = endpoint.block.as_ref().and_then(culprit).unwrap_or_default();
            failed.set_description([safe(&culprit), told.clone()].join("\n").trim().to_owned());
            failed
        }
        // It answers as it should, or what is wrong does not fail.
        (None, Status::Open | Status::Misconfigured) => TestCaseStatus::success(),
        // Nothing was tried there, nothing has to be there, or it is told elsewhere.
        (None, _) => {
            let mut skipped = TestCaseStatus::skipped();
            let required = if endpoint.required { "required" } else { "optional" };
            skipped.set_message(format!("{required}, {}", safe(&plain::outcome(endpoint))));
            skipped
        }
    };
    let name = format!("{} ({}, {})", label(endpoint), endpoint.role, endpoint.mode);
    let mut case = TestCase::new(safe(&name), status);
    if let Some(timings) = &endpoint.timings_ms {
        case.set_time(span(timings.total));
    }
    case.set_system_out(output);
    case
}

/// The failure that findings make, if they do, and everything that is to be said of them.
fn judged(findings: &[&Finding], fails: Option<Severity>) -> (Option<TestCaseStatus>, String) {
    let failing = |f: &&&Finding| fails.is_some_and(|bar| f.severity >= bar);
    let worst = findings.iter().filter(failing).max_by_key(|f| f.severity);
    let told: Vec<String> = findings.iter().map(|finding| told(finding)).collect();
    let told = told.join("\n");
    let failure = worst.map(|finding| {
        let mut failure = TestCaseStatus::non_success(NonSuccessKind::Failure);
        failure
            .set_type(safe(&finding.code))
            .set_message(safe(&finding.message))
            .set_description(&*told);
        failure
    });
    (failure, told)
}

/// An element without a text has none, rather than an empty one.
fn describe(status: &mut TestCaseStatus, text: &str) {
    if !text.is_empty() {
        status.set_description(text);
    }
}

/// A finding with all that belongs to it, a sentence a line.
fn told(finding: &Finding) -> String {
    let mut lines = vec![format!("{} {}: {}", finding.severity, finding.code, finding.message)];
    lines.extend(finding.evidence.iter().map(|proof| format!("- {proof}")));
    lines.extend([&finding.fix, &finding.reference].map(String::clone));
    let lines = lines.iter().filter(|line| !line.is_empty()).map(|line| safe(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn checked(target: &TargetReport) -> TestCase {
    let mut status = TestCaseStatus::success();
    if plain::is_unchecked(target) {
        status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let why = plain::not_checked(target).join("\n");
        let why: Vec<String> = why.lines().map(safe).collect();
        status.set_type("undetermined").set_message(safe(&target.summary));
        describe(&mut status, &why.join("\n"));
    }
    TestCase::new(CHECKED, status)
}

/// The report of no target: the ports that leave this network.
fn network(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("network");
    suite.set_time(span(report.duration_ms));
    for one in &report.network.ports {
        let mut case = TestCase::new(format!("port {} leaves this network", one.port), port(one));
        case.set_classname("network");
        suite.add_test_case(case);
    }
    suite
}

fn port(port: &PortReport) -> TestCaseStatus {
    let kind = match port.outbound {
        Outbound::Open => return TestCaseStatus::success(),
        Outbound::Blocked => NonSuccessKind::Failure,
        Outbound::Unknown => NonSuccessKind::Error,
    };
    let evidence: Vec<String> = plain::port_evidence(port).iter().map(|line| safe(line)).collect();
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_type(plain::outbound(port.outbound))
        .set_message(format!("port {}", plain::port(port)));
    describe(&mut status, &evidence.join("\n"));
    status
}
