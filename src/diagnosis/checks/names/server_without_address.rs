use super::{Addressed, addressed};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::shorten;
use crate::names::{Exchange, HostName, Target};

declare_check! {
    /// ## What it checks
    ///
    /// That every submission server, and the server that the user named, has an A or AAAA record.
    ///
    /// ## Why it matters
    ///
    /// A mail program that is set up with such a name cannot connect to anything. In an SRV record
    /// it breaks the automatic set-up of every mail program that asks for it.
    ///
    /// ## How to fix it
    ///
    /// Check the spelling of the name, on the command line or in the SRV record. If it is right,
    /// publish an A or AAAA record for it.
    ///
    /// ## When it may be wrong
    ///
    /// When the name exists only inside a private network whose resolver was not asked, or when it
    /// stands only in a hosts file and `--resolver` turned that off. Nothing is claimed where a
    /// look-up failed.
    ///
    /// ## References
    ///
    /// RFC 2782, RFC 6186 §3.1
    pub static SERVER_WITHOUT_ADDRESS = {
        code: "server-without-address",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "a submission server or named host has no address",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let dns = &facts.target.dns;
    let mut hosts: Vec<&HostName> = Vec::new();
    if let Target::Server(server) | Target::Submission(server) = &facts.target.target {
        hosts.extend(server.host.name());
    }
    hosts.extend(dns.submission.iter().filter_map(|server| server.host.name()));
    let mut found = impossible_srv_targets(facts);
    let mut unknown = false;
    for (position, host) in hosts.iter().enumerate() {
        if hosts[..position].contains(host) {
            continue;
        }
        // For a server that the user names the hosts file is as good as DNS.
        if dns.sources(host).any(|seen| !seen.addresses.is_empty()) {
            continue;
        }
        let missing = addressed(dns, host);
        let what = match missing {
            Addressed::Yes => continue,
            Addressed::Unknown => {
                unknown = true;
                continue;
            }
            Addressed::NoRecord => "has no address",
            Addressed::NoSuchName => "does not exist",
        };
        found.push(Found {
            message: format!("the server {host} {what}"),
            fix: format!(
                "Check the spelling of {host}. If it is right, publish an A or AAAA record for it."
            ),
            evidence: vec![missing.evidence(host)],
            reference: "RFC 2782",
        });
    }
    match (found.is_empty(), hosts.is_empty(), unknown) {
        (false, ..) => Outcome::Found(found),
        (true, true, _) => Outcome::NotApplicable("no server is known by name"),
        (true, false, true) => Outcome::CannotTell("a server's addresses are not all known"),
        (true, false, false) => Outcome::Pass,
    }
}

/// SRV targets that cannot be looked up, because they are no names of hosts.
fn impossible_srv_targets(facts: &TargetFacts<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for srv in &facts.target.dns.srv {
        for record in &srv.records {
            let why = match &record.target {
                Exchange::Host(_) | Exchange::Null => continue,
                Exchange::Address(_) => "it is an IP address",
                Exchange::Malformed(why) => why,
            };
            found.push(Found {
                message: format!(
                    "the SRV record {} names `{}`, which cannot be a host: {why}",
                    srv.lookup.name,
                    shorten(&record.raw)
                ),
                fix: "Let the SRV record name a host that has an A or AAAA record.".to_owned(),
                evidence: vec![format!(
                    "{} SRV {} {} {} {}",
                    srv.lookup.name, record.priority, record.weight, record.port, record.raw
                )],
                reference: "RFC 2782",
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{domain, server};
    use crate::observation::LookupOutcome;

    #[test]
    fn a_named_server_and_an_srv_target_need_an_address() {
        let named = server("mail.example.com:587").host("mail.example.com", &[]);
        assert_eq!(named.codes(), ["server-without-address"]);
        let srv = domain("example.com").srv("_submission._tcp", 587, "smtp.example.com.");
        let srv = srv.host("smtp.example.com", &[]).last_host_outcome(LookupOutcome::NxDomain);
        assert!(srv.found(&SERVER_WITHOUT_ADDRESS).message.ends_with("does not exist"));
        let address = domain("example.com").srv("_submission._tcp", 587, "192.0.2.1.");
        assert!(address.found(&SERVER_WITHOUT_ADDRESS).message.contains("an IP address"));
    }

    #[test]
    fn an_address_needs_none_and_a_failed_look_up_shows_none() {
        let address = server("192.0.2.1:25");
        assert!(matches!(address.outcome(&SERVER_WITHOUT_ADDRESS), Outcome::NotApplicable(_)));
        let failed = server("mail.example.com:25").host("mail.example.com", &[]);
        let failed = failed.last_host_outcome(LookupOutcome::TimedOut);
        assert!(matches!(failed.outcome(&SERVER_WITHOUT_ADDRESS), Outcome::CannotTell(_)));
        let good = server("mail.example.com:25").host("mail.example.com", &["192.0.2.1"]);
        assert_eq!(good.outcome(&SERVER_WITHOUT_ADDRESS), Outcome::Pass);
        let absent = domain("example.com").srv("_submission._tcp", 0, ".");
        assert!(!absent.codes().contains(&"server-without-address"));
    }
}
