//! Statuses, what is required, and the verdict: the tables of the contract.

use super::finding::{BlockedBy, Finding, Severity, Status, Verdict};
use super::reach::Reach;
use super::{Draft, Judged, summary};
use crate::names::Exchange;
use crate::observation::{EndpointObservation, LookupOutcome, TargetObservation};
use crate::port::Requirement;

/// The codes by which a server turns this client away.
const REJECTED: [&str; 3] = ["greeting-rejected", "greeting-throttled", "ehlo-rejected"];

/// The code of a server that asks to be left alone for now.
const THROTTLED: &str = "greeting-throttled";

/// An endpoint's status: the first that applies. `drafts` hold no ignored codes.
pub fn of(
    endpoint: &EndpointObservation,
    reach: &Reach,
    drafts: &[Draft],
    ignore: &[&str],
) -> Status {
    let has = |codes: &[&str]| drafts.iter().any(|draft| codes.contains(&draft.check.code));
    match reach {
        Reach::NotDialled => Status::Skipped,
        Reach::Closed(_) => Status::Closed,
        Reach::Blocked { code, .. } if ignore.contains(code) => Status::Silent,
        Reach::Blocked { block, .. } => {
            let on_this_side = matches!(block.by, BlockedBy::ThisHost | BlockedBy::YourNetwork);
            match endpoint.requirement {
                Requirement::Optional if !on_this_side => Status::Silent,
                _ => Status::Blocked,
            }
        }
        Reach::Connected if has(&REJECTED) => Status::Rejected,
        Reach::Connected if drafts.iter().any(|d| d.severity == Severity::Error) => {
            Status::Misconfigured
        }
        Reach::Connected => Status::Open,
    }
}

/// Decides which endpoints are required. Of those of which one has to work, the ones that work
/// are, and none of the others; where none works, all are. An optional sibling that does not
/// answer is then silent, not blocked.
pub fn decide_required(endpoints: &[EndpointObservation], judged: &mut [Judged]) {
    for at in 0..endpoints.len() {
        let this = &endpoints[at];
        judged[at].required = match this.requirement {
            Requirement::Required => true,
            Requirement::Optional => false,
            Requirement::OneOf => {
                let works = |at: usize| judged[at].status == Status::Open;
                let sibling = |other: &EndpointObservation| {
                    other.requirement == Requirement::OneOf
                        && (other.role, &other.host) == (this.role, &this.host)
                        && other.address == this.address
                };
                let one_works = (0..endpoints.len()).any(|i| sibling(&endpoints[i]) && works(i));
                works(at) || !one_works
            }
        };
        let judged = &mut judged[at];
        let on_this_side = matches!(&judged.reach, Reach::Blocked { block, .. }
            if matches!(block.by, BlockedBy::ThisHost | BlockedBy::YourNetwork));
        if !judged.required && judged.status == Status::Blocked && !on_this_side {
            judged.status = Status::Silent;
        }
    }
}

/// The verdict on a target. `findings` are those of the target as a whole.
pub fn verdict(target: &TargetObservation, judged: &[Judged], findings: &[Finding]) -> Verdict {
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error)
        || judged
            .iter()
            .filter(|judged| judged.required)
            .any(|judged| judged.drafts.iter().any(|draft| draft.severity == Severity::Error));
    if !target.complete {
        return Verdict::Undetermined;
    }
    if errors {
        return Verdict::Problems;
    }
    if undetermined_because(target, judged).is_some() {
        return Verdict::Undetermined;
    }
    Verdict::Ok
}

/// Why no verdict can be given although nothing is wrong, as a sentence without its full stop.
pub fn undetermined_because(target: &TargetObservation, judged: &[Judged]) -> Option<String> {
    if let Some(failed) = target.dns.lookups().find(|lookup| !lookup.outcome.is_answer()) {
        return Some(format!("{} of {} could not be looked up", failed.record_type, failed.name));
    }
    for (endpoint, this) in target.endpoints.iter().zip(judged) {
        if !this.required || is_conclusive(this) {
            continue;
        }
        // Another address of the same host stands in.
        let stand_in = target.endpoints.iter().zip(judged).any(|(other, judged)| {
            (other.role, &other.host, other.port) == (endpoint.role, &endpoint.host, endpoint.port)
                && is_conclusive(judged)
        });
        if stand_in {
            continue;
        }
        return Some(summary::not_checked(endpoint));
    }
    let carried_out =
        judged.iter().any(|judged| judged.required && judged.status != Status::Skipped);
    (!carried_out && !takes_no_mail(target))
        .then(|| "nothing that is required was checked".to_owned())
}

/// The endpoint was looked at, and what was seen is more than "come back later".
fn is_conclusive(judged: &Judged) -> bool {
    let throttled = judged.drafts.iter().any(|draft| draft.check.code == THROTTLED);
    judged.status != Status::Skipped && !throttled
}

/// The domain declares that it takes no mail (RFC 7505).
pub fn takes_no_mail(target: &TargetObservation) -> bool {
    target.dns.mx.as_ref().is_some_and(|mx| {
        mx.lookup.outcome == LookupOutcome::Found
            && mx.records.iter().all(|record| record.exchange == Exchange::Null)
    })
}
