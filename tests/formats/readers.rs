//! Each format as its reader reads it.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use quick_junit::{NonSuccessKind, TestCaseStatus};
use smtpcheck::finding::{Severity, Status, Verdict};
use smtpcheck::{PluginState, github, jsonl, junit, markdown, nagios, prometheus};

use crate::reports;

#[test]
fn every_line_is_as_published_and_an_element_of_targets() {
    let schema = include_str!("../../src/report/schema-line.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let mut with_network = 0;
    for (name, report) in reports() {
        let lines = jsonl(&report);
        assert_eq!(lines.lines().count(), report.targets.len(), "{name}");
        for (line, target) in lines.lines().zip(&report.targets) {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            let wrong: Vec<String> = schema.iter_errors(&line).map(|e| e.to_string()).collect();
            assert_eq!(wrong, Vec::<String>::new(), "{name}");
            assert_eq!(line["schema_version"], "1");
            let network = &report.network;
            let evidence = !(network.controls.is_empty() && network.paths.is_empty());
            assert!(evidence || line.get("network").is_none(), "{name}");
            with_network += usize::from(line.get("network").is_some());
            let element = serde_json::to_value(target).expect("a target is JSON");
            for (key, value) in element.as_object().expect("an object") {
                assert_eq!(line[key], *value, "{name}: {key}");
            }
        }
    }
    // Whether a line has one where it has to is tested where lines are made.
    assert!(with_network < reports().len());
}

#[test]
fn junit_has_a_suite_a_target_and_a_case_an_endpoint() {
    for (name, report) in reports() {
        for fails in [Some(Severity::Error), Some(Severity::Warning), None] {
            let text = junit(&report, |_| fails);
            let read = quick_junit::Report::deserialize_from_str(&text).expect("it is JUnit");
            assert_eq!(read.to_string().expect("XML"), text, "{name}: read and written again");
            for (suite, target) in read.test_suites.iter().zip(&report.targets) {
                assert_eq!(suite.name.as_str(), target.target);
                let cases = &suite.test_cases;
                let (endpoints, rest) = cases.split_at(target.endpoints.len());
                for (case, endpoint) in endpoints.iter().zip(&target.endpoints) {
                    let fails =
                        |f: &smtpcheck::finding::Finding| fails.is_some_and(|b| f.severity >= b);
                    let failed = endpoint.findings.iter().any(fails);
                    let works = matches!(endpoint.status, Status::Open | Status::Misconfigured);
                    let said = match &case.status {
                        TestCaseStatus::Success { .. } => (false, true),
                        TestCaseStatus::Skipped { .. } => (false, false),
                        TestCaseStatus::NonSuccess { .. } => (true, works),
                    };
                    assert_eq!(said, (failed, works), "{name}: {:?}", case.name);
                }
                let in_error = |status: &TestCaseStatus| {
                    matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. })
                };
                let unchecked = target.verdict == Verdict::Undetermined || target.interrupted;
                assert_eq!(rest.iter().any(|c| in_error(&c.status)), unchecked, "{name}");
                assert!(!cases.is_empty(), "{name}: a suite without cases ran no test");
            }
        }
    }
}

/// The performance data of a plug-in's output, read by the rules of the guidelines.
fn performance(data: &str) -> Vec<(String, f64)> {
    let mut values = Vec::new();
    let mut rest = data.trim();
    while let Some(quoted) = rest.strip_prefix('\'') {
        let (label, behind) = quoted.split_once("'=").expect("a label ends");
        assert!(!label.contains(['=', '\'']), "{label}");
        let (value, behind) = behind.split_once(' ').unwrap_or((behind, ""));
        let mut fields = value.split(';');
        let number = fields.next().expect("a value").trim_end_matches('s');
        values.push((label.to_owned(), number.parse().expect("a number")));
        assert!(fields.all(|limit| limit.is_empty() || limit.parse::<f64>().is_ok()), "{value}");
        rest = behind.trim_start();
    }
    assert_eq!(rest, "", "{data}");
    values
}

#[test]
fn nagios_reads_one_status_line_and_performance_data() {
    for (name, report) in reports() {
        for state in [PluginState::Ok, PluginState::Critical] {
            let out = nagios(&report, state);
            assert!(out.len() < 8192, "{name}: Nagios reads no more");
            let (first, long) = out.split_once('\n').expect("a line");
            assert!(first.starts_with(&format!("SMTPCHECK {state} - ")), "{first}");
            assert!(!long.contains('|'), "{name}: long output is text only\n{long}");
            let (text, data) = first.split_once('|').unwrap_or((first, ""));
            assert!(text.len() > 20 && !data.contains('|'), "{first}");
            let values = performance(data);
            let labels: BTreeSet<&String> = values.iter().map(|(label, _)| label).collect();
            assert_eq!(labels.len(), values.len(), "{name}: each label once\n{data}");
            let connected = report
                .targets
                .iter()
                .flat_map(|target| &target.endpoints)
                .filter_map(|e| e.connect.as_ref())
                .any(|connect| format!("{:?}", connect.outcome) == "Connected");
            assert_eq!(labels.iter().any(|l| l.ends_with(" time")), connected, "{name}");
        }
    }
}

#[test]
fn days_to_expiry_are_counted_from_the_run() {
    let (_, report) =
        reports().into_iter().find(|(n, _)| n == "misconfigured").expect("it is there");
    let out = nagios(&report, PluginState::Critical);
    let values = performance(out.lines().next().and_then(|l| l.split_once('|')).expect("data").1);
    let days = |part: &str| {
        let found =
            values.iter().find(|(l, _)| l.contains(part) && l.ends_with("certificate days"));
        found.map(|(_, days)| *days)
    };
    assert_eq!(days("smtp.example.test"), Some(-13.0), "it expired twelve and a half days ago");
    assert_eq!(days("mail.example.test"), Some(10.0), "ten whole days are left");
}

