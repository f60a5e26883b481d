//! Lines without a layout, for the formats that have lines: a target, a problem, a port in one line.
//!
//! Knows the words that `junit`, `nagios`, `github` and `markdown` share. What comes out of here is
//! not sanitised yet: how that is done differs between them.

use super::problems::{Problem, culprit, labels, sure, without_place};
use crate::diagnosis::finding::{Severity, Status, Verdict};
use crate::observation::Millis;
use crate::report::{EndpointReport, Network, Outbound, PortReport, Report, TargetReport};

/// The most places that are told of one problem.
const FEW: usize = 4;

/// The target as its reader knows it: with its letters, where it has others than ASCII.
pub(super) fn name(target: &TargetReport) -> String {
    let TargetReport { target: name, input, .. } = target;
    if name.contains("xn--") && input != name { format!("{name} ({input})") } else { name.clone() }
}

/// The verdict on a target in one line.
pub(super) fn headline(target: &TargetReport) -> String {
    format!("{}: {}", name(target), target.summary)
}

/// A problem in one line, without its severity and its code: what is so, how sure, and where.
pub(super) fn message(problem: &Problem<'_>, target: &TargetReport) -> String {
    let mut line = problem.finding.message.clone();
    let sure = problem.cases[0].block.map_or("", sure);
    if !sure.is_empty() {
        line = format!("{line} {sure}");
    }
    let names_itself = without_place(&problem.cases[0]) != problem.finding.message;
    let others: Vec<_> = problem.cases.iter().skip(usize::from(names_itself)).collect();
    let mut places = labels(&others, target);
    let more = places.len().saturating_sub(FEW);
    if more > 1 {
        places.truncate(FEW);
        places.push(format!("and {more} more"));
    }
    // Where there is one endpoint in all, its name says nothing new.
    if !places.is_empty() && target.endpoints.len() > 1 {
        let also = if names_itself { "also at" } else { "at" };
        line = format!("{line} ({also} {})", places.join(", "));
    }
    line
}

/// What became of an endpoint, in one line.
pub(super) fn outcome(endpoint: &EndpointReport) -> String {
    let status = endpoint.status.to_string();
    // Some summaries begin with the word already.
    match endpoint.summary.strip_prefix(&status) {
        Some(rest) if !rest.starts_with(char::is_alphanumeric) => endpoint.summary.clone(),
        _ => format!("{status}: {}", endpoint.summary),
    }
}

/// How long something took, for a headline.
pub(super) fn took(duration: Millis) -> String {
    match duration.0 {
        millis if millis < 99.5 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", duration.as_secs()),
    }
}

/// It deserves a look, though it works.
pub(super) fn warns(target: &TargetReport) -> bool {
    let parts = target.endpoints.iter().flat_map(|endpoint| &endpoint.findings);
    target.findings.iter().chain(parts).any(|finding| finding.severity == Severity::Warning)
}

/// Nothing may be claimed of the target, or not everything was looked at.
pub(super) fn is_unchecked(target: &TargetReport) -> bool {
    target.verdict == Verdict::Undetermined || target.interrupted
}

/// What keeps the report of a target from being complete: look-ups without an answer, servers that
/// were not dialled, what was still to come when the run was interrupted. Each stands there once.
pub(super) fn not_checked(target: &TargetReport) -> Vec<&str> {
    let skipped = target
        .endpoints
        .iter()
        .filter(|e| target.verdict == Verdict::Undetermined && e.required)
        .filter(|e| e.status == Status::Skipped)
        .map(|e| e.summary.as_str());
    let mut sentences: Vec<&str> = Vec::new();
    let dns = target.dns.failures.iter().chain(&target.dns.left_out).map(String::as_str);
    let unfinished = target.unfinished.iter().map(String::as_str);
    for sentence in dns.chain(skipped).chain(unfinished) {
        if !sentence.is_empty() && !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// How many targets came out how, in words.
pub(super) fn totals(report: &Report) -> String {
    let count = |verdict| report.targets.iter().filter(|t| t.verdict == verdict).count();
    let parts: Vec<String> = [
        (Verdict::Ok, "ok"),
        (Verdict::Problems, "with problems"),
        (Verdict::Undetermined, "undetermined"),
    ]
    .into_iter()
    .map(|(verdict, words)| (count(verdict), words))
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {words}"))
    .collect();
    parts.join(", ")
}

/// Which ports leave this network, in one line.
pub(super) fn ports(network: &Network) -> String {
    let ports: Vec<String> = network.ports.iter().map(port).collect();
    format!("ports that leave this network: {}", ports.join(", "))
}

/// Whether one port leaves this network, as `25 blocked (likely)`.
pub(super) fn port(port: &PortReport) -> String {
    let word = outbound(port.outbound);
    match port.block.as_ref().map_or("", sure) {
        "" => format!("{} {word}", port.port),
        sure => format!("{} {word} {sure}", port.port),
    }
}

/// Why one port is blocked, each a sentence: the culprit, then what shows it.
pub(super) fn port_evidence(port: &PortReport) -> Vec<String> {
    let Some(block) = &port.block else { return Vec::new() };
    culprit(block).into_iter().chain(block.evidence.iter().cloned()).collect()
}

/// The word for it.
pub(super) fn outbound(outbound: Outbound) -> &'static str {
    match outbound {
        Outbound::Open => "open",
        Outbound::Blocked => "blocked",
        Outbound::Unknown => "unknown",
    }
}
