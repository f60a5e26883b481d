use super::{mx_hosts, mx_records};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That no MX record names an alias: the host has to have address records of its own, not a
    /// CNAME that points to another name.
    ///
    /// ## Why it matters
    ///
    /// Most servers follow the alias and deliver, but the standards forbid it and a few refuse. The
    /// name that the server presents in its certificate and in its greeting is often that of the
    /// alias's end, and a server that finds its own name only there may not notice that it is an MX
    /// itself and build a mail loop.
    ///
    /// ## How to fix it
    ///
    /// Let the MX record name the host at the end of the alias. Or replace the CNAME record by A
    /// and AAAA records.
    ///
    /// ## When it may be wrong
    ///
    /// Some name servers flatten aliases and some resolvers build them for filtering; then the
    /// CNAME is seen by some clients and not by others. The evidence shows the chain as it was
    /// answered.
    ///
    /// ## References
    ///
    /// RFC 2181 §10.3, RFC 5321 §5.1
    pub static MX_IS_ALIAS = {
        code: "mx-is-alias",
        group: Names,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "an MX record names a CNAME",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let records = match mx_records(facts) {
        Ok(records) => records,
        Err(outcome) => return outcome,
    };
    let mut found = Vec::new();
    let mut seen_all = true;
    for host in mx_hosts(records) {
        let seen = facts.target.dns.host(host);
        let lookups: Vec<_> = seen
            .into_iter()
            .flat_map(|h| [&h.ipv4, &h.ipv6])
            .flatten()
            .map(|family| &family.lookup)
            .collect();
        let Some(alias) = lookups.iter().find(|lookup| !lookup.aliases.is_empty()) else {
            seen_all &= lookups.iter().any(|lookup| lookup.outcome.is_answer());
            continue;
        };
        let end = alias.aliases.last().map(String::as_str).unwrap_or_default();
        found.push(Found {
            message: format!("the MX host {host} is an alias (CNAME) for {end}"),
            fix: format!(
                "Let the MX record name {end} itself, or give {host} A and AAAA records in place \
                 of the CNAME."
            ),
            evidence: vec![format!("{host} → {}", alias.aliases.join(" → "))],
            reference: "RFC 2181 §10.3",
        });
    }
    if found.is_empty() && !seen_all {
        return Outcome::CannotTell("an MX host could not be looked up");
    }
    Outcome::from_list(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;
    use crate::observation::LookupOutcome;

    #[test]
    fn an_alias_is_found_even_where_only_one_family_shows_it() {
        let world = domain("example.com").mx(10, "mx.example.com.");
        let world = world.host("mx.example.com", &["192.0.2.1"]).last_host(|host| {
            let aliases = &mut host.ipv6.as_mut().expect("asked").lookup.aliases;
            *aliases = vec!["a.example.net".to_owned(), "b.example.net".to_owned()];
        });
        assert_eq!(world.codes(), ["mx-is-alias", "submission-not-announced"]);
        let found = world.found(&MX_IS_ALIAS);
        assert_eq!(found.evidence, ["mx.example.com → a.example.net → b.example.net"]);
        assert!(found.message.ends_with("for b.example.net"));
    }

    #[test]
    fn the_domain_itself_may_be_an_alias() {
        let world = domain("example.com").mx(10, "mx.example.net.").dns(|dns| {
            let lookup = &mut dns.mx.as_mut().expect("a domain").lookup;
            lookup.aliases = vec!["example.net".to_owned()];
        });
        let world = world.host("mx.example.net", &["192.0.2.1"]);
        assert_eq!(world.outcome(&MX_IS_ALIAS), Outcome::Pass);
        let unknown = world.last_host_outcome(LookupOutcome::TimedOut);
        assert!(matches!(unknown.outcome(&MX_IS_ALIAS), Outcome::CannotTell(_)));
    }
}
