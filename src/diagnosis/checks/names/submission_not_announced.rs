use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::names::Target;
use crate::observation::{EndpointObservation, LookupOutcome};
use crate::port::{Role, SUBMISSION, SUBMISSIONS};

declare_check! {
    /// ## What it checks
    ///
    /// Whether the domain announces through SRV records where its users send their mail. Without
    /// them, and without `--submission`, submission was not checked.
    ///
    /// ## Why it matters
    ///
    /// It is no fault: many providers announce the server only on a web page. But nothing was said
    /// here about sending, and mail programs that set themselves up have to guess.
    ///
    /// ## How to fix it
    ///
    /// Name the server with `--submission smtp.example.com`. To announce it, publish
    /// `_submissions._tcp.example.com. SRV 0 1 465 smtp.example.com.` and the like for
    /// `_submission._tcp` with port 587.
    ///
    /// ## When it may be wrong
    ///
    /// The candidate that may be named is a guess: an MX host that offers AUTH inside TLS on 465 or
    /// 587. Your users may send through another server.
    ///
    /// ## References
    ///
    /// RFC 6186 §3.1, RFC 8314 §5.1
    pub static SUBMISSION_NOT_ANNOUNCED = {
        code: "submission-not-announced",
        group: Names,
        relay: Some(Severity::Note),
        elsewhere: Some(Severity::Note),
        summary: "no SRV record and no --submission: submission was not checked",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let dns = &facts.target.dns;
    let Target::Domain(domain) = &facts.target.target else {
        return Outcome::NotApplicable("the target is no domain");
    };
    if dns.submission_not_asked || !dns.submission.is_empty() {
        return Outcome::Pass;
    }
    let mx_outcome = dns.mx.as_ref().map(|mx| &mx.lookup.outcome);
    if mx_outcome == Some(&LookupOutcome::NxDomain) {
        return Outcome::NotApplicable("the domain does not exist");
    }
    if dns.srv.is_empty() || dns.srv.iter().any(|srv| !srv.lookup.outcome.is_answer()) {
        return Outcome::CannotTell("an SRV look-up got no answer");
    }
    if dns.srv.iter().any(|srv| !srv.records.is_empty()) {
        return Outcome::Pass;
    }
    let mut evidence: Vec<String> =
        dns.srv.iter().map(|srv| format!("{}: no SRV record", srv.lookup.name)).collect();
    let fix = match facts.target.endpoints.iter().find(|e| is_candidate(e)) {
        Some(candidate) => {
            evidence.push(format!("{} offers AUTH inside TLS", candidate.label()));
            format!(
                "{} offers a login on port {}. If your users send through it, run again with \
                --submission {}.",
                candidate.host, candidate.port, candidate.host
            )
        }
        None => "Name the server through which your users send with --submission HOST.".to_owned(),
    };
    Outcome::found(Found {
        message: format!("{domain} announces no submission server, so sending was not checked"),
        fix,
        evidence,
        reference: "RFC 6186 §3.1",
    })
}

/// An MX host's endpoint that looks like the users' way to send.
fn is_candidate(endpoint: &EndpointObservation) -> bool {
    endpoint.role == Role::Mx
        && matches!(endpoint.port, SUBMISSIONS | SUBMISSION)
        && endpoint
            .conversation()
            .and_then(|seen| seen.smtp.capabilities_after_tls.as_ref())
            .is_some_and(|offered| offered.offers_login())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{domain, talk};

    #[test]
    fn a_candidate_is_named_only_where_it_offers_a_login() {
        let world = domain("example.com");
        let plain = world.found(&SUBMISSION_NOT_ANNOUNCED);
        assert!(plain.fix.contains("--submission HOST"), "{plain:?}");
        let mx_on_587 = talk(587).at(|endpoint| endpoint.role = Role::Mx);
        let with_login = world.clone().endpoint(mx_on_587.endpoint());
        let found = with_login.found(&SUBMISSION_NOT_ANNOUNCED);
        assert!(found.fix.ends_with("--submission mx.example.com."), "{found:?}");
        let without = mx_on_587.offers_inside_tls(&["SIZE"]);
        assert_eq!(world.endpoint(without.endpoint()).found(&SUBMISSION_NOT_ANNOUNCED), plain);
    }

    #[test]
    fn silent_where_it_was_announced_disabled_not_asked_or_not_answered() {
        let code = |world: crate::diagnosis::fixture::World| {
            world.codes().contains(&"submission-not-announced")
        };
        let announced = domain("example.com").srv("_submission._tcp", 587, "smtp.example.com.");
        assert!(!code(announced));
        assert!(!code(domain("example.com").srv("_submissions._tcp", 0, ".")));
        assert!(!code(domain("example.com").dns(|dns| dns.submission_not_asked = true)));
        assert!(!code(domain("example.com").mx_outcome(LookupOutcome::NxDomain)));
        let failed = domain("example.com").dns(|dns| {
            dns.srv[0].lookup.outcome = LookupOutcome::TimedOut;
        });
        assert!(matches!(failed.outcome(&SUBMISSION_NOT_ANNOUNCED), Outcome::CannotTell(_)));
    }
}
