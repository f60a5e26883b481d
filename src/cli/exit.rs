//! The exit codes, and why each.
//!
//! They are part of the contract: scripts rely on them, and none is ever given another meaning.

use std::collections::HashMap;

use super::args::FailOn;
use crate::diagnosis::finding::{Severity, Verdict};
use crate::names::Target;
use crate::plan::{Entry, Plan};
use crate::render::PluginState;
use crate::report::{Network, Outbound, Report, TargetReport, TraceReport, TraceState};

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
pub fn code(report: &Report, plan: &Plan) -> u8 {
    if !report.network.traces.is_empty() {
        return code_of_traces(&report.network.traces);
    }
    if report.targets.is_empty() {
        return code_of_network(&report.network, plan.fail_on);
    }
    let targets = report.targets.iter().enumerate();
    targets.map(|(at, target)| code_of(target, bar(plan, at))).max().unwrap_or(UNDETERMINED)
}

/// A port that is known to be blocked is found; one that nothing is known of was not checked.
fn code_of_network(network: &Network, fail_on: FailOn) -> u8 {
    let is = |outbound| network.ports.iter().any(|port| port.outbound == outbound);
    match is(Outbound::Blocked) && fail_on != FailOn::Never {
        _ if network.interrupted => UNDETERMINED,
        true => FOUND,
        false if is(Outbound::Unknown) => UNDETERMINED,
        false => OK,
    }
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
pub fn code_of(target: &TargetReport, bar: Option<Severity>) -> u8 {
    code_by(target.interrupted, worst(target), target.verdict, bar)
}

/// As [`code_of`], by what counts of a target: its worst finding, and its verdict.
pub fn code_by(
    interrupted: bool,
    worst: Option<Severity>,
    verdict: Verdict,
    bar: Option<Severity>,
) -> u8 {
    match bar {
        _ if interrupted => UNDETERMINED,
        Some(bar) if worst.is_some_and(|worst| worst >= bar) => FOUND,
        _ if verdict == Verdict::Undetermined => UNDETERMINED,
        _ => OK,
    }
}

/// The least severity that counts for a target, by its place: the report has an entry for every
/// target of the plan, in its order. None where no finding counts.
pub fn bar(plan: &Plan, at: usize) -> Option<Severity> {
    let understood = plan.targets.get(at).and_then(|(_, understood)| understood.as_ref().ok());
    bar_of(plan, understood)
}

/// As [`bar`], for a target, or for a line of a list that is none.
pub fn bar_of(plan: &Plan, target: Option<&Target>) -> Option<Severity> {
    match target.map_or(plan.fail_on, |target| plan.fail_on_of(target)) {
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Never => None,
    }
}

/// As [`bar`], for what was typed, be it a target of this run or of an earlier one.
pub fn bar_by_input(plan: &Plan) -> impl Fn(&str) -> Option<Severity> {
    let named = |(input, target): &'_ Entry| Some((input.clone(), target.clone().ok()?));
    let named: HashMap<String, Target> = plan.targets.iter().filter_map(named).collect();
    move |input| match named.get(input) {
        Some(target) => bar_of(plan, Some(target)),
        None => bar_of(plan, Target::parse(input).ok().as_ref()),
    }
}

/// The severity of the worst finding, anywhere.
fn worst(target: &TargetReport) -> Option<Severity> {
    let parts = target.endpoints.iter().flat_map(|e| &e.findings);
    target.findings.iter().chain(parts).map(|finding| finding.severity).max()
}

/// What a monitoring plug-in says of a report, and exits with.
///
/// What fails is critical. A warning is the plug-in's warning even where `--fail-on` lets it pass,
/// unless nothing is to fail. Of several targets a failure counts most, as with all plug-ins: who
/// is not called for what is unknown is called for what is down.
pub fn plugin_state(report: &Report, plan: &Plan) -> PluginState {
    let of = |(at, target): (usize, &TargetReport)| match code_of(target, bar(plan, at)) {
        FOUND => PluginState::Critical,
        UNDETERMINED => PluginState::Unknown,
        _ if bar(plan, at).is_some() && worst(target) >= Some(Severity::Warning) => {
            PluginState::Warning
        }
        _ => PluginState::Ok,
    };
    let weight = |state: &PluginState| match state {
        PluginState::Ok => 0,
        PluginState::Warning => 1,
        PluginState::Unknown => 2,
        PluginState::Critical => 3,
    };
    let without_targets = || match code(report, plan) {
        OK => PluginState::Ok,
        FOUND => PluginState::Critical,
        _ => PluginState::Unknown,
    };
    report.targets.iter().enumerate().map(of).max_by_key(weight).unwrap_or_else(without_targets)
}
