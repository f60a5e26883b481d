use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;

declare_check! {
    /// ## What it checks
    ///
    /// That no certificate that the server sends has ended its validity, at the time of the run.
    ///
    /// ## Why it matters
    ///
    /// Mail programs refuse to send through a server with an expired certificate. Servers that
    /// relay to port 25 mostly go on without authentication, unless DANE or MTA-STS forbids it.
    ///
    /// ## How to fix it
    ///
    /// Renew the certificate, install the whole new chain, and reload the mail server: most keep
    /// the old one in memory until then.
    ///
    /// ## When it may be wrong
    ///
    /// When the clock of the machine that runs this check is wrong.
    ///
    /// ## References
    ///
    /// RFC 5280 §4.1.2.5, RFC 8314 §5.4
    pub static CERTIFICATE_EXPIRED = {
        code: "certificate-expired",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "a certificate's validity has ended",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(tls) = facts.connected().and_then(|c| c.tls.as_ref()) else {
        return Outcome::NotApplicable("there was no TLS handshake");
    };
    if tls.chain.is_empty() {
        return Outcome::CannotTell("no certificate was seen");
    }
    let now = facts.target.observed_at;
    let Some((position, end)) = tls
        .chain
        .iter()
        .enumerate()
        .find_map(|(i, c)| c.not_after.filter(|end| *end < now).map(|end| (i, end)))
    else {
        return Outcome::Pass;
    };
    let days = (now - end).whole_days();
    let whose = if position == 0 { "certificate" } else { "intermediate certificate" };
    Outcome::found(Found {
        message: format!("the {whose} of {} expired {days} days ago", facts.endpoint.label()),
        fix: "Renew it, install the whole new chain, and reload the mail server.".to_owned(),
        evidence: vec![format!("{}: not after {end}", tls.chain[position].subject)],
        reference: "RFC 5280 §4.1.2.5",
    })
}
