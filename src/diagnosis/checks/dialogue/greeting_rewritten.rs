use super::masked_keyword;
use crate::diagnosis::check::{EndpointFacts, Found, Outcome, Rule, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::quote;
use crate::observation::Reply;

declare_check! {
    /// ## What it checks
    ///
    /// Whether something between here and the server writes over what it says: a greeting of
    /// asterisks (`220 ****`), or an EHLO keyword of which only X's are left (`XXXXXXXA`).
    ///
    /// ## Why it matters
    ///
    /// The filter that does it lets only the commands of 1982 pass. It hides STARTTLS, so mail and
    /// passwords go in clear, and it breaks other extensions at times.
    ///
    /// ## How to fix it
    ///
    /// Nearly always it is a firewall in front of the server, of the Cisco PIX and ASA family:
    /// switch off `inspect esmtp` there, or allow TLS in its policy map (`allow-tls`).
    ///
    /// ## When it may be wrong
    ///
    /// The filter may stand on this side. If other servers greet with asterisks from here too, it
    /// is yours or your provider's.
    ///
    /// ## References
    ///
    /// RFC 5321 §4.1.1.1, RFC 3207 §6
    pub static GREETING_REWRITTEN = {
        code: "greeting-rewritten",
        group: Dialogue,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Error),
        summary: "a filter masks the greeting or the EHLO keywords",
        rule: Rule::Endpoint(check),
    };
}

fn check(facts: &EndpointFacts<'_>) -> Outcome {
    let Some(seen) = facts.connected() else { return facts.unseen() };
    let Some(greeting) = &seen.smtp.greeting else {
        return Outcome::CannotTell("no greeting was read");
    };
    let masked = seen.smtp.capabilities.as_ref().and_then(masked_keyword);
    let mut evidence = Vec::new();
    if is_masked(greeting) {
        evidence.push(format!("greeting: {}", quote(greeting)));
    }
    if let Some(keyword) = masked {
        evidence.push(format!("EHLO offers {keyword}"));
    }
    let what = match (is_masked(greeting), masked) {
        (false, None) => return Outcome::Pass,
        (true, None) => "the greeting",
        (false, Some(_)) => "an EHLO keyword",
        (true, Some(_)) => "the greeting and an EHLO keyword",
    };
    Outcome::found(Found {
        message: format!("something writes over {what} of {}", facts.endpoint.label()),
        fix: "On the firewall in front of the server switch SMTP inspection off (Cisco: `no \
              inspect esmtp`) or let it allow TLS. If other servers look the same from here, the \
              filter is on this side."
            .to_owned(),
        evidence,
        reference: "RFC 3207 §6",
    })
}

/// A greeting of which only asterisks are left, and the `2`, `0` and space that such filters keep.
fn is_masked(greeting: &Reply) -> bool {
    let first = greeting.lines.first().map(String::as_str).unwrap_or_default();
    let stars = first.chars().filter(|c| *c == '*').count();
    stars >= 3 && first.chars().all(|c| matches!(c, '*' | '2' | '0' | ' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::talk;

    #[test]
    fn masks_are_recognised_and_hide_the_missing_starttls() {
        let keyword = talk(25).offers(&["SIZE", "XXXXXXXA"]);
        assert_eq!(keyword.codes(), ["greeting-rewritten"]);
        let both = talk(25).greeting("220 ****2***0***").offers(&["XXXXXXXA"]);
        assert_eq!(both.codes(), ["greeting-rewritten"]);
        assert_eq!(both.found(&GREETING_REWRITTEN).evidence.len(), 2);
    }

    #[test]
    fn ordinary_words_are_no_masks() {
        for greeting in ["220 *", "220 mx *** no spam ***", "220 2020"] {
            assert_eq!(talk(25).greeting(greeting).outcome(&GREETING_REWRITTEN), Outcome::Pass);
        }
        let keywords = talk(25).offers(&["STARTTLS", "XVERP", "X-EXPS", "XXX", "XEXCH50"]);
        assert_eq!(keywords.outcome(&GREETING_REWRITTEN), Outcome::Pass);
    }
}
