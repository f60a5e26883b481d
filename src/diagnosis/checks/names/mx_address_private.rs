use super::{answered_mx, mx_hosts};
use crate::address::{is_loopback_or_unspecified, is_public, kind};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::names::{HostName, Target};
use crate::observation::AddressSource;

declare_check! {
    /// ## What it checks
    ///
    /// That the addresses of the MX hosts are public: not private, not shared behind a provider's
    /// NAT, not link-local, and not this machine's own loopback or the unspecified address.
    ///
    /// ## Why it matters
    ///
    /// Senders on the Internet cannot reach such an address. Worse, they reach something else: a
    /// machine of their own network, or themselves. Loopback and unspecified addresses are
    /// therefore never dialled here.
    ///
    /// ## How to fix it
    ///
    /// Publish the public address of the mail host. If only some addresses are private, remove
    /// those: senders try them too. Keep internal addresses in an internal zone.
    ///
    /// ## When it may be wrong
    ///
    /// When the resolver is an internal one that answers with internal addresses on purpose (split
    /// horizon), or one that answers 0.0.0.0 for names that it blocks. Compare with a public
    /// resolver through `--resolver`. Addresses given with `--connect-to` never raise it.
    ///
    /// ## References
    ///
    /// RFC 1918 §3, RFC 6598 §4, RFC 6890 §2.2
    pub static MX_ADDRESS_PRIVATE = {
        code: "mx-address-private",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "an MX host resolves to an address that is not public",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let mx = match answered_mx(facts) {
        Ok(mx) => mx,
        Err(outcome) => return outcome,
    };
    let itself = match &facts.target.target {
        Target::Domain(domain) if mx.implicit => Some(HostName::from(domain.clone())),
        _ => None,
    };
    let mut found = Vec::new();
    let mut seen_all = true;
    for host in mx_hosts(&mx.records).into_iter().chain(&itself) {
        let Some(seen) = facts.target.dns.host(host) else {
            seen_all = false;
            continue;
        };
        if seen.source == AddressSource::ConnectTo {
            continue;
        }
        seen_all &= !seen.addresses.is_empty();
        let bad: Vec<_> = seen.addresses.iter().copied().filter(|a| !is_public(*a)).collect();
        let Some(first) = bad.first() else { continue };
        let others = if bad.len() < seen.addresses.len() { " among others" } else { "" };
        let danger = if bad.iter().any(|address| is_loopback_or_unspecified(*address)) {
            " It was not dialled: a sender that follows such a record connects to itself."
        } else {
            ""
        };
        found.push(Found {
            message: format!(
                "the MX host {host} has the {} address {first}{others}, which the Internet cannot \
                 reach",
                kind(*first)
            ),
            fix: format!(
                "Publish only the public addresses of {host}.{danger} If your own resolver \
                 answers with internal addresses on purpose, ask a public one with --resolver."
            ),
            evidence: bad.iter().map(|a| format!("{host}: {a} is {}", kind(*a))).collect(),
            reference: "RFC 6890 §2.2",
        });
    }
    if found.is_empty() && !seen_all {
        return Outcome::CannotTell("an MX host's addresses are not known");
    }
    Outcome::from_list(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{World, domain};

    fn with(addresses: &[&str]) -> World {
        domain("example.com").mx(10, "mx.example.com.").host("mx.example.com", addresses)
    }

    #[test]
    fn every_address_that_is_not_public_is_shown() {
        let world = with(&["192.0.2.1", "10.1.2.3", "::ffff:127.0.0.1"]);
        assert_eq!(world.codes(), ["mx-address-private", "submission-not-announced"]);
        let found = world.found(&MX_ADDRESS_PRIVATE);
        assert_eq!(
            found.evidence,
            ["mx.example.com: 10.1.2.3 is private", "mx.example.com: ::ffff:127.0.0.1 is loopback"]
        );
        assert!(found.message.contains("among others"), "{found:?}");
        assert!(found.fix.contains("connects to itself"), "{found:?}");
        let implicit = domain("example.com").implicit(&["100.64.0.1"]);
        assert!(implicit.codes().contains(&"mx-address-private"));
    }

    #[test]
    fn public_addresses_and_those_of_connect_to_are_silent() {
        let public = with(&["198.51.100.7", "2001:db8::1"]);
        assert_eq!(public.outcome(&MX_ADDRESS_PRIVATE), Outcome::Pass);
        let diverted = with(&["127.0.0.1"]).last_host(|h| h.source = AddressSource::ConnectTo);
        assert_eq!(diverted.outcome(&MX_ADDRESS_PRIVATE), Outcome::Pass);
    }
}
