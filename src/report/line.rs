//! One target by itself: a line of `jsonl`, which can be read without the lines beside it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{EndpointReport, Network, Report, TargetReport};
use crate::diagnosis::finding::Status;

/// One line of `--format jsonl`: an element of `targets`, with what it needs to stand alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Line {
    /// The version of this shape.
    pub schema_version: String,
    /// When the run began. Lines are appended, so a file has those of many runs.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub started_at: OffsetDateTime,
    /// The target.
    #[serde(flatten)]
    pub target: TargetReport,
    /// This machine and its way out; only where controls or ladders were needed for this target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
}

impl Line {
    /// The line of one target of a report. While a run goes on, the report of the targets that are
    /// finished will do.
    pub fn new(report: &Report, target: &TargetReport) -> Self {
        let bears = bears_on(&report.network, target) || report.targets.len() == 1;
        let evidence = !report.network.controls.is_empty() || !report.network.paths.is_empty();
        Self {
            schema_version: report.schema_version.clone(),
            started_at: report.started_at,
            target: target.clone(),
            network: (evidence && bears).then(|| of_target(report, target)),
        }
    }
}

/// Whether controls or ladders were brought in for this target: a path leads to it, or a control
/// was asked on a port that failed here.
fn bears_on(network: &Network, target: &TargetReport) -> bool {
    let failed = |e: &EndpointReport| {
        !matches!(e.status, Status::Open | Status::Skipped) && (e.required || e.block.is_some())
    };
    let controlled = |e: &EndpointReport| network.controls.iter().any(|c| c.port == e.port);
    let traced = |e: &EndpointReport| network.paths.iter().any(|p| p.address == e.address);
    target.endpoints.iter().any(|e| traced(e) || (failed(e) && controlled(e)))
}

/// The network without the paths to other targets' servers. Controls and the paths to them are
/// evidence for every target.
fn of_target(report: &Report, target: &TargetReport) -> Network {
    let is_of = |one: &TargetReport, address| one.endpoints.iter().any(|e| e.address == address);
    let of_another =
        |address| !is_of(target, address) && report.targets.iter().any(|one| is_of(one, address));
    let paths = report.network.paths.iter().filter(|path| !of_another(path.address));
    Network { paths: paths.cloned().collect(), ..report.network.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocked targets and a healthy one, with one path each to the blocked ones and one to a
    /// control.
    fn report() -> Report {
        let text = include_str!("../../tests/golden/blocked.json");
        let mut report: Report = serde_json::from_str(text).expect("a report");
        let mut other = report.targets[0].clone();
        for endpoint in &mut other.endpoints {
            endpoint.address = "198.51.100.1".parse().expect("an address");
        }
        let mut healthy = other.clone();
        healthy.endpoints.retain(|e| e.status == Status::Open);
        for endpoint in &mut healthy.endpoints {
            endpoint.address = "198.51.100.2".parse().expect("an address");
        }
        report.targets.extend([other, healthy]);
        let path = r#"{"address": "192.0.2.10", "port": 25, "hops": [], "end": "silence"}"#;
        for address in ["192.0.2.10", "198.51.100.1", "203.0.113.5"] {
            let path = path.replace("192.0.2.10", address);
            report.network.paths.push(serde_json::from_str(&path).expect("a path"));
        }
        let control = r#"{"host": "c.test", "address": "203.0.113.5", "port": 25,
                          "outcome": "timed-out"}"#;
        report.network.controls.push(serde_json::from_str(control).expect("a control"));
        report
    }

    #[test]
    fn a_line_has_the_evidence_that_bears_on_its_target() {
        let report = report();
        let paths = |i: usize| {
            let network = Line::new(&report, &report.targets[i]).network?;
            assert_eq!(network.controls, report.network.controls);
            Some(network.paths.iter().map(|p| p.address.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(paths(0).expect("blocked"), ["192.0.2.10", "203.0.113.5"]);
        assert_eq!(paths(1).expect("blocked"), ["198.51.100.1", "203.0.113.5"]);
        assert_eq!(paths(2), None, "nothing was asked on its behalf");
    }

    #[test]
    fn a_line_without_evidence_has_no_network() {
        let mut report = report();
        (report.network.paths, report.network.controls) = (Vec::new(), Vec::new());
        for target in &report.targets {
            assert_eq!(Line::new(&report, target).network, None);
        }
    }

    #[test]
    fn a_line_reads_back_as_what_it_was() {
        let report = report();
        for target in &report.targets {
            let line = Line::new(&report, target);
            let text = serde_json::to_string(&line).expect("JSON");
            assert!(text.starts_with(r#"{"schema_version":"1","#), "{text}");
            assert_eq!(serde_json::from_str::<Line>(&text).expect("a line"), line);
            // It is an element of `targets`, with keys added.
            assert_eq!(serde_json::from_str::<TargetReport>(&text).expect("a target"), *target);
        }
    }
}
