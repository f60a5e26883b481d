use super::answered_mx;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::observation::LookupOutcome;

declare_check! {
    /// ## What it checks
    ///
    /// That the domain exists. The name server answered the MX question with NXDOMAIN: there is no
    /// such name, and nothing below it either.
    ///
    /// ## Why it matters
    ///
    /// A server that wants to deliver mail to this domain gives it back to its sender at once, as
    /// undeliverable. Nobody tries again later.
    ///
    /// ## How to fix it
    ///
    /// Look at the spelling first. If the name is right, look at its registration (`whois`): a
    /// registration that lapsed or a delegation that was removed looks exactly like this. A
    /// subdomain needs a record of its own in the parent's zone.
    ///
    /// ## When it may be wrong
    ///
    /// When the resolver knows another world than the public one: an internal resolver with its own
    /// copy of the zone, a filter that answers NXDOMAIN for names it blocks, or an answer that was
    /// cached before the domain was made. Compare with another resolver through `--resolver`.
    ///
    /// ## References
    ///
    /// RFC 1035 §4.1.1, RFC 8020 §2, RFC 5321 §5.1
    pub static DOMAIN_NOT_FOUND = {
        code: "domain-not-found",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the domain does not exist",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let mx = match answered_mx(facts) {
        Ok(mx) => mx,
        Err(outcome) => return outcome,
    };
    if mx.lookup.outcome != LookupOutcome::NxDomain {
        return Outcome::Pass;
    }
    let domain = &facts.target.target;
    let message = match mx.lookup.aliases.last() {
        None => format!("the domain {domain} does not exist"),
        Some(end) => format!("the domain {domain} is an alias for {end}, which does not exist"),
    };
    let fix = match mx.lookup.name.contains('.') {
        true => {
            "Check the spelling. If it is right, check that the registration has not lapsed and \
             that the domain is delegated to name servers which have its zone."
                .to_owned()
        }
        false => format!("Check the spelling. To check a server of this name, give {domain}:25."),
    };
    Outcome::found(Found {
        message,
        fix,
        evidence: vec![format!("{} MX: NXDOMAIN", mx.lookup.name)],
        reference: "RFC 8020 §2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn nxdomain_is_told_alone() {
        let world = domain("example.com").mx_outcome(LookupOutcome::NxDomain);
        assert_eq!(world.codes(), ["domain-not-found"]);
        let alias = world.dns(|dns| {
            dns.mx.as_mut().expect("a domain").lookup.aliases = vec!["gone.example".to_owned()];
        });
        let found = alias.found(&DOMAIN_NOT_FOUND);
        assert!(found.message.contains("alias for gone.example"), "{found:?}");
    }

    #[test]
    fn a_name_server_that_does_not_answer_is_no_missing_domain() {
        for outcome in [LookupOutcome::TimedOut, LookupOutcome::Refused] {
            let world = domain("example.com").mx_outcome(outcome);
            assert!(matches!(world.outcome(&DOMAIN_NOT_FOUND), Outcome::CannotTell(_)));
        }
        assert_eq!(domain("example.com").outcome(&DOMAIN_NOT_FOUND), Outcome::Pass);
    }
}
