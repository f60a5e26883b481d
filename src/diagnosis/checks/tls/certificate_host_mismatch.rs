use super::{chain, leaf_line};
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::{list, shorten};

declare_check! {
    /// ## What it checks
    ///
    /// That the certificate names the server that was asked for, in its subject alternative names.
    /// The common name does not count.
    ///
    /// ## Why it matters
    ///
    /// Mail programs refuse to log in to a server whose certificate is for another name, or
    /// frighten the user. On port 25 most servers do not look, but senders that an MTA-STS policy
    /// binds do, and put the mail off.
    ///
    /// ## How to fix it
    ///
    /// Get a certificate that names the server as clients call it, best all its names in one
    /// certificate. Or let the MX record, the SRV record and the users' settings use a name that
    /// the certificate has. If the server has several certificates, see that it picks by the name
    /// the client sends (SNI).
    ///
    /// ## When it may be wrong
    ///
    /// If unrelated servers show the same certificate from here, something in the path answers in
    /// their place: a provider's redirect or security software. Under DANE a certificate on port 25
    /// need not have the name.
    ///
    /// ## References
    ///
    /// RFC 9525 §6.3, RFC 7817 §3, RFC 8460 §4.3.1, RFC 8461 §4.2
    pub static CERTIFICATE_HOST_MISMATCH = {
        code: "certificate-host-mismatch",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "the certificate does not name the server that was asked for",
        settings: super::CERTIFICATE,
        rule: Rule::Endpoint(check),
    };
}

/// So many names stand in the sentence; certificates of large providers have hundreds.
const NAMED: usize = 4;

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let tls = match chain(facts) {
        Ok(tls) => tls,
        Err(outcome) => return outcome,
    };
    match tls.name_matches {
        Some(false) => {}
        Some(true) => return Outcome::Pass,
        None if facts.endpoint.host.name().is_none() => {
            return Outcome::NotApplicable("no name was asked for");
        }
        None => return Outcome::CannotTell("the names were not compared"),
    }
    let leaf = &tls.chain[0];
    let asked = &facts.endpoint.host;
    let label = facts.endpoint.label();
    let mut shown: Vec<String> = leaf.names.iter().take(NAMED).map(|name| shorten(name)).collect();
    if leaf.names.len() > NAMED {
        shown.push(format!("{} more", leaf.names.len() - NAMED));
    }
    let message = if leaf.error.is_some() {
        format!("the certificate of {label} cannot be read, so it does not name {asked}")
    } else if shown.is_empty() {
        format!("the certificate of {label} names no server at all, so not {asked} either")
    } else {
        format!("the certificate of {label} is for {}, not for {asked}", list(&shown))
    };
    let presented = match leaf.names.len() {
        0 => "presented: no subject alternative name".to_owned(),
        _ => format!("presented: {}", leaf.names.join(", ")),
    };
    Outcome::found(Found {
        message,
        fix:
            "Get a certificate that has the name asked for among its subject alternative names, or \
              let records and mail programs use a name that it has."
                .to_owned(),
        evidence: vec![format!("asked for: {asked}"), presented, leaf_line(tls)],
        reference: "RFC 9525 §6.3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{ip, talk};
    use crate::names::Host;

    #[test]
    fn both_names_are_shown() {
        let talk = talk(465).tls(|tls| {
            tls.name_matches = Some(false);
            tls.chain[0].names = (1..=6).map(|n| format!("www{n}.example.net")).collect();
        });
        assert_eq!(talk.codes(), ["certificate-host-mismatch"]);
        let found = talk.found(&CERTIFICATE_HOST_MISMATCH);
        assert!(
            found.message.ends_with("www4.example.net and 2 more, not for mx.example.com"),
            "{found:?}"
        );
        assert!(found.evidence[1].contains("www6.example.net"), "{found:?}");
    }

    #[test]
    fn a_certificate_with_a_common_name_only_names_nobody() {
        let talk = talk(25).tls(|tls| {
            tls.name_matches = Some(false);
            tls.chain[0].names.clear();
        });
        let found = talk.found(&CERTIFICATE_HOST_MISMATCH);
        assert!(found.message.contains("names no server at all"), "{found:?}");
    }

    #[test]
    fn an_address_asks_for_no_name() {
        let talk = talk(465)
            .at(|endpoint| endpoint.host = Host::Address(ip("192.0.2.1")))
            .tls(|tls| tls.name_matches = None);
        assert!(matches!(talk.outcome(&CERTIFICATE_HOST_MISMATCH), Outcome::NotApplicable(_)));
    }
}
