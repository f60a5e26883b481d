use super::mx_records;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::names::Exchange;

declare_check! {
    /// ## What it checks
    ///
    /// That no MX record has an IP address where the name of a host belongs.
    ///
    /// ## Why it matters
    ///
    /// An MX record can only hold a name, so `MX 10 192.0.2.1` makes senders look up a host called
    /// "192.0.2.1", which does not exist. A few connect to the address all the same; most give the
    /// mail back.
    ///
    /// ## How to fix it
    ///
    /// Give the address a name with an A or AAAA record, as `mail.example.com. A 192.0.2.1`, and
    /// let the MX record name that: `example.com. MX 10 mail.example.com.`
    ///
    /// ## When it may be wrong
    ///
    /// It is judged from the record's text alone, before any look-up, so it cannot be a passing
    /// fault of the network. A host name whose labels are four numbers does not exist in public
    /// DNS.
    ///
    /// ## References
    ///
    /// RFC 1035 §3.3.9, RFC 5321 §5.1
    pub static MX_IS_ADDRESS = {
        code: "mx-is-address",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "an MX record names an IP address",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let records = match mx_records(facts) {
        Ok(records) => records,
        Err(outcome) => return outcome,
    };
    let domain = &facts.target.target;
    let found = records.iter().filter_map(|record| {
        let Exchange::Address(address) = &record.exchange else { return None };
        Some(Found {
            message: format!("an MX record of {domain} names the IP address {address}, not a host"),
            fix: format!(
                "Publish an A or AAAA record with {address} for a host, as mail.{domain}, and let \
                 the MX record name that host."
            ),
            evidence: vec![format!("MX {} {}", record.preference, record.raw)],
            reference: "RFC 5321 §5.1",
        })
    });
    Outcome::from_list(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn an_address_is_found_with_and_without_the_zone_behind_it() {
        for raw in ["192.0.2.1.", "192.0.2.1.example.com."] {
            let world = domain("example.com").mx(10, raw);
            assert_eq!(world.codes(), ["mx-is-address", "submission-not-announced"], "{raw}");
        }
    }

    #[test]
    fn a_host_with_numbers_in_its_name_is_a_host() {
        let world = domain("example.com").mx(10, "192-0-2-1.mail.example.com.");
        assert_eq!(world.outcome(&MX_IS_ADDRESS), Outcome::Pass);
    }
}