/// A workflow command as GitHub's runner reads it: its name, its properties, its message.
fn command(line: &str) -> Option<(String, String, String)> {
    let (head, data) = line.strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let value = |text: &str| text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
    Some((name.to_owned(), value(properties).replace("%3A", ":").replace("%2C", ","), value(data)))
}

#[test]
fn github_finds_a_command_for_each_problem_and_no_other() {
    for (name, report) in reports() {
        let out = github(&report);
        let mut found = BTreeSet::new();
        for line in out.lines() {
            match command(line) {
                Some((kind, title, message)) => {
                    assert!(["error", "warning", "notice"].contains(&&*kind), "{name}: {line}");
                    assert!(title.starts_with("title=") && !message.is_empty(), "{name}: {line}");
                    assert!(!title.contains(','), "{name}: one property only: {line}");
                    found.insert((kind, title.rsplit(' ').next().unwrap_or_default().to_owned()));
                }
                None => {
                    assert!(line.starts_with("smtpcheck: "), "{name}: {line}");
                    assert!(!line.contains("##["), "{name}: an old-style command: {line}");
                }
            }
        }
        let whole = report.targets.iter().flat_map(|t| &t.findings);
        let parts = report.targets.iter().flat_map(|t| &t.endpoints).flat_map(|e| &e.findings);
        for finding in whole.chain(parts) {
            // One cause is one command, as bad as it is at the worst of its places.
            let kinds: &[&str] = match finding.severity {
                Severity::Error => &["error"],
                Severity::Warning => &["error", "warning"],
                Severity::Note => &["error", "warning", "notice"],
            };
            let mut told = kinds.iter().map(|kind| ((*kind).to_owned(), finding.code.clone()));
            assert!(told.any(|command| found.contains(&command)), "{name}: {out}");
        }
        let unchecked = report.targets.iter().any(|t| t.verdict == Verdict::Undetermined);
        assert_eq!(
            found.contains(&("error".to_owned(), "checked".to_owned())),
            unchecked,
            "{name}"
        );
    }
}

#[test]
fn markdown_has_our_headings_and_tables_and_nothing_of_a_servers() {
    for (name, report) in reports() {
        let text = markdown(&report);
        let mut headings = Vec::new();
        let mut plain = String::new();
        let mut in_code = false;
        for event in Parser::new_ext(&text, Options::all()) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => panic!("{name}: HTML: {html}"),
                Event::Start(
                    tag @ (Tag::Link { .. }
                    | Tag::Image { .. }
                    | Tag::HtmlBlock
                    | Tag::BlockQuote(_)
                    | Tag::Emphasis
                    | Tag::Strikethrough
                    | Tag::FootnoteDefinition(_)),
                ) => panic!("{name}: {tag:?}\n{text}"),
                Event::FootnoteReference(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_)
                | Event::Rule
                | Event::TaskListMarker(_) => panic!("{name}: {event:?}\n{text}"),
                Event::Start(Tag::Heading { level, .. }) => {
                    headings.push((level as u8, String::new()))
                }
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::End(TagEnd::CodeBlock) => in_code = false,
                Event::Text(words) if !in_code => {
                    plain.push_str(&words);
                    if let Some((_, heading)) = headings.last_mut() {
                        heading.push_str(&words);
                    }
                }
                Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => {
                    plain.push('\n')
                }
                _ => {}
            }
        }
        // Outside code, nothing that a forge makes a mention, a reference or a link of.
        for sign in ["@", "#", "://", "www.", "<", "`"] {
            assert!(!plain.contains(sign), "{name}: {sign} stands outside code\n{plain}");
        }
        assert!(!plain.lines().any(|line| line.trim_start().starts_with('/')), "{name}: {plain}");
        let first = headings.iter().filter(|(level, _)| *level == 2).count();
        let several = usize::from(report.targets.len() > 1 || report.targets.is_empty());
        let traces = report.network.traces.len();
        let expected = report.targets.len() + if traces > 0 { traces } else { several };
        assert_eq!(first, expected, "{name}: a heading for each target\n{text}");
        assert!(headings.iter().all(|(level, _)| (2..=3).contains(level)), "{name}: {headings:?}");
    }
}

#[test]
fn prometheus_finds_every_series_once_below_its_type() {
    for (name, report) in reports() {
        let text = prometheus(&report);
        let mut families = BTreeSet::new();
        let mut series = BTreeSet::new();
        let mut family = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                family = help.split(' ').next().expect("a name").to_owned();
                assert!(families.insert(family.clone()), "{name}: {family} is in one piece");
                continue;
            }
            if line.starts_with('#') {
                assert_eq!(line, format!("# TYPE {family} gauge"), "{name}");
                continue;
            }
            let (labels, value) = line.rsplit_once(' ').expect("a value");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{name}: {line}");
            assert_eq!(labels.split('{').next(), Some(&*family), "{name}: {line}");
            assert!(series.insert(labels.to_owned()), "{name}: {labels} stands twice");
        }
        // What has one of several words is 1 for exactly one of them.
        let ones = |prefix: &str| {
            text.lines().filter(|l| l.starts_with(prefix) && l.ends_with(" 1")).count()
        };
        let targets: BTreeSet<&String> = report.targets.iter().map(|t| &t.target).collect();
        assert_eq!(ones("smtpcheck_target_verdict{"), targets.len(), "{name}");
        assert_eq!(ones("smtpcheck_port_outbound{"), report.network.ports.len(), "{name}");
    }
}
