//! The exit codes, and why each.
//!
//! They are part of the contract: scripts rely on them, and none is ever given another meaning.

use super::args::FailOn;
use crate::diagnosis::finding::{Severity, Verdict};
use crate::report::{Report, TargetReport, TraceReport, TraceState};

/// Every check was carried out, and nothing at or above `--fail-on` was found.
pub const OK: u8 = 0;
/// Something at or above `--fail-on` was found.
pub const FOUND: u8 = 1;
/// The command line or a file is wrong; nothing was probed.
pub const USAGE: u8 = 2;
/// A target could not be checked: no verdict is given for it.
pub const UNDETERMINED: u8 = 3;

/// The exit code of a report. Of several targets 3 wins over 1, and 1 over 0: a run that did not
/// check everything never looks like one that did.
pub fn code(report: &Report, fail_on: FailOn) -> u8 {
    if !report.network.traces.is_empty() {
        return code_of_traces(&report.network.traces);
    }
    report.targets.iter().map(|target| code_of(target, fail_on)).max().unwrap_or(UNDETERMINED)
}

/// A trace finds no fault, wherever the paths end; but it has to be carried out, for every host.
fn code_of_traces(traces: &[TraceReport]) -> u8 {
    let is_traced = |host: &str| {
        traces.iter().any(|trace| trace.host == host && trace.state == TraceState::Traced)
    };
    let is_done = |trace: &TraceReport| match trace.state {
        TraceState::Traced => true,
        TraceState::Skipped => is_traced(&trace.host),
        TraceState::Failed | TraceState::Interrupted => false,
    };
    if traces.iter().all(is_done) { OK } else { UNDETERMINED }
}

/// Of one target the first that applies of 1, 3 and 0.
fn code_of(target: &TargetReport, fail_on: FailOn) -> u8 {
    let bar = match fail_on {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Never => None,
    };
    let mut findings =
        target.findings.iter().chain(target.endpoints.iter().flat_map(|e| &e.findings));
    match bar {
        _ if target.interrupted => UNDETERMINED,
        Some(bar) if findings.any(|finding| finding.severity >= bar) => FOUND,
        _ if target.verdict == Verdict::Undetermined => UNDETERMINED,
        _ => OK,
    }
}
