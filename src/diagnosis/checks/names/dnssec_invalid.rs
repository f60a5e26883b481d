use super::server_failures;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::observation::ServerFailure;

declare_check! {
    /// ## What it checks
    ///
    /// That the DNSSEC signatures of the names hold. The resolver said SERVFAIL, and answered the
    /// very same question once it was told not to check signatures (CD=1).
    ///
    /// ## Why it matters
    ///
    /// For everybody behind a validating resolver, which is a large part of the Internet, the name
    /// does not exist any more: mail is put off and then given back. For the others all is well,
    /// which makes the fault hard to see from inside.
    ///
    /// ## How to fix it
    ///
    /// Sign the zone again if signatures have expired. After a change of keys or of the DNS
    /// provider compare the DS record in the parent zone with the keys in use, and correct or
    /// remove the DS record at the registrar. `delv` and DNSViz show where the chain breaks.
    ///
    /// ## When it may be wrong
    ///
    /// When the clock of the resolver is wrong, or when its trust anchor is out of date; then every
    /// signed domain fails. The signatures are not validated here: the resolver's word is taken for
    /// it, with its extended errors as evidence where it gave some.
    ///
    /// ## References
    ///
    /// RFC 4035 §5.5, RFC 4035 §3.2.2, RFC 8914 §4
    pub static DNSSEC_INVALID = {
        code: "dnssec-invalid",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the DNSSEC signatures of a needed name do not hold",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    // A name server whose checking fails for unrelated names, too, has a fault of its own.
    let is_the_zones = |failure: &ServerFailure| {
        failure.answers_unchecked == Some(true) && failure.answers_elsewhere != Some(false)
    };
    let failures = match server_failures(facts, is_the_zones) {
        Ok(failures) => failures,
        Err(outcome) => return outcome,
    };
    let found = failures.into_iter().map(|failed| {
        let name = failed.name;
        let mut evidence = failed.evidence();
        evidence.push("with checking disabled (CD=1) the same resolver answers".to_owned());
        Found {
            message: format!("the DNSSEC signatures of {name} do not hold"),
            fix: format!(
                "Sign the zone of {name} again, and compare the DS record in its parent zone with \
                the keys in use; correct or remove the DS record if they do not match."
            ),
            evidence,
            reference: "RFC 4035 §5.5",
        }
    });
    Outcome::from_list(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;
    use crate::observation::{ExtendedError, LookupOutcome};

    #[test]
    fn a_host_in_a_broken_zone_is_named() {
        let failure = ServerFailure {
            answers_elsewhere: None,
            answers_unchecked: Some(true),
            extended: vec![ExtendedError { code: 7, text: String::new() }],
        };
        let world = domain("example.com").mx(10, "mx.example.net.").host("mx.example.net", &[]);
        let world = world.last_host_outcome(LookupOutcome::ServerFailure(failure));
        assert_eq!(world.codes(), ["dnssec-invalid", "submission-not-announced"]);
        let found = world.found(&DNSSEC_INVALID);
        assert!(found.message.contains("mx.example.net"), "{found:?}");
        assert_eq!(
            found.evidence,
            [
                "mx.example.net A: SERVFAIL",
                "extended error 7 (signature expired)",
                "mx.example.net AAAA: SERVFAIL",
                "with checking disabled (CD=1) the same resolver answers",
            ]
        );
    }

    #[test]
    fn a_failure_that_stays_without_checking_is_no_dnssec_fault() {
        let failure = ServerFailure { answers_unchecked: Some(false), ..ServerFailure::default() };
        let world = domain("example.com").mx_outcome(LookupOutcome::ServerFailure(failure));
        assert!(matches!(world.outcome(&DNSSEC_INVALID), Outcome::CannotTell(_)));
        assert_eq!(domain("example.com").outcome(&DNSSEC_INVALID), Outcome::Pass);
    }

    #[test]
    fn a_resolver_whose_checking_fails_for_everything_accuses_no_zone() {
        let failure = ServerFailure {
            answers_elsewhere: Some(false),
            answers_unchecked: Some(true),
            extended: Vec::new(),
        };
        let world = domain("example.com").mx_outcome(LookupOutcome::ServerFailure(failure));
        assert!(matches!(world.outcome(&DNSSEC_INVALID), Outcome::CannotTell(_)));
    }
}
