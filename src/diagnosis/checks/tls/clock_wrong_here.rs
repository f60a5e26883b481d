use super::certificate_expires_soon::ends_soon;
use super::{needed, out_of_date_by};
use crate::diagnosis::check::{Found, Outcome, Rule, TargetFacts, declare_check};
use crate::diagnosis::clock;
use crate::diagnosis::finding::Severity;
use crate::diagnosis::words::instant;

declare_check! {
    /// ## What it checks
    ///
    /// Whether a certificate that seems expired or not yet valid is fine, and this machine's clock
    /// is wrong. Evidence is a clock that stands before this program's own release; unrelated
    /// servers that greet with one and the same time, days from this clock's; or certificates of
    /// unrelated servers and authorities that are all out of date by this clock and all valid at
    /// one other time. Then nothing is said about the dates of certificates that may be valid.
    ///
    /// ## Why it matters
    ///
    /// Nothing is wrong with the servers, but every program on this machine that uses TLS fails or
    /// trusts what it should not, and the mail that it sends has wrong dates.
    ///
    /// ## How to fix it
    ///
    /// Set the clock and keep it set: turn NTP on (`timedatectl set-ntp true` where systemd runs);
    /// machines without a battery for their clock have to wait for it after they start. Then run
    /// the check again: certificates have not been judged by their dates.
    ///
    /// ## When it may be wrong
    ///
    /// If all servers of one run belong to people who neglect them, and their certificates ended in
    /// the same weeks. One server alone is never enough, so a wrong clock often goes unnoticed and
    /// shows as an expired certificate.
    ///
    /// ## References
    ///
    /// RFC 5280 §4.1.2.5, RFC 5905 §1
    pub static CLOCK_WRONG_HERE = {
        code: "clock-wrong-here",
        group: Tls,
        relay: Some(Severity::Warning),
        elsewhere: Some(Severity::Warning),
        summary: "this machine's clock, not the certificate, is what is off",
        rule: Rule::Target(check),
    };
}

