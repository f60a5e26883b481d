//! What the configuration expects, compared with what came out.
//!
//! The rule, for every endpoint of the expected role and port:
//! - it has one of the expected statuses: the expectation is met, and the errors that say the same
//!   (`port-closed` where `closed` is expected) become notes;
//! - it was tested and has another one: `expectation-not-met`, an error on optional ports, too;
//! - it was not tested: nothing is claimed, and the target is undetermined, unless another address
//!   of the same host was tested. Not tested is not passed;
//! - there is no such endpoint, as the target has no server in that role: `expectation-not-met`.
//!
//! It compares statuses and changes none.

use super::check::{Check, Found};
use super::demands::{BlockedHere, Demands, Expectation};
use super::finding::{Finding, Severity, Status};
use super::status::{REJECTED, is_throttled};
use super::{Draft, Judged, checks, summary, words};
use crate::names::Exchange;
use crate::observation::{EndpointObservation, TargetObservation};
use crate::port::Role;

/// What came of all expectations of a target, besides what was added to its endpoints.
#[derive(Default)]
pub struct Outcome {
    /// The findings of the target as a whole.
    pub findings: Vec<Finding>,
    /// Why some expectation could not be tested, as a sentence without its full stop.
    pub untested: Option<String>,
}

/// Compares a target with what is expected of it.
pub fn compare(
    target: &TargetObservation,
    judged: &mut [Judged],
    demands: &Demands,
    ignore: &[&str],
) -> Outcome {
    let mut outcome = Outcome::default();
    let Some(check) = checks::find("expectation-not-met") else { return outcome };
    if ignore.contains(&check.code) {
        return outcome;
    }
    for expected in demands.expectations(&target.target) {
        let is_meant =
            |seen: &EndpointObservation| (seen.role, seen.port) == (expected.role, expected.port);
        let meant: Vec<usize> =
            (0..judged.len()).filter(|at| is_meant(&target.endpoints[*at])).collect();
        let (untested, tested): (Vec<usize>, Vec<usize>) =
            meant.iter().partition(|at| !is_tested(&judged[**at], expected, demands.blocked_here));
        for at in &tested {
            let (seen, judged) = (&target.endpoints[*at], &mut judged[*at]);
            if expected.statuses.contains(&judged.status) {
                settle(judged);
            } else {
                let found = not_met(seen, judged.status, expected);
                judged.drafts.push(Draft { check, severity: Severity::Error, found });
            }
        }
        let stands_in = |at: &usize| {
            tested.iter().any(|other| target.endpoints[*other].host == target.endpoints[*at].host)
        };
        if let Some(at) = untested.iter().find(|at| !stands_in(at)) {
            let why = summary::not_tested(&target.endpoints[*at], &judged[*at]);
            outcome.untested.get_or_insert(why);
        }
        if meant.is_empty() {
            nothing_there(target, expected, check, &mut outcome);
        }
    }
    outcome
}

/// Whether an endpoint was looked at closely enough to say that an expectation holds or not.
fn is_tested(judged: &Judged, expected: &Expectation, blocked_here: BlockedHere) -> bool {
    // What is held against nobody shows nothing of the server either.
    let hidden = blocked_here != BlockedHere::Fail
        && judged.is_blocked_here()
        && !expected.statuses.contains(&Status::Blocked);
    judged.status != Status::Skipped && !is_throttled(judged) && !hidden
}

/// The status is as it should be, so what says the same is no error.
fn settle(judged: &mut Judged) {
    judged.settled = true;
    let says_the_same = |draft: &Draft| match judged.status {
        Status::Open => false,
        Status::Rejected => REJECTED.contains(&draft.check.code),
        _ => true,
    };
    for draft in &mut judged.drafts {
        if draft.severity == Severity::Error && says_the_same(draft) {
            draft.severity = Severity::Note;
        }
    }
}

fn not_met(seen: &EndpointObservation, status: Status, expected: &Expectation) -> Found {
    let label = seen.label();
    let wanted = wanted(expected);
    Found {
        message: format!("the configuration expects {label} to be {wanted}, and it is {status}"),
        fix: "If the server is as it should be, change `expect` in the configuration. If not, the \
              other findings of this endpoint say what is the matter."
            .to_owned(),
        evidence: vec![format!(
            "The configuration expects {}:{} to be {wanted}.",
            expected.role, expected.port
        )],
        reference: "",
    }
}

fn wanted(expected: &Expectation) -> String {
    words::alternatives(&expected.statuses)
}

/// No endpoint has the expected role and port.
fn nothing_there(
    target: &TargetObservation,
    expected: &Expectation,
    check: &'static Check,
    outcome: &mut Outcome,
) {
    let (role, port) = (expected.role, expected.port);
    // What could not be looked up, or was not finished, is told as such.
    if !target.complete || target.dns.lookups().any(|lookup| !lookup.outcome.is_answer()) {
        outcome.untested.get_or_insert(format!("{role}:{port} was not checked"));
        return;
    }
    if has_server(target, role) {
        let why = format!("{role}:{port} was not checked: no address of a server could be tried");
        outcome.untested.get_or_insert(why);
        return;
    }
    let (server, fix) = match role {
        Role::Mx => ("mail exchanger", "Publish an MX record, or take the expectation out."),
        _ => (
            "submission server",
            "Name one with `submission`, publish SRV records, or take the expectation out.",
        ),
    };
    let wanted = wanted(expected);
    let found = Found {
        message: format!(
            "the configuration expects port {port} of a {server} to be {wanted}, and there is none"
        ),
        fix: fix.to_owned(),
        evidence: vec![format!("The configuration expects {role}:{port} to be {wanted}.")],
        reference: "",
    };
    outcome.findings.push(Draft { check, severity: Severity::Error, found }.finish(true));
}

/// Whether the target has a server in this role, be it without an address that could be dialled.
fn has_server(target: &TargetObservation, role: Role) -> bool {
    let dns = &target.dns;
    match role {
        Role::Host => true,
        Role::Submission => !dns.submission.is_empty(),
        Role::Mx => dns.mx.as_ref().is_some_and(|mx| {
            mx.implicit || mx.records.iter().any(|record| record.exchange != Exchange::Null)
        }),
    }
}
