use super::mx_records;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::names::Exchange;

declare_check! {
    /// ## What it checks
    ///
    /// That a null MX (`.`), where there is one, is the domain's only MX record.
    ///
    /// ## Why it matters
    ///
    /// The null MX says "no mail here" and the other records say where it goes. Senders resolve the
    /// contradiction as they like: some give the mail back, some look for a host whose name is
    /// empty, some deliver. So mail gets lost for some senders only, which is hard to find.
    ///
    /// ## How to fix it
    ///
    /// Remove the record whose exchange is `.` if the domain takes mail. Remove all the others if
    /// it does not.
    ///
    /// ## When it may be wrong
    ///
    /// While a change is spreading, a resolver never mixes an old record set with a new one, so the
    /// contradiction really stands in the zone; it may have been corrected since it was cached.
    ///
    /// ## References
    ///
    /// RFC 7505 §3
    pub static NULL_MX_MIXED = {
        code: "null-mx-mixed",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "a null MX stands beside real ones",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let records = match mx_records(facts) {
        Ok(records) => records,
        Err(outcome) => return outcome,
    };
    let nulls = records.iter().filter(|record| record.exchange == Exchange::Null).count();
    if nulls == 0 || nulls == records.len() {
        return Outcome::Pass;
    }
    let domain = &facts.target.target;
    Outcome::found(Found {
        message: format!("{domain} has a null MX, which says that it takes no mail, beside others"),
        fix: "Remove the MX record whose exchange is `.` if the domain takes mail, or all the \
              others if it does not."
            .to_owned(),
        evidence: records.iter().map(|r| format!("MX {} {}", r.preference, r.raw)).collect(),
        reference: "RFC 7505 §3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn a_contradiction_is_found_wherever_the_null_stands() {
        let world = domain("example.com").mx(0, ".").mx(10, "mx.example.com.");
        let world = world.host("mx.example.com", &["192.0.2.1"]);
        assert_eq!(world.codes(), ["null-mx-mixed", "submission-not-announced"]);
        assert_eq!(world.found(&NULL_MX_MIXED).evidence, ["MX 0 .", "MX 10 mx.example.com."]);
    }

    #[test]
    fn a_null_mx_alone_contradicts_nothing() {
        assert_eq!(domain("example.com").mx(0, ".").outcome(&NULL_MX_MIXED), Outcome::Pass);
    }
}
