//! Which findings have one cause, wherever they were made.
//!
//! Knows that the same words about two places are one thing to mend, and that other facts are
//! another. Must not know how either is shown.

use std::net::IpAddr;

use super::finding::Finding;

/// Where a finding was made.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The server as it is called.
    pub host: &'a str,
    /// The address that was dialled.
    pub address: IpAddr,
    /// The port that was meant.
    pub port: u16,
}

/// What findings of one cause have in common. How bad it is differs from port to port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    code: String,
    fix: String,
    message: String,
}

impl Place<'_> {
    /// The form in which people quote an endpoint: `name[address]:port`.
    pub fn label(&self) -> String {
        let Self { host, address, port } = self;
        if *host == address.to_string() {
            format!("[{address}]:{port}")
        } else {
            format!("{host}[{address}]:{port}")
        }
    }

    /// A text with every form of this place's name taken out.
    pub fn taken_out_of(&self, text: &str) -> String {
        let Self { host, address, port } = self;
        let forms = [
            self.label(),
            format!("{host}[{address}]"),
            format!("{host}:{port}"),
            (*host).to_owned(),
            address.to_string(),
        ];
        // A name that is empty, which nothing should send, would be found everywhere.
        let forms = forms.iter().filter(|form| !form.is_empty());
        forms.fold(text.to_owned(), |text, form| text.replace(form, "\0"))
    }
}

impl Cause {
    /// The cause of a finding; without a place, one of the target as a whole.
    ///
    /// Of an endpoint, what a message says beside the place and the quotations counts: another date
    /// or another name is another cause, while servers put numbers and times into every reply. Of a
    /// target as a whole the remedy alone counts, as the message is about names.
    pub fn of(finding: &Finding, place: Option<Place<'_>>) -> Self {
        let message = |place: Place<'_>| place.taken_out_of(&without_quotations(&finding.message));
        Self {
            code: finding.code.clone(),
            fix: place.map_or_else(|| finding.fix.clone(), |p| p.taken_out_of(&finding.fix)),
            message: place.map(message).unwrap_or_default(),
        }
    }
}

/// A text without what stands between backquotes.
fn without_quotations(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    match parts.len() % 2 {
        // One backquote alone quotes nothing.
        0 => text.to_owned(),
        _ => parts.into_iter().step_by(2).collect::<Vec<_>>().join("``"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::finding::Severity;

    fn finding(message: &str) -> Finding {
        Finding {
            code: "certificate-expired".to_owned(),
            severity: Severity::Error,
            message: message.to_owned(),
            fix: "Renew it.".to_owned(),
            evidence: Vec::new(),
            reference: String::new(),
        }
    }

    fn place(host: &'static str, address: &str, port: u16) -> Place<'static> {
        Place { host, address: address.parse().expect("an address"), port }
    }

    fn same(a: (&str, Option<Place<'_>>), b: (&str, Option<Place<'_>>)) -> bool {
        Cause::of(&finding(a.0), a.1) == Cause::of(&finding(b.0), b.1)
    }

    #[test]
    fn the_same_words_about_two_places_are_one_cause() {
        let (a, b) = (place("mx1.test", "192.0.2.1", 25), place("mx2.test", "2001:db8::1", 465));
        for (of_a, of_b) in [
            ("mx1.test[192.0.2.1]:25 is late", "mx2.test[2001:db8::1]:465 is late"),
            ("no mx1.test on 192.0.2.1", "no mx2.test on 2001:db8::1"),
            ("mx1.test:25 says `421 id 17`", "mx2.test:465 says `421 id 18`"),
        ] {
            assert!(same((of_a, Some(a)), (of_b, Some(b))), "{of_a}");
        }
    }

    #[test]
    fn other_facts_are_another_cause() {
        let (a, b) = (place("mx1.test", "192.0.2.1", 25), place("mx2.test", "192.0.2.2", 25));
        let (expired, earlier) = ("mx1.test expired 3 days ago", "mx2.test expired 12 days ago");
        assert!(!same((expired, Some(a)), (earlier, Some(b))));
        assert!(!same(("mx1.test is late", Some(a)), ("mx1.test is late", None)));
        assert!(!same(("one ` alone 1", Some(a)), ("one ` alone 2", Some(b))));
        let worse = Finding { severity: Severity::Warning, ..finding("mx1.test is late") };
        assert_eq!(Cause::of(&worse, Some(a)), Cause::of(&finding("mx1.test is late"), Some(a)));
        let other = Finding { fix: "Do nothing.".to_owned(), ..finding("mx1.test is late") };
        assert_ne!(Cause::of(&other, Some(a)), Cause::of(&finding("mx1.test is late"), Some(a)));
    }

    #[test]
    fn of_a_target_as_a_whole_the_remedy_counts() {
        assert!(same(("_25._tcp.a.test fails", None), ("_465._tcp.a.test fails", None)));
    }
}
