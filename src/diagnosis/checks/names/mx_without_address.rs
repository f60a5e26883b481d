use super::{Addressed, addressed, mx_hosts, mx_records};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That every host which an MX record names has an A or AAAA record.
    ///
    /// ## Why it matters
    ///
    /// A host without an address cannot be delivered to. If it is the only one, all mail is given
    /// back; if there are others, they carry its load. Where the name does not exist and its domain
    /// is free, whoever registers that domain receives the mail.
    ///
    /// ## How to fix it
    ///
    /// Publish the missing A or AAAA record, or let the MX record name a host that has one. Remove
    /// MX records of hosts that are gone.
    ///
    /// ## When it may be wrong
    ///
    /// When the resolver sees another version of the zone than the public does. Nothing is claimed
    /// where a look-up failed, nor where one family was not asked for and the name exists.
    ///
    /// ## References
    ///
    /// RFC 5321 §5.1, RFC 1035 §3.3.9, RFC 8020 §2
    pub static MX_WITHOUT_ADDRESS = {
        code: "mx-without-address",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "an MX host has no address, or does not exist",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let records = match mx_records(facts) {
        Ok(records) => records,
        Err(outcome) => return outcome,
    };
    let mut found = Vec::new();
    let mut unknown = false;
    for host in mx_hosts(records) {
        let missing = addressed(&facts.target.dns, host);
        let (what, fix) = match missing {
            Addressed::Yes => continue,
            Addressed::Unknown => {
                unknown = true;
                continue;
            }
            Addressed::NoRecord => (
                "has no address",
                format!("Publish an A or AAAA record for {host}, or remove its MX record."),
            ),
            Addressed::NoSuchName => (
                "does not exist",
                format!(
                    "Correct or remove the MX record, or create {host}. If the domain of that \
                     name is not yours any more, remove the record now: whoever registers it \
                     gets your mail."
                ),
            ),
        };
        found.push(Found {
            message: format!("the MX host {host} {what}"),
            fix,
            evidence: vec![missing.evidence(host)],
            reference: "RFC 5321 §5.1",
        });
    }
    if found.is_empty() && unknown {
        return Outcome::CannotTell("an MX host's addresses are not all known");
    }
    Outcome::from_list(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;
    use crate::observation::LookupOutcome;

    #[test]
    fn no_record_and_no_name_are_told_apart() {
        let world = domain("example.com").mx(10, "a.example.com.").host("a.example.com", &[]);
        assert_eq!(world.codes(), ["mx-without-address", "submission-not-announced"]);
        assert!(world.found(&MX_WITHOUT_ADDRESS).message.ends_with("has no address"));
        let gone = world.last_host_outcome(LookupOutcome::NxDomain);
        assert!(gone.found(&MX_WITHOUT_ADDRESS).message.ends_with("does not exist"));
        // One family is enough for NXDOMAIN: it is about the name.
        let gone = gone.last_host(|host| host.ipv6 = None);
        assert!(gone.found(&MX_WITHOUT_ADDRESS).message.ends_with("does not exist"));
    }

    #[test]
    fn a_host_named_twice_is_told_once() {
        let world = domain("example.com").mx(10, "a.example.com.").mx(20, "a.example.com.");
        let world = world.host("a.example.com", &[]);
        assert_eq!(world.found(&MX_WITHOUT_ADDRESS).evidence.len(), 1);
    }

    #[test]
    fn what_was_not_answered_is_not_missing() {
        let world = domain("example.com").mx(10, "a.example.com.").host("a.example.com", &[]);
        let not_asked = world.clone().last_host(|host| host.ipv6 = None);
        let failed = world.clone().last_host(|host| {
            host.ipv4.as_mut().expect("asked").lookup.outcome = LookupOutcome::TimedOut;
        });
        for world in [not_asked, failed] {
            assert!(matches!(world.outcome(&MX_WITHOUT_ADDRESS), Outcome::CannotTell(_)));
        }
        let only_ipv6 = domain("example.com").mx(10, "a.example.com.");
        let only_ipv6 = only_ipv6.host("a.example.com", &["2001:db8::1"]);
        assert_eq!(only_ipv6.outcome(&MX_WITHOUT_ADDRESS), Outcome::Pass);
    }
}