fn check(facts: &TargetFacts<'_>) -> Outcome {
    let now = facts.target.observed_at;
    let handshakes = facts.target.endpoints.iter().filter_map(|e| e.conversation()?.tls.as_ref());
    let mut soon = false;
    let mut out_of_date = Vec::new();
    for tls in handshakes {
        soon |= tls.chain.first().is_some_and(|leaf| ends_soon(leaf, now).is_some());
        let needed = tls.chain.iter().take(needed(tls));
        out_of_date.extend(needed.filter(|certificate| out_of_date_by(certificate, now)));
    }
    if out_of_date.is_empty() && !soon {
        return Outcome::NotApplicable("no certificate is out of date by this clock");
    }
    let Some(clock) = clock::wrong(facts.run) else { return Outcome::Pass };
    if !soon && !out_of_date.iter().any(|certificate| clock.excuses(certificate)) {
        return Outcome::NotApplicable("the certificates are out of date by any clock");
    }
    Outcome::found(Found {
        message: format!(
            "this machine's clock, not the certificate, is what is off: it says {}, {}",
            instant(facts.run.started_at),
            clock.shown_by
        ),
        fix: "Set the clock of this machine and turn NTP on (timedatectl set-ntp true), then run \
              this again: the dates of certificates were not judged."
            .to_owned(),
        evidence: clock.evidence,
        reference: "RFC 5280 §4.1.2.5",
    })
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::diagnosis::check::Group;
    use crate::diagnosis::checks;
    use crate::diagnosis::demands::Demands;
    use crate::diagnosis::fixture::{Talk, World, domain, name, now, talk};
    use crate::diagnosis::{Diagnosis, diagnose};
    use crate::names::Host;
    use crate::observation::{CertificateFacts, UntrustedBecause};

    /// A server of its own domain and address, by its number.
    fn server(number: u8, issuer: &str, edit: impl FnOnce(&mut CertificateFacts)) -> Talk {
        let talk = talk(587).at(|e| {
            e.host = Host::Name(name(&format!("mail.example{number}.test")));
            e.address = std::net::Ipv4Addr::new(192, 0, 2, number).into();
        });
        talk.tls(|tls| {
            tls.chain.truncate(1);
            tls.chain[0].issuer = issuer.to_owned();
            edit(&mut tls.chain[0]);
            let at = now();
            if tls.chain[0].not_after.is_some_and(|end| end < at) {
                tls.distrust(UntrustedBecause::Expired, "expired");
            } else if tls.chain[0].not_before.is_some_and(|begin| begin > at) {
                tls.distrust(UntrustedBecause::NotYetValid, "not valid yet");
            }
        })
    }

    /// It is valid from so many days after this clock's time, for ninety.
    fn from(days: i64) -> impl FnOnce(&mut CertificateFacts) {
        move |certificate| {
            certificate.not_before = Some(now() + Duration::days(days));
            certificate.not_after = Some(now() + Duration::days(days + 90));
        }
    }

    const ISSUERS: [&str; 3] =
        ["C=US, O=One, CN=R10", "C=US, O=Two, CN=R11", "C=GB, O=Three, CN=A"];

    fn world(talks: &[Talk]) -> World {
        let world = domain("example.test").mx(10, "mail.example1.test.");
        talks.iter().fold(world, |world, talk| world.endpoint(talk.endpoint()))
    }

    fn codes(world: &World) -> Vec<String> {
        let Diagnosis { targets } = diagnose(&world.run, &Demands::default());
        let target = &targets[0];
        let all = target.findings.iter().chain(target.endpoints.iter().flat_map(|e| &e.findings));
        let of_tls = |code: &String| checks::find(code).is_some_and(|c| c.group == Group::Tls);
        let mut codes: Vec<String> = all.map(|f| f.code.clone()).filter(of_tls).collect();
        codes.dedup();
        codes
    }

    #[test]
    fn certificates_of_unrelated_servers_that_all_begin_later() {
        let [one, two, _] = ISSUERS;
        let both = [server(1, one, from(30)), server(2, two, from(60))];
        let world = world(&both);
        assert_eq!(codes(&world), ["clock-wrong-here"]);
        let found = world.found(&CLOCK_WRONG_HERE);
        assert_eq!(
            found.message,
            "this machine's clock, not the certificate, is what is off: it says \
             2026-11-23T20:00:00Z, when the certificates of all 2 unrelated servers are not valid \
             yet, though all are valid from 2027-01-22 to 2027-03-23"
        );
        assert_eq!(found.evidence.len(), 4);
    }

    #[test]
    fn one_server_is_never_enough() {
        let [one, two, three] = ISSUERS;
        assert_eq!(codes(&world(&[server(1, one, from(30))])), ["certificate-not-yet-valid"]);
        assert_eq!(codes(&world(&[server(1, one, from(-120))])), ["certificate-expired"]);
        // Nor are two that neglect has reached …
        let two_old = [server(1, one, from(-120)), server(2, two, from(-110))];
        assert_eq!(codes(&world(&two_old)), ["certificate-expired"]);
        // … nor several of one domain, of one address, or of one authority.
        let relative = |number, talk: Talk| {
            talk.at(|e| e.host = Host::Name(name(&format!("mx{number}.example1.test"))))
        };
        let related =
            [1, 2, 3].map(|n| relative(n, server(n, ISSUERS[n as usize - 1], from(-120))));
        assert_eq!(codes(&world(&related)), ["certificate-expired"]);
        let here = |talk: Talk| talk.at(|e| e.address = std::net::Ipv4Addr::LOCALHOST.into());
        let one_address = [1, 2, 3].map(|n| here(server(n, ISSUERS[n as usize - 1], from(-120))));
        assert_eq!(codes(&world(&one_address)), ["certificate-expired"]);
        let one_authority = [1, 2, 3].map(|n| server(n, "C=US, O=One, CN=R1", from(-120)));
        assert_eq!(codes(&world(&one_authority)), ["certificate-expired"]);
        let three_old =
            [server(1, one, from(-120)), server(2, two, from(-110)), server(3, three, from(-100))];
        assert_eq!(codes(&world(&three_old)), ["clock-wrong-here"]);
    }

    #[test]
    fn whatever_speaks_for_the_clock_clears_it() {
        let [one, two, three] = ISSUERS;
        let old = || {
            vec![
                server(1, one, from(-120)),
                server(2, two, from(-110)),
                server(3, three, from(-100)),
            ]
        };
        let mut with_a_good_one = old();
        with_a_good_one.push(server(4, one, from(-10)));
        assert_eq!(codes(&world(&with_a_good_one)), ["certificate-expired"]);
        // They ended at times that no one certificate's life spans.
        let mut apart = old();
        apart[0] = server(1, one, from(-400));
        assert_eq!(codes(&world(&apart)), ["certificate-expired"]);
        // One of them states the time of this clock.
        let mut stating = old();
        stating[1] = stating[1].clone().edit(|c| c.smtp.stated_time = Some(now()));
        assert_eq!(codes(&world(&stating)), ["certificate-expired"]);
    }

    #[test]
    fn a_certificate_that_is_old_by_any_clock_stays_expired() {
        let [one, two, three] = ISSUERS;
        let mut all = vec![
            server(1, one, from(-120)),
            server(2, two, from(-110)),
            server(3, three, from(-100)),
        ];
        let own = server(4, "CN=mail.example4.test", from(-900));
        all.push(own.tls(|tls| tls.distrust(UntrustedBecause::SelfSigned, "UnknownIssuer")));
        let found = codes(&world(&all));
        assert_eq!(found, ["clock-wrong-here", "certificate-expired", "certificate-self-signed"]);
    }

    fn stating(number: u8, at: OffsetDateTime) -> Talk {
        server(number, ISSUERS[0], from(-120)).edit(|c| c.smtp.stated_time = Some(at))
    }

    #[test]
    fn the_time_that_unrelated_servers_state_is_believed() {
        let true_time = now() - Duration::days(40);
        let both = [stating(1, true_time), stating(2, true_time + Duration::minutes(3))];
        let world = world(&both);
        assert_eq!(codes(&world), ["clock-wrong-here"]);
        let found = world.found(&CLOCK_WRONG_HERE);
        assert!(
            found.message.ends_with("40 days ahead of what 2 unrelated servers state"),
            "{found:?}"
        );
        assert!(found.evidence[1].ends_with("2026-10-14T20:00:00Z"), "{found:?}");
    }

    #[test]
    fn a_stated_time_alone_or_contradicted_or_off_by_a_zone_is_not() {
        let true_time = now() - Duration::days(40);
        for talks in [
            vec![stating(1, true_time)],
            vec![stating(1, true_time), stating(2, true_time - Duration::hours(2))],
            vec![stating(1, true_time), stating(2, now())],
            vec![stating(1, now() - Duration::hours(26)), stating(2, now() - Duration::hours(26))],
            // By the time that they state, these certificates had ended as well.
            vec![stating(1, now() - Duration::days(20)), stating(2, now() - Duration::days(20))],
        ] {
            assert_eq!(codes(&world(&talks)), ["certificate-expired"]);
        }
    }

    #[test]
    fn a_clock_before_the_release_is_wrong_and_excuses_only_what_begins_later() {
        let early = |talk: Talk| {
            let mut world = world(&[talk]);
            world.run.released_at = Some(now() + Duration::days(20));
            world
        };
        let world = early(server(1, ISSUERS[0], from(10)));
        assert_eq!(codes(&world), ["clock-wrong-here"]);
        let found = world.found(&CLOCK_WRONG_HERE);
        assert!(found.message.contains("before this program was made (2026-12-13)"), "{found:?}");
        // It has ended at the true time, too.
        assert_eq!(codes(&early(server(1, ISSUERS[0], from(-120)))), ["certificate-expired"]);
    }

    #[test]
    fn a_fortnight_by_a_wrong_clock_means_nothing() {
        let soon = server(1, ISSUERS[0], from(-85)).endpoint();
        let right = world(&[]).endpoint(soon.clone());
        assert_eq!(codes(&right), ["certificate-expires-soon"]);
        let mut wrong = world(&[]).endpoint(soon);
        wrong.run.released_at = Some(now() + Duration::days(2));
        assert_eq!(codes(&wrong), ["clock-wrong-here"]);
    }

    #[test]
    fn where_no_date_is_out_of_order_the_clock_is_no_matter() {
        let mut good = world(&[server(1, ISSUERS[0], from(-10))]);
        good.run.released_at = Some(now() + Duration::days(20));
        assert!(matches!(good.outcome(&CLOCK_WRONG_HERE), Outcome::NotApplicable(_)));
        let old = world(&[server(1, ISSUERS[0], from(-120))]);
        assert_eq!(old.outcome(&CLOCK_WRONG_HERE), Outcome::Pass);
    }
}
