//! Observations → Diagnosis: a pure function, so a saved run can be diagnosed again.
//!
//! Knows rules and what follows from them: findings, statuses, what is required, verdicts. Must
//! not know sockets, clocks or how anything is shown.
//!
//! For each target:
//! 1. [`attribution`] judges whether packets get to each endpoint, and who stops them if not;
//! 2. the [`checks`] look at each endpoint and at the target as a whole;
//! 3. [`status`] gives each endpoint its status, and says which endpoints are required;
//! 4. [`together`] replaces findings that only all endpoints together explain;
//! 5. [`expectations`] compares that with what the user expects, and [`status`] excuses what is
//!    blocked on this side, where the [`Demands`] says so;
//! 6. findings about optional endpoints are dropped or lowered, and [`summary`] puts the whole
//!    into sentences.

mod advice;
pub mod attribution;
pub mod cause;
pub mod check;
pub mod checks;
mod clock;
pub mod demands;
mod expectations;
pub mod finding;
#[cfg(test)]
pub(crate) mod fixture;
pub mod network;
pub mod notes;
pub mod reach;
pub mod software;
mod status;
pub mod stop;
mod summary;
mod together;
pub mod trace;
mod words;

use std::cell::LazyCell;
use std::cmp::Reverse;

use self::attribution::Evidence;
use self::check::{Check, EndpointFacts, Found, Group, Outcome, Rule, TargetFacts};
use self::demands::Demands;
use self::finding::{Block, BlockedBy, BlockedHow, Finding, Severity, Status, Verdict};
use self::reach::Reach;
use self::software::Software;
pub use self::summary::not_followed;
use crate::observation::{EndpointObservation, Observations, TargetObservation};

/// What was made of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// What was made of each target, in the observations' order.
    pub targets: Vec<TargetDiagnosis>,
}

/// What was made of one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetDiagnosis {
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in one plain sentence, without the target's name and without its full stop.
    pub summary: String,
    /// What works from here and how to send, in whole sentences.
    pub closing: String,
    /// The findings of the target as a whole.
    pub findings: Vec<Finding>,
    /// What was made of each endpoint, in the observation's order.
    pub endpoints: Vec<EndpointDiagnosis>,
}

/// What was made of one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointDiagnosis {
    /// It has to work.
    pub required: bool,
    /// What it is worth to a client.
    pub status: Status,
    /// The status in one plain sentence.
    pub summary: String,
    /// Who stops it; only where the status is [`Status::Blocked`], or would be if the user did not want to
    /// skip what is blocked on this side.
    pub block: Option<Block>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Whether a port leaves this network, as far as one run shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum PortOutlook {
    /// Some server of this run answered there.
    Open,
    /// A block on this side was found, and nothing answered.
    Blocked(Block),
    /// Neither.
    Unknown,
}

/// A finding before it is known whether its endpoint is required.
#[derive(Clone)]
struct Draft {
    check: &'static Check,
    severity: Severity,
    found: Found,
}

impl Draft {
    /// What an expectation says counts on optional ports, too; nothing else is an error there.
    fn counts(&self, required: bool) -> bool {
        required || self.check.group == Group::Policy
    }

    fn finish(self, required: bool) -> Finding {
        let counts = self.counts(required);
        let Found { message, fix, evidence, reference } = self.found;
        let severity = if counts { self.severity } else { self.severity.min(Severity::Warning) };
        Finding {
            code: self.check.code.to_owned(),
            severity,
            message,
            fix,
            evidence,
            reference: reference.to_owned(),
        }
    }
}

/// One endpoint on its way through the pipeline.
struct Judged {
    reach: Reach,
    status: Status,
    required: bool,
    drafts: Vec<Draft>,
    /// The user expects just this status.
    settled: bool,
    /// It is blocked on this side, and that is held against nobody.
    excused: bool,
}

impl Judged {
    /// A block was found, and it is known to be on this side.
    fn is_blocked_on_this_side(&self) -> bool {
        self.reach.block().is_some_and(Block::is_on_this_side)
    }

    /// A block was found, and it is this machine's own.
    fn is_blocked_by_this_host(&self) -> bool {
        self.reach.block().is_some_and(|block| block.by == BlockedBy::ThisHost)
    }

    /// That block is what its status says.
    fn is_blocked_here(&self) -> bool {
        self.status == Status::Blocked && self.is_blocked_on_this_side()
    }

    /// The endpoint has a finding of the *reach* group: it cannot be reached.
    fn is_unreached(&self) -> bool {
        self.drafts.iter().any(|draft| draft.check.group == Group::Reach)
    }
}

/// Turns facts into verdicts. Codes that are ignored do not exist: statuses and verdicts are
/// computed without them.
pub fn diagnose(run: &Observations, demands: &Demands) -> Diagnosis {
    let evidence = Evidence::of(run);
    let targets = run.targets.iter();
    Diagnosis { targets: targets.map(|t| diagnose_target(run, &evidence, t, demands)).collect() }
}

/// Whether a port leaves this network: open where some server of this run answered there or
/// refused from its own distance, blocked where a block on this side was found and nothing
/// answered.
pub fn port_outlook(run: &Observations, diagnosis: &Diagnosis, port: u16) -> PortOutlook {
    let endpoints = run.targets.iter().zip(&diagnosis.targets).flat_map(|(seen, made)| {
        seen.endpoints.iter().zip(&made.endpoints).filter(|(seen, _)| seen.port == port)
    });
    let blocks = endpoints.filter_map(|(_, made)| made.block.as_ref());
    outlook(&Evidence::of(run), port, blocks)
}

