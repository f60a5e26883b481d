use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::list;
use crate::names::Exchange;
use crate::observation::SrvRecord;

declare_check! {
    /// ## What it checks
    ///
    /// Whether an SRV record with the target `.` declares that the domain has no such submission
    /// service.
    ///
    /// ## Why it matters
    ///
    /// It is a statement: mail programs then do not offer that service. Domains often declare
    /// `_submission` (STARTTLS) absent and announce `_submissions` (implicit TLS), or the reverse.
    ///
    /// ## How to fix it
    ///
    /// Nothing needs fixing if that is meant. To announce the service, replace the target `.` by
    /// the server's name and set the port.
    ///
    /// ## When it may be wrong
    ///
    /// Users of the domain may still send through a server that they were told about in another
    /// way; name it with `--submission` to check it.
    ///
    /// ## References
    ///
    /// RFC 6186 §3.4, RFC 2782
    pub static SUBMISSION_DISABLED = {
        code: "submission-disabled",
        group: Names,
        relay: Some(Severity::Note),
        elsewhere: Some(Severity::Note),
        summary: "an SRV record declares submission absent",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let dns = &facts.target.dns;
    if dns.srv.is_empty() {
        return Outcome::NotApplicable("SRV records were not asked for");
    }
    let absent = |record: &SrvRecord| record.target == Exchange::Null;
    let disabled: Vec<_> = dns.srv.iter().filter(|s| s.records.iter().any(absent)).collect();
    if disabled.is_empty() {
        return match dns.srv.iter().all(|srv| srv.lookup.outcome.is_answer()) {
            true => Outcome::Pass,
            false => Outcome::CannotTell("an SRV look-up got no answer"),
        };
    }
    let modes: Vec<String> = disabled.iter().map(|srv| srv.mode.to_string()).collect();
    Outcome::found(Found {
        message: format!(
            "{} declares that it has no submission with {}",
            facts.target.target,
            list(&modes)
        ),
        fix: "Nothing is wrong if that is meant. If users do send through a server, announce it \
                in place of the target `.`, or name it with --submission."
            .to_owned(),
        evidence: disabled.iter().map(|srv| format!("{} SRV .", srv.lookup.name)).collect(),
        reference: "RFC 6186 §3.4",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn one_note_for_both_services() {
        let one = domain("example.com").srv("_submission._tcp", 0, ".");
        let found = one.found(&SUBMISSION_DISABLED);
        assert_eq!(found.message, "example.com declares that it has no submission with STARTTLS");
        let both = one.srv("_submissions._tcp", 0, ".");
        assert_eq!(both.codes(), ["submission-disabled"]);
        assert_eq!(both.found(&SUBMISSION_DISABLED).evidence.len(), 2);
    }

    #[test]
    fn a_server_or_no_record_is_no_declaration() {
        let world = domain("example.com").srv("_submission._tcp", 587, "smtp.example.com.");
        assert_eq!(world.outcome(&SUBMISSION_DISABLED), Outcome::Pass);
        assert_eq!(domain("example.com").outcome(&SUBMISSION_DISABLED), Outcome::Pass);
    }
}
