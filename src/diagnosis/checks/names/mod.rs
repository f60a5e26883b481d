//! Checks of what DNS says, and what they share: how a host's addresses and a failed look-up read.

pub mod dns_server_failure;
pub mod dnssec_invalid;
pub mod domain_not_found;
pub mod domain_without_mail_host;
pub mod implicit_mx;
pub mod mx_address_private;
pub mod mx_is_address;
pub mod mx_is_alias;
pub mod mx_name_malformed;
pub mod mx_partly_unreachable;
pub mod mx_without_address;
pub mod null_mx;
pub mod null_mx_mixed;
pub mod server_without_address;
pub mod submission_disabled;
pub mod submission_not_announced;

use crate::diagnosis::check::{Outcome, TargetFacts};
use crate::diagnosis::words::shorten;
use crate::names::{Domain, Exchange, HostName, Target};
use crate::observation::{
    AddressSource, DnsObservation, Lookup, LookupOutcome, MxObservation, MxRecord, ServerFailure,
};

/// The MX observation of a domain whose MX look-up got an answer; else the outcome of every check
/// that needs one.
fn answered_mx<'a>(facts: &TargetFacts<'a>) -> Result<&'a MxObservation, Outcome> {
    match &facts.target.dns.mx {
        None => Err(Outcome::NotApplicable("the target is no domain")),
        Some(mx) if !mx.lookup.outcome.is_answer() => {
            Err(Outcome::CannotTell("the MX look-up got no answer"))
        }
        Some(mx) => Ok(mx),
    }
}

/// The MX records of a domain that has some; else the outcome of every check that needs one.
fn mx_records<'a>(facts: &TargetFacts<'a>) -> Result<&'a [MxRecord], Outcome> {
    let mx = answered_mx(facts)?;
    if mx.records.is_empty() {
        return Err(Outcome::NotApplicable("there is no MX record"));
    }
    Ok(&mx.records)
}

/// The hosts that MX records name, each once, most preferred first.
fn mx_hosts(records: &[MxRecord]) -> Vec<&HostName> {
    let mut hosts = Vec::new();
    for record in records {
        if let Exchange::Host(host) = &record.exchange
            && !hosts.contains(&host)
        {
            hosts.push(host);
        }
    }
    hosts
}

/// The domain, and the host that it is itself where it has no MX record (RFC 5321 §5.1); else the
/// outcome of every check that looks at that.
fn implicit_host<'a>(facts: &TargetFacts<'a>) -> Result<(&'a Domain, HostName), Outcome> {
    let mx = answered_mx(facts)?;
    let Target::Domain(domain) = &facts.target.target else {
        return Err(Outcome::NotApplicable("the target is no domain"));
    };
    match mx.implicit {
        true => Ok((domain, HostName::from(domain.clone()))),
        false => Err(Outcome::Pass),
    }
}

/// Whether a host has an address, as far as DNS said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addressed {
    /// It has one, or the user gave one in its place.
    Yes,
    /// The name exists, without A and AAAA records.
    NoRecord,
    /// The name does not exist: no address of either family can (RFC 8020).
    NoSuchName,
    /// A family was not asked for, or the look-up failed.
    Unknown,
}

fn addressed(dns: &DnsObservation, host: &HostName) -> Addressed {
    let Some(seen) = dns.host(host) else { return Addressed::Unknown };
    if !seen.addresses.is_empty() || seen.source == AddressSource::ConnectTo {
        return Addressed::Yes;
    }
    let outcomes = [&seen.ipv4, &seen.ipv6].map(|f| f.as_ref().map(|f| &f.lookup.outcome));
    if outcomes.contains(&Some(&LookupOutcome::NxDomain)) {
        return Addressed::NoSuchName;
    }
    if outcomes.iter().all(|outcome| outcome.is_some_and(LookupOutcome::is_answer)) {
        return Addressed::NoRecord;
    }
    Addressed::Unknown
}

impl Addressed {
    /// The evidence for an address that is missing.
    fn evidence(self, host: &HostName) -> String {
        match self {
            Self::NoSuchName => format!("{host}: NXDOMAIN"),
            _ => format!("{host}: no A record and no AAAA record"),
        }
    }
}

/// The look-ups about one name that came to SERVFAIL.
struct FailedName<'a> {
    /// What they are about: `_submission._tcp.example.com` is about `example.com`.
    name: &'a str,
    /// Each with what further questions showed.
    lookups: Vec<(&'a Lookup, &'a ServerFailure)>,
}

/// The look-ups of a target that came to SERVFAIL in the `wanted` way; else the outcome of the
/// check.
fn server_failures<'a>(
    facts: &TargetFacts<'a>,
    wanted: fn(&ServerFailure) -> bool,
) -> Result<Vec<FailedName<'a>>, Outcome> {
    let mut failed: Vec<FailedName<'a>> = Vec::new();
    let mut unanswered = false;
    let mut asked = false;
    for lookup in facts.target.dns.lookups() {
        asked = true;
        unanswered |= !lookup.outcome.is_answer();
        let LookupOutcome::ServerFailure(failure) = &lookup.outcome else { continue };
        if !wanted(failure) {
            continue;
        }
        let name = without_service_labels(&lookup.name);
        match failed.iter_mut().find(|seen| seen.name == name) {
            Some(seen) => seen.lookups.push((lookup, failure)),
            None => failed.push(FailedName { name, lookups: vec![(lookup, failure)] }),
        }
    }
    match (failed.is_empty(), asked, unanswered) {
        (false, ..) => Ok(failed),
        (true, false, _) => Err(Outcome::NotApplicable("nothing was looked up")),
        (true, true, true) => Err(Outcome::CannotTell("a look-up got no answer")),
        (true, true, false) => Err(Outcome::Pass),
    }
}

fn without_service_labels(name: &str) -> &str {
    let mut rest = name;
    while rest.starts_with('_')
        && let Some((_, parent)) = rest.split_once('.')
    {
        rest = parent;
    }
    rest
}

impl FailedName<'_> {
    /// The questions, and the extended errors that came with SERVFAIL.
    fn evidence(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (lookup, failure) in &self.lookups {
            lines.push(format!("{} {}: SERVFAIL", lookup.name, lookup.record_type));
            for extended in &failure.extended {
                let what = extended_error(extended.code);
                let colon = if extended.text.is_empty() { "" } else { ": " };
                let line = format!(
                    "extended error {} ({what}){colon}{}",
                    extended.code,
                    shorten(&extended.text)
                );
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        lines
    }
}

/// The names of the extended errors that explain a SERVFAIL (RFC 8914 §4).
fn extended_error(code: u16) -> &'static str {
    match code {
        1 => "unsupported DNSKEY algorithm",
        2 => "unsupported DS digest type",
        5 => "DNSSEC indeterminate",
        6 => "DNSSEC bogus",
        7 => "signature expired",
        8 => "signature not yet valid",
        9 => "DNSKEY missing",
        10 => "RRSIGs missing",
        11 => "no zone key bit set",
        12 => "NSEC missing",
        13 => "cached error",
        14 => "not ready",
        22 => "no reachable authority",
        23 => "network error",
        24 => "invalid data",
        25 => "signature expired before valid",
        27 => "unsupported NSEC3 iterations",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_about_its_domain() {
        assert_eq!(without_service_labels("_submission._tcp.example.com"), "example.com");
        assert_eq!(without_service_labels("mx.example.com"), "mx.example.com");
        assert_eq!(without_service_labels("_only"), "_only");
    }
}