/// Whether a port leaves this network, given who stops it where.
fn outlook<'a>(
    evidence: &Evidence<'_>,
    port: u16,
    blocks: impl Iterator<Item = &'a Block>,
) -> PortOutlook {
    // What answers in the servers' place is no answer of theirs.
    let mut on_this_side: Vec<&Block> = blocks.filter(|block| block.is_on_this_side()).collect();
    on_this_side.sort_by_key(|block| Reverse(block.confidence));
    match on_this_side.first() {
        Some(block) if block.how == BlockedHow::Intercepted => {
            PortOutlook::Blocked((*block).clone())
        }
        // To take a connection is not enough where what follows is swallowed.
        Some(block) if !evidence.talks_on(port) => PortOutlook::Blocked((*block).clone()),
        _ if evidence.answers_on(port) => PortOutlook::Open,
        Some(block) => PortOutlook::Blocked((*block).clone()),
        None => PortOutlook::Unknown,
    }
}

fn diagnose_target(
    run: &Observations,
    evidence: &Evidence<'_>,
    target: &TargetObservation,
    demands: &Demands,
) -> TargetDiagnosis {
    let ignore = demands.ignored(&target.target);
    let ignore = ignore.as_slice();
    let mut judged: Vec<Judged> = target
        .endpoints
        .iter()
        .map(|endpoint| {
            let reach = reach(evidence, target, endpoint, ignore);
            let facts = EndpointFacts { run, target, endpoint, reach: &reach };
            let mut drafts = endpoint_drafts(&facts);
            drafts.retain(|draft| !ignore.contains(&draft.check.code));
            let status = status::of(endpoint, &reach, &drafts, ignore);
            Judged { reach, status, required: false, drafts, settled: false, excused: false }
        })
        .collect();
    status::decide_required(&target.endpoints, &mut judged);
    let mut findings = target_findings(&TargetFacts { run, target }, ignore);
    findings.extend(together::replace(run, target, &mut judged, demands.blocked_here, ignore));
    let expected = expectations::compare(target, &mut judged, demands, ignore);
    findings.extend(expected.findings);
    status::excuse(&mut judged, demands.blocked_here);
    let reason = status::undetermined_because(target, &judged).or(expected.untested);
    let verdict = status::verdict(target, &judged, &findings, reason.is_some());
    let endpoints: Vec<EndpointDiagnosis> = target
        .endpoints
        .iter()
        .zip(judged)
        .map(|(endpoint, judged)| {
            let summary = summary::of_endpoint(endpoint, &judged);
            let Judged { reach, status, required, drafts, excused, .. } = judged;
            let block = reach.block().filter(|_| status == Status::Blocked || excused).cloned();
            let findings = drafts
                .into_iter()
                .filter(|draft| required || draft.check.group != Group::Reach)
                .map(|draft| draft.finish(required))
                .collect();
            EndpointDiagnosis { required, status, summary, block, findings }
        })
        .collect();
    TargetDiagnosis {
        verdict,
        summary: summary::of_target(target, verdict, reason, &findings, &endpoints),
        closing: summary::closing(target, &endpoints),
        findings,
        endpoints,
    }
}

/// Whether packets get to an endpoint, and what to do where they do not leave this side.
fn reach(
    evidence: &Evidence<'_>,
    target: &TargetObservation,
    endpoint: &EndpointObservation,
    ignore: &[&str],
) -> Reach {
    let is_connected = endpoint.is_connected();
    match attribution::judge(evidence, endpoint) {
        // What is ignored was not found: the conversation is then judged by its own end.
        Reach::Blocked { code, .. } if is_connected && ignore.contains(&code) => Reach::Connected,
        Reach::Blocked { code, block, mut found } if block.is_on_this_side() && !is_connected => {
            let advice = advice::about_block(evidence, &target.endpoints, block.by, endpoint.port);
            found.fix = format!("{} {advice}", found.fix);
            Reach::Blocked { code, block, found }
        }
        other => other,
    }
}

fn endpoint_drafts(facts: &EndpointFacts<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    // Most servers have no fault, and looking through their words takes longer than all checks.
    let software = LazyCell::new(|| facts.endpoint.conversation().and_then(software::recognise));
    for check in checks::ALL {
        let (Rule::Endpoint(rule), Some(severity)) =
            (check.rule, check.severity(facts.endpoint.port))
        else {
            continue;
        };
        if let Outcome::Found(found) = rule(facts) {
            let found = found.into_iter().map(|found| with_setting(found, check, *software));
            drafts.extend(found.map(|found| Draft { check, severity, found }));
        }
    }
    drafts
}

/// The fix in the words of the server's software too, where that is recognised.
fn with_setting(mut found: Found, check: &Check, software: Option<&Software>) -> Found {
    if let Some(software) = software
        && let Some(setting) = check.setting(&software.id)
    {
        found.fix.push_str(&format!(" In {}: {setting}", software.name));
    }
    found
}

fn target_findings(facts: &TargetFacts<'_>, ignore: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in checks::ALL {
        let (Rule::Target(rule), Some(severity)) = (check.rule, check.relay) else { continue };
        if let Outcome::Found(found) = rule(facts)
            && !ignore.contains(&check.code)
        {
            let drafts = found.into_iter().map(|found| Draft { check, severity, found });
            findings.extend(drafts.map(|draft| draft.finish(true)));
        }
    }
    findings
}
