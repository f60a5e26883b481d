use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::quote;

declare_check! {
    /// ## What it checks
    ///
    /// Whether the server knows EHLO. Here EHLO was refused and the older HELO accepted.
    ///
    /// ## Why it matters
    ///
    /// Without EHLO there are no extensions: no encryption, no login, no 8-bit text, no size limit
    /// that is told beforehand. EHLO has been required of every server since 2001.
    ///
    /// ## How to fix it
    ///
    /// Update the server. If its software knows EHLO, look for a filter in front of it that lets
    /// only the oldest commands pass, such as the SMTP inspection of a firewall.
    ///
    /// ## When it may be wrong
    ///
    /// A server may refuse EHLO only under the name that this client gave; try another with
    /// `--helo`. A filter on this side shows at every server.
    ///
    /// ## References
    ///
    /// RFC 5321 §2.2.1, RFC 5321 §4.5.1
    pub static EHLO_UNSUPPORTED = {
        code: "ehlo-unsupported",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "only HELO works",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(seen) = facts.connected() else { return facts.unseen() };
    let smtp = &seen.smtp;
    let rounds = [
        (&smtp.capabilities, &smtp.ehlo_attempts),
        (&smtp.capabilities_after_tls, &smtp.ehlo_attempts_after_tls),
    ];
    if rounds.iter().all(|(offered, _)| offered.is_none()) {
        return facts.not_reached();
    }
    let helo_only =
        rounds.iter().find(|(offered, _)| offered.as_ref().is_some_and(|o| o.helo_only));
    let Some((_, attempts)) = helo_only else { return Outcome::Pass };
    Outcome::found(Found {
        message: format!("{} refuses EHLO and accepts only HELO", facts.endpoint.label()),
        fix:
            "Update the server, or switch off the filter in front of it that lets only the oldest \
              SMTP commands pass."
                .to_owned(),
        evidence: attempts
            .iter()
            .map(|a| format!("{} {}: {}", a.verb, a.name, quote(&a.reply)))
            .collect(),
        reference: "RFC 5321 §2.2.1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::{reply, talk};

    #[test]
    fn helo_alone_also_means_no_starttls() {
        let talk = talk(25).offers(&[]).edit(|c| {
            c.smtp.capabilities.as_mut().expect("offers").helo_only = true;
            c.smtp.ehlo_attempts[0].reply = reply("502 5.5.1 not implemented");
        });
        assert_eq!(talk.codes(), ["ehlo-unsupported", "starttls-not-supported"]);
        let found = talk.found(&EHLO_UNSUPPORTED);
        assert_eq!(found.evidence, ["EHLO client.example: 502 5.5.1 not implemented"]);
    }

    #[test]
    fn an_ehlo_without_keywords_is_still_an_ehlo() {
        assert_eq!(talk(25).offers(&[]).outcome(&EHLO_UNSUPPORTED), Outcome::Pass);
        let refused = talk(25).refuses_ehlo("550 no");
        assert!(matches!(refused.outcome(&EHLO_UNSUPPORTED), Outcome::CannotTell(_)));
    }
}
