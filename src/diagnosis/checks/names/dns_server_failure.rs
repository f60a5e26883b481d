use super::server_failures;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That the name servers of the domain and of its mail hosts answer. The resolver said SERVFAIL
    /// for a name that is needed, while it answered for an unrelated one, so the fault is not the
    /// resolver's.
    ///
    /// ## Why it matters
    ///
    /// Senders that cannot look the domain up put the mail off and try again for days, then give it
    /// back. Whether it arrives depends on which name server they happen to ask.
    ///
    /// ## How to fix it
    ///
    /// Ask each name server of the zone directly, `dig @ns1.example.com example.com MX`, and
    /// compare with the delegation in the parent zone. Usual causes are a name server that no
    /// longer has the zone (a lame delegation), one that is down, and a secondary whose copy has
    /// expired. Failures of AAAA or SRV alone point at a load balancer or an old server that fails
    /// for types it does not know.
    ///
    /// ## When it may be wrong
    ///
    /// When only the path from this resolver to those name servers is broken. Compare with another
    /// resolver through `--resolver`; a short outage is over when it is run again.
    ///
    /// ## References
    ///
    /// RFC 1035 §4.1.1, RFC 2308 §7.1, RFC 8914 §4
    pub static DNS_SERVER_FAILURE = {
        code: "dns-server-failure",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "the name servers of a needed name fail (SERVFAIL)",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let failures = match server_failures(facts, |failure| {
        failure.answers_elsewhere == Some(true) && failure.answers_unchecked != Some(true)
    }) {
        Ok(failures) => failures,
        Err(outcome) => return outcome,
    };
    let found = failures.into_iter().map(|failed| {
        let name = failed.name;
        let mut evidence = failed.evidence();
        evidence.push("the same resolver answers for an unrelated name".to_owned());
        Found {
            message: format!("the name servers of {name} do not answer properly (SERVFAIL)"),
            fix: format!(
                "Ask each name server of {name} directly, and compare them with the delegation: \
                one that no longer has the zone, or is down, fails like this."
            ),
            evidence,
            reference: "RFC 1035 §4.1.1",
        }
    });
    Outcome::from_list(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;
    use crate::observation::{ExtendedError, LookupOutcome, ServerFailure};

    fn servfail(elsewhere: Option<bool>, unchecked: Option<bool>) -> LookupOutcome {
        LookupOutcome::ServerFailure(ServerFailure {
            answers_elsewhere: elsewhere,
            answers_unchecked: unchecked,
            extended: vec![ExtendedError { code: 22, text: "at delegation".to_owned() }],
        })
    }

    #[test]
    fn one_broken_zone_is_one_finding() {
        let failure = servfail(Some(true), Some(false));
        let world = domain("example.com").mx_outcome(failure.clone()).dns(|dns| {
            for srv in &mut dns.srv {
                srv.lookup.outcome = failure.clone();
            }
        });
        assert_eq!(world.codes(), ["dns-server-failure"]);
        assert_eq!(
            world.found(&DNS_SERVER_FAILURE).evidence,
            [
                "example.com MX: SERVFAIL",
                "extended error 22 (no reachable authority): at delegation",
                "_submissions._tcp.example.com SRV: SERVFAIL",
                "_submission._tcp.example.com SRV: SERVFAIL",
                "the same resolver answers for an unrelated name",
            ]
        );
    }

    #[test]
    fn a_resolver_that_fails_for_everything_accuses_no_domain() {
        for (elsewhere, unchecked) in
            [(Some(false), Some(false)), (None, None), (None, Some(false))]
        {
            let world = domain("example.com").mx_outcome(servfail(elsewhere, unchecked));
            assert!(
                matches!(world.outcome(&DNS_SERVER_FAILURE), Outcome::CannotTell(_)),
                "{elsewhere:?} {unchecked:?}"
            );
        }
        let bogus = domain("example.com").mx_outcome(servfail(Some(true), Some(true)));
        assert!(matches!(bogus.outcome(&DNS_SERVER_FAILURE), Outcome::CannotTell(_)));
    }
}
