use super::{Addressed, addressed, implicit_host};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::list;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the domain has no MX record, so that mail goes to the address of the domain itself.
    ///
    /// ## Why it matters
    ///
    /// The standard allows it and every server knows it, so mail arrives if that address runs a
    /// mail server. Often it is only the web server, and then mail fails after days of trying. An
    /// MX record also makes a second host and a later move possible.
    ///
    /// ## How to fix it
    ///
    /// Publish an MX record that names the mail host, even if it is the same machine. If the domain
    /// takes no mail, publish the null MX `0 .`.
    ///
    /// ## When it may be wrong
    ///
    /// Hardly ever: the name server answered that there is no MX record. An internal resolver may
    /// know other records than the public.
    ///
    /// ## References
    ///
    /// RFC 5321 §5.1, RFC 7505 §3
    pub static IMPLICIT_MX = {
        code: "implicit-mx",
        group: Names,
        relay: Some(Severity::Note),
        elsewhere: Some(Severity::Note),
        summary: "no MX record; the domain's own address is used",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let (domain, host) = match implicit_host(facts) {
        Ok(implicit) => implicit,
        Err(outcome) => return outcome,
    };
    match addressed(&facts.target.dns, &host) {
        Addressed::Yes => {}
        Addressed::Unknown => return Outcome::CannotTell("its addresses are not all known"),
        _ => return Outcome::NotApplicable("there is no address either"),
    }
    let addresses: Vec<String> = facts
        .target
        .dns
        .host(&host)
        .map(|seen| seen.addresses.iter().map(ToString::to_string).collect())
        .unwrap_or_default();
    let evidence = match addresses.as_slice() {
        [] => format!("{domain}: no MX record"),
        addresses => format!("{domain}: no MX record; address {}", list(addresses)),
    };
    Outcome::found(Found {
        message: format!("{domain} has no MX record, so its mail goes to its own address"),
        fix: format!(
            "It may stay so if {domain} itself runs the mail server. Better publish an MX record \
             that names the mail host, or the null MX `0 .` if the domain takes no mail."
        ),
        evidence: vec![evidence],
        reference: "RFC 5321 §5.1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn no_mx_but_an_address() {
        let world = domain("example.com").implicit(&["192.0.2.1", "2001:db8::1"]);
        assert_eq!(world.codes(), ["implicit-mx", "submission-not-announced"]);
        let evidence = world.found(&IMPLICIT_MX).evidence;
        assert_eq!(evidence, ["example.com: no MX record; address 192.0.2.1 and 2001:db8::1"]);
    }

    #[test]
    fn an_mx_that_names_the_domain_itself_is_explicit() {
        let world = domain("example.com").mx(10, "example.com.");
        let world = world.host("example.com", &["192.0.2.1"]);
        assert_eq!(world.outcome(&IMPLICIT_MX), Outcome::Pass);
    }
}
