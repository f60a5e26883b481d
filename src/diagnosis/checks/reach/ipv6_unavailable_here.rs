use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::list;
use crate::observation::{Probe, Skip};

declare_check! {
    /// ## What it checks
    ///
    /// Whether IPv6 addresses of the target were skipped because this machine has no IPv6.
    ///
    /// ## Why it matters
    ///
    /// It says nothing about the servers: their IPv6 addresses were just not looked at. What is
    /// reported about the target is about IPv4 only.
    ///
    /// ## How to fix it
    ///
    /// Nothing is wrong with the target. Run it again from a machine that has IPv6 to check those
    /// addresses too, or give `-4` to leave them out without this note.
    ///
    /// ## When it may be wrong
    ///
    /// This machine's routing table was asked, without sending a packet. Inside a container or a
    /// VPN it may lack a route that the machine itself has.
    ///
    /// ## References
    ///
    /// RFC 5321 §5.2
    pub static IPV6_UNAVAILABLE_HERE = {
        code: "ipv6-unavailable-here",
        group: Reach,
        relay: Some(Severity::Note),
        elsewhere: Some(Severity::Note),
        summary: "this machine has no IPv6; IPv6 addresses were skipped",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let mut skipped: Vec<String> = Vec::new();
    let mut by_host: Vec<String> = Vec::new();
    for endpoint in &facts.target.endpoints {
        let address = endpoint.address.to_string();
        if endpoint.probe == Probe::Skipped(Skip::NoIpv6Here) && !skipped.contains(&address) {
            by_host.push(format!("not dialled: {}[{address}]", endpoint.host));
            skipped.push(address);
        }
    }
    if skipped.is_empty() {
        return Outcome::Pass;
    }
    // More than a few would fill the sentence; all of them are in the evidence.
    let named = match skipped.len() {
        1..=3 => list(&skipped),
        n => format!("{n} IPv6 addresses"),
    };
    let were = if skipped.len() == 1 { "was" } else { "were" };
    Outcome::found(Found {
        message: format!("this machine has no IPv6, so {named} {were} not checked"),
        fix: "Nothing is wrong with the target. Run this from a machine with IPv6 to check those \
              addresses too."
            .to_owned(),
        evidence: by_host,
        reference: "RFC 5321 §5.2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn one_note_names_each_skipped_address_once() {
        let world = domain("example.com")
            .skipped("2001:db8::1", Skip::NoIpv6Here)
            .skipped("2001:db8::1", Skip::NoIpv6Here)
            .skipped("2001:db8::2", Skip::NoIpv6Here);
        let found = world.found(&IPV6_UNAVAILABLE_HERE);
        assert!(found.message.contains("2001:db8::1 and 2001:db8::2 were"), "{found:?}");
        assert_eq!(found.evidence.len(), 2);
    }

    #[test]
    fn other_reasons_for_not_dialling_are_no_missing_ipv6() {
        let world = domain("example.com")
            .skipped("192.0.2.1", Skip::NoIpv4Here)
            .skipped("::1", Skip::Forbidden("loopback".to_owned()));
        assert_eq!(world.outcome(&IPV6_UNAVAILABLE_HERE), Outcome::Pass);
    }
}
