use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::quote_bytes;

declare_check! {
    /// ## What it checks
    ///
    /// That nothing stands behind the server's 220 to STARTTLS before TLS begins. Here plaintext
    /// came in the same breath.
    ///
    /// ## Why it matters
    ///
    /// Such bytes are sent before the encryption and read after it by a careless client, as if the
    /// server had said them under its protection. Somebody on the way can slip answers in like
    /// that. This program drops them, as the standard asks.
    ///
    /// ## How to fix it
    ///
    /// Update the server, or the proxy in front of it: it must send nothing between the 220 and the
    /// handshake. If the server is innocent, somebody or something in the path adds the bytes, and
    /// that should be found out.
    ///
    /// ## When it may be wrong
    ///
    /// The bytes were really received. Whether the server sent them or something in between, also
    /// on this side, cannot be told from here.
    ///
    /// ## References
    ///
    /// RFC 3207 §4.2, RFC 3207 §6
    pub static PLAINTEXT_AFTER_STARTTLS = {
        code: "plaintext-after-starttls",
        group: Dialogue,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "plaintext was buffered behind the 220 to STARTTLS",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let starttls = facts.connected().and_then(|seen| seen.smtp.starttls.as_ref());
    let Some(starttls) = starttls.filter(|starttls| starttls.reply.is_some()) else {
        return facts.not_reached();
    };
    if starttls.plaintext_behind.is_empty() {
        return Outcome::Pass;
    }
    Outcome::found(Found {
        message: format!(
            "{} sends plaintext behind its 220 to STARTTLS, before TLS begins",
            facts.endpoint.label()
        ),
        fix:
            "Update the server or the proxy in front of it: nothing may stand between the 220 and \
              the handshake. If the server is innocent, find out what in the path adds the bytes."
                .to_owned(),
        evidence: vec![format!(
            "{} bytes: {}",
            starttls.plaintext_behind.len(),
            quote_bytes(&starttls.plaintext_behind)
        )],
        reference: "RFC 3207 §4.2",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn bytes_behind_the_220_are_shown() {
        let talk = talk(25).edit(|c| {
            let starttls = c.smtp.starttls.as_mut().expect("a port with STARTTLS");
            starttls.plaintext_behind = b"250 injected\r\n".to_vec();
        });
        assert_eq!(talk.codes(), ["plaintext-after-starttls"]);
        let found = talk.found(&PLAINTEXT_AFTER_STARTTLS);
        assert_eq!(found.evidence, ["14 bytes: 250 injected"]);
    }

    #[test]
    fn silent_where_nothing_stands_there() {
        assert_eq!(talk(25).outcome(&PLAINTEXT_AFTER_STARTTLS), Outcome::Pass);
        let implicit = talk(465).outcome(&PLAINTEXT_AFTER_STARTTLS);
        assert!(matches!(implicit, Outcome::NotApplicable(_)));
    }
}
