use super::mx_records;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::names::Exchange;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the domain declares with a null MX (`0 .`) that it takes no mail.
    ///
    /// ## Why it matters
    ///
    /// It is a statement, not a fault: senders give mail for the domain back at once instead of
    /// trying for days. A domain that only sends, or that has only a web site, should have one.
    ///
    /// ## How to fix it
    ///
    /// Nothing needs fixing if the domain is not meant to take mail. If it is, replace the record
    /// by an MX that names the mail host.
    ///
    /// ## When it may be wrong
    ///
    /// When the resolver answers from a zone that the public does not see, or from its cache after
    /// the record was changed. Compare with another resolver through `--resolver`.
    ///
    /// ## References
    ///
    /// RFC 7505 §3
    pub static NULL_MX = {
        code: "null-mx",
        group: Names,
        relay: Some(Severity::Note),
        elsewhere: Some(Severity::Note),
        summary: "the domain declares that it takes no mail",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let records = match mx_records(facts) {
        Ok(records) => records,
        Err(outcome) => return outcome,
    };
    if !records.iter().all(|record| record.exchange == Exchange::Null) {
        return Outcome::Pass;
    }
    let domain = &facts.target.target;
    Outcome::found(Found {
        message: format!("{domain} declares with a null MX that it takes no mail"),
        fix: format!(
            "Nothing is wrong if that is meant. If {domain} should take mail, replace the null MX \
             by a record that names its mail host."
        ),
        evidence: records.iter().map(|r| format!("MX {} {}", r.preference, r.raw)).collect(),
        reference: "RFC 7505 §3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn a_null_mx_alone_is_a_statement() {
        let world = domain("example.com").mx(0, ".");
        assert_eq!(world.codes(), ["null-mx", "submission-not-announced"]);
        assert_eq!(world.found(&NULL_MX).evidence, ["MX 0 ."]);
    }

    #[test]
    fn a_null_mx_beside_others_is_not() {
        let world = domain("example.com").mx(0, ".").mx(10, "mx.example.com.");
        assert_eq!(world.outcome(&NULL_MX), Outcome::Pass);
    }
}
