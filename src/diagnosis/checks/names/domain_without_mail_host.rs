use super::{Addressed, addressed, implicit_host};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That the domain names a host for its mail: an MX record, or for want of one an A or AAAA
    /// record of its own, which mail then goes to.
    ///
    /// ## Why it matters
    ///
    /// With neither, a server that has mail for this domain has nowhere to connect to and gives the
    /// message back. A domain that is not meant to take mail should say so with a null MX (`0 .`):
    /// senders then get a clear answer instead of a guess.
    ///
    /// ## How to fix it
    ///
    /// Publish an MX record that names the mail host, as `example.com. MX 10 mail.example.com.`,
    /// and an A or AAAA record for that host. Or publish `example.com. MX 0 .` if the domain takes
    /// no mail.
    ///
    /// ## When it may be wrong
    ///
    /// When mail for the domain exists only inside a private network whose resolver was not asked.
    /// Nothing is claimed where one address family was not looked up (`-4`, `-6`).
    ///
    /// ## References
    ///
    /// RFC 5321 §5.1, RFC 7505 §3
    pub static DOMAIN_WITHOUT_MAIL_HOST = {
        code: "domain-without-mail-host",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "neither MX nor address records",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let (domain, host) = match implicit_host(facts) {
        Ok(implicit) => implicit,
        Err(outcome) => return outcome,
    };
    let evidence = match addressed(&facts.target.dns, &host) {
        Addressed::Yes => return Outcome::Pass,
        Addressed::Unknown => return Outcome::CannotTell("its addresses are not all known"),
        missing => missing.evidence(&host),
    };
    Outcome::found(Found {
        message: format!("{domain} has no MX record and no address, so no mail can reach it"),
        fix: format!(
            "Publish an MX record for {domain} that names its mail host, or the null MX `0 .` if \
             it takes no mail."
        ),
        evidence: vec![format!("{domain}: no MX record"), evidence],
        reference: "RFC 5321 §5.1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;
    use crate::observation::LookupOutcome;

    #[test]
    fn no_mx_and_no_address() {
        let world = domain("example.com").implicit(&[]);
        assert_eq!(world.codes(), ["domain-without-mail-host", "submission-not-announced"]);
    }

    #[test]
    fn an_address_is_enough_and_half_an_answer_is_none() {
        let with_address = domain("example.com").implicit(&["192.0.2.1"]);
        assert_eq!(with_address.outcome(&DOMAIN_WITHOUT_MAIL_HOST), Outcome::Pass);
        let explicit = domain("example.com").mx(10, "example.com.").host("example.com", &[]);
        assert_eq!(explicit.codes(), ["mx-without-address", "submission-not-announced"]);
        let one_family = domain("example.com").implicit(&[]).last_host(|h| h.ipv6 = None);
        let failed = domain("example.com").implicit(&[]).last_host_outcome(LookupOutcome::TimedOut);
        for world in [one_family, failed] {
            assert!(matches!(world.outcome(&DOMAIN_WITHOUT_MAIL_HOST), Outcome::CannotTell(_)));
        }
    }
}
