use super::mx_records;
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::shorten;
use crate::names::Exchange;

declare_check! {
    /// ## What it checks
    ///
    /// That every MX record names something that can be a host: no URL, no port, no space, and not
    /// the domain twice at its end.
    ///
    /// ## Why it matters
    ///
    /// Senders look the name up as it stands, find nothing and go on to the next MX or give the
    /// mail back. The usual causes are a missing final dot in a zone file, which makes
    /// `mail.example.com.example.com`, and a web form into which a URL was pasted.
    ///
    /// ## How to fix it
    ///
    /// Correct the record so that it holds the bare host name and nothing else. In a zone file end
    /// it with a dot: `MX 10 mail.example.com.`; in most web forms leave the dot and the preference
    /// out.
    ///
    /// ## When it may be wrong
    ///
    /// A name that ends with its domain twice could exist on purpose; whoever really has such a
    /// host may ignore this with `--ignore mx-name-malformed`.
    ///
    /// ## References
    ///
    /// RFC 1035 §2.3.1, RFC 1035 §5.1, RFC 5321 §2.3.5
    pub static MX_NAME_MALFORMED = {
        code: "mx-name-malformed",
        group: Names,
        relay: Some(Severity::Error),
        elsewhere: Some(Severity::Error),
        summary: "an MX record names something that cannot be a host",
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
        let Exchange::Malformed(why) = &record.exchange else { return None };
        Some(Found {
            message: format!(
                "an MX record of {domain} names `{}`, which cannot be a host: {why}",
                shorten(&record.raw)
            ),
            fix: "Correct the MX record so that it holds the bare name of the mail host, ended \
                  with a dot where it stands in a zone file."
                .to_owned(),
            evidence: vec![format!("MX {} {}", record.preference, record.raw)],
            reference: "RFC 5321 §2.3.5",
        })
    });
    Outcome::from_list(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::fixture::domain;

    #[test]
    fn each_malformed_record_is_named_with_its_reason() {
        let world = domain("example.com");
        let world = world.mx(10, "mail.example.com.example.com.").mx(20, "http://mail.example.com");
        let Outcome::Found(found) = world.outcome(&MX_NAME_MALFORMED) else {
            panic!("nothing was found");
        };
        assert_eq!(found.len(), 2);
        assert!(found[0].message.contains("a dot is missing"), "{found:?}");
        assert!(found[1].message.contains("it is a URL"), "{found:?}");
    }

    #[test]
    fn an_underscore_does_not_make_a_name_malformed() {
        let world = domain("example.com").mx(10, "_dc-mx.1234.example.com.");
        assert_eq!(world.outcome(&MX_NAME_MALFORMED), Outcome::Pass);
    }
}
