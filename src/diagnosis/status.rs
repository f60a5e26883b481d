//! Statuses, what is required, and the verdict: the tables of the contract.

use super::finding::{BlockedBy, Finding, Severity, Status, Verdict};
use super::reach::Reach;
use super::{Draft, Judged, summary};
use crate::names::Exchange;
use crate::observation::{Ending, EndpointObservation, LookupOutcome, TargetObservation};
use crate::port::Requirement;

/// The codes by which a server turns this client away.
const REJECTED: [&str; 3] = ["greeting-rejected", "greeting-throttled", "ehlo-rejected"];

/// The code of a server that asks to be left alone for now.
const THROTTLED: &str = "greeting-throttled";

/// An endpoint's status: the first that applies. `drafts` hold no ignored codes; `explained` says
/// that there were any before.
pub fn of(
    endpoint: &EndpointObservation,
    reach: &Reach,
    drafts: &[Draft],
    explained: bool,
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
        // A conversation that broke off is never open, even where no check knows why.
        Reach::Connected if !explained && !is_completed(endpoint) => Status::Misconfigured,
        Reach::Connected => Status::Open,
    }
}

fn is_completed(endpoint: &EndpointObservation) -> bool {
    endpoint.conversation().is_some_and(|seen| seen.ending == Some(Ending::Completed))
}

/// Decides which endpoints are required. Of those of which one has to work, at each address the
/// ones that work are, and none of the others. At an address where none works, those are that work
/// at another address of the server; where none works anywhere, all are. An optional sibling that
/// does not answer is then silent, not blocked.
pub fn decide_required(endpoints: &[EndpointObservation], judged: &mut [Judged]) {
    for at in 0..endpoints.len() {
        let this = &endpoints[at];
        judged[at].required = match this.requirement {
            Requirement::Required => true,
            Requirement::Optional => false,
            Requirement::OneOf => {
                let working: Vec<&EndpointObservation> = endpoints
                    .iter()
                    .zip(judged.iter())
                    .filter(|(other, judged)| {
                        judged.status == Status::Open
                            && other.requirement == Requirement::OneOf
                            && (other.role, &other.host) == (this.role, &this.host)
                    })
                    .map(|(other, _)| other)
                    .collect();
                let mut here = working.iter().filter(|other| other.address == this.address);
                match here.next() {
                    Some(_) => judged[at].status == Status::Open,
                    None => working.is_empty() || working.iter().any(|w| w.port == this.port),
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::diagnosis::fixture::{self, Talk, talk};
    use crate::observation::{Limit, Phase, Skip};

    /// Every way in which a conversation can break off.
    fn broken_endings() -> Vec<Ending> {
        use Phase::{Ehlo, EhloAfterTls, Greeting, Starttls, Tls};
        let mut endings = vec![Ending::TlsFailed];
        for phase in [Greeting, Ehlo, Starttls, Tls, EhloAfterTls] {
            endings.extend([
                Ending::Closed(phase),
                Ending::Reset(phase),
                Ending::TimedOut { phase, partial: false },
                Ending::TimedOut { phase, partial: true },
                Ending::NotSmtp(phase),
                Ending::TooMuch { phase, limit: Limit::Reply },
                Ending::TooMuch { phase, limit: Limit::Conversation },
                Ending::Failed { phase, error: "something local".to_owned() },
            ]);
        }
        endings
    }

    #[test]
    fn a_conversation_that_breaks_off_always_has_a_finding_that_says_so() {
        for port in [25, 465, 587, 2525, 10025] {
            for ending in broken_endings() {
                let codes = talk(port).ends(ending.clone()).codes();
                assert!(!codes.is_empty(), "{ending:?} on {port} is not told");
            }
        }
    }

    #[test]
    fn a_conversation_that_breaks_off_is_never_open() {
        for ending in broken_endings() {
            let endpoint = talk(25).ends(ending.clone()).endpoint();
            let status = of(&endpoint, &Reach::Connected, &[], false, &[]);
            assert_ne!(status, Status::Open, "{ending:?}");
        }
    }

    fn verdict_on(endpoints: Vec<EndpointObservation>) -> (Verdict, Vec<(bool, Status)>) {
        let mut world = fixture::domain("example.test").mx(10, "mx.example.test.");
        for endpoint in endpoints {
            world = world.endpoint(endpoint);
        }
        let made = diagnose(&world.run, &[]).targets.remove(0);
        let endpoints = made.endpoints.iter().map(|e| (e.required, e.status)).collect();
        (made.verdict, endpoints)
    }

    #[test]
    fn of_two_ways_to_send_the_one_that_works_makes_the_other_optional() {
        let one_of = |talk: Talk| {
            talk.at(|e| {
                e.role = crate::port::Role::Submission;
                e.requirement = Requirement::OneOf;
            })
            .endpoint()
        };
        let fine = |port| one_of(talk(port));
        let broken = |port| one_of(talk(port).silent());
        let (verdict, endpoints) = verdict_on(vec![fine(465), broken(587)]);
        assert_eq!(verdict, Verdict::Ok);
        assert_eq!(endpoints, [(true, Status::Open), (false, Status::Misconfigured)]);
        let (verdict, endpoints) = verdict_on(vec![broken(465), broken(587)]);
        assert_eq!(verdict, Verdict::Problems);
        assert!(endpoints.iter().all(|(required, _)| *required), "{endpoints:?}");
        let (_, endpoints) = verdict_on(vec![fine(465), fine(587)]);
        assert!(endpoints.iter().all(|(required, _)| *required), "{endpoints:?}");
    }

    #[test]
    fn another_address_of_the_same_host_stands_in_and_another_host_does_not() {
        let skipped = |host: &str| EndpointObservation {
            host: crate::names::Host::parse(host).expect("a host"),
            address: fixture::ip("2001:db8::25"),
            probe: crate::observation::Probe::Skipped(Skip::NoIpv6Here),
            ..talk(25).endpoint()
        };
        let open = || talk(25).endpoint();
        let own = talk(25).endpoint().host.to_string();
        assert_eq!(verdict_on(vec![open(), skipped(&own)]).0, Verdict::Ok);
        let (verdict, endpoints) = verdict_on(vec![open(), skipped("other.example.test")]);
        assert_eq!(verdict, Verdict::Undetermined, "{endpoints:?}");
    }

    #[test]
    fn a_run_in_which_nothing_required_was_looked_at_is_not_ok() {
        let optional = talk(587).at(|e| e.requirement = Requirement::Optional).endpoint();
        assert_eq!(verdict_on(vec![optional]).0, Verdict::Undetermined);
        assert_eq!(verdict_on(Vec::new()).0, Verdict::Undetermined);
    }
}
