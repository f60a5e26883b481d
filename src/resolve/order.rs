//! What a client makes of MX and SRV records. Pure.
//!
//! Knows the order in which RFC 5321 §5.1 and RFC 2782 try them, and what their absence means.
//! Must not know whether a server works. [`Names`](super::Names) applies it to every answer.

use crate::names::{Exchange, Host};
use crate::observation::dns::{
    LookupOutcome, MxObservation, MxRecord, SrvObservation, SrvRecord, SubmissionServer,
    SubmissionSource,
};

/// Whether the domain's own addresses stand in for MX records (RFC 5321 §5.1): only where the
/// name server says that there is none. A name that does not exist has no addresses either, and
/// a failed look-up must not be taken for an absent record.
pub fn is_implicit(mx: &MxObservation) -> bool {
    mx.lookup.outcome == LookupOutcome::NoData
}

/// Lowest preference first; hosts of one preference by name, so that two runs agree. A record
/// that comes twice is one.
pub(super) fn sort_mx(records: &mut Vec<MxRecord>) {
    records.sort_by_cached_key(|r| (r.preference, r.raw.to_ascii_lowercase()));
    records.dedup_by(|a, b| a.preference == b.preference && a.raw.eq_ignore_ascii_case(&b.raw));
}

/// Lowest priority first, then the heaviest. RFC 2782 draws lots among one priority; a report
/// that is different at every run would help nobody.
pub(super) fn sort_srv(records: &mut Vec<SrvRecord>) {
    records.sort_by_cached_key(|r| {
        (r.priority, std::cmp::Reverse(r.weight), r.raw.to_ascii_lowercase(), r.port)
    });
    records.dedup();
}

/// The submission servers that SRV records name, in the order in which a client tries them:
/// implicit TLS before STARTTLS (RFC 8314 §5.1), then as the records say. A server that two
/// services name for one port is asked in both modes. The target `.` declares the service absent, and
/// what cannot be a host name cannot be tried.
pub fn submission_servers(srv: &[SrvObservation]) -> Vec<SubmissionServer> {
    let mut services: Vec<&SrvObservation> = srv.iter().collect();
    services.sort_by_key(|s| s.mode != crate::port::Mode::Implicit);
    let mut servers: Vec<SubmissionServer> = Vec::new();
    for service in services {
        for record in &service.records {
            let Exchange::Host(name) = &record.target else { continue };
            if record.port == 0 {
                continue; // Nothing can be dialled there.
            }
            let host = Host::Name(name.clone());
            let server = SubmissionServer {
                host,
                port: Some(record.port),
                mode: Some(service.mode),
                source: SubmissionSource::Srv,
            };
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::dns::{Lookup, ServerFailure};
    use crate::port::Mode;

    fn mx(preference: u16, raw: &str) -> MxRecord {
        let exchange = Exchange::parse(raw, "zone.test");
        MxRecord { preference, raw: raw.to_owned(), exchange }
    }

    fn srv(priority: u16, weight: u16, port: u16, raw: &str) -> SrvRecord {
        let target = Exchange::parse(raw, "zone.test");
        SrvRecord { priority, weight, port, raw: raw.to_owned(), target }
    }

    fn service(mode: Mode, mut records: Vec<SrvRecord>) -> SrvObservation {
        sort_srv(&mut records);
        let lookup = Lookup {
            name: String::new(),
            record_type: "SRV".to_owned(),
            outcome: LookupOutcome::Found,
            aliases: Vec::new(),
        };
        SrvObservation { service: mode.to_string(), mode, lookup, records }
    }

    #[test]
    fn mx_go_by_preference_then_by_name() {
        let mut records =
            vec![mx(20, "a.test."), mx(10, "Z.test."), mx(10, "b.test."), mx(10, "z.test.")];
        sort_mx(&mut records);
        let order: Vec<_> = records.iter().map(|r| r.raw.to_ascii_lowercase()).collect();
        assert_eq!(order, ["b.test.", "z.test.", "a.test."]);
    }

    #[test]
    fn only_the_word_of_the_name_server_makes_an_mx_implicit() {
        let failure = LookupOutcome::ServerFailure(ServerFailure::default());
        for (outcome, implicit) in [
            (LookupOutcome::NoData, true),
            (LookupOutcome::Found, false),
            (LookupOutcome::NxDomain, false),
            (failure, false),
            (LookupOutcome::TimedOut, false),
            (LookupOutcome::Refused, false),
        ] {
            let lookup = Lookup {
                name: "zone.test".to_owned(),
                record_type: "MX".to_owned(),
                outcome: outcome.clone(),
                aliases: Vec::new(),
            };
            let observed = MxObservation { lookup, records: vec![], implicit: false };
            assert_eq!(is_implicit(&observed), implicit, "{outcome:?}");
        }
    }

    #[test]
    fn submission_servers_in_the_order_of_a_client() {
        let starttls = service(
            Mode::Starttls,
            vec![srv(0, 1, 587, "b.test."), srv(0, 9, 587, "a.test."), srv(0, 0, 465, "c.test.")],
        );
        let implicit = service(
            Mode::Implicit,
            vec![srv(5, 0, 465, "d.test."), srv(1, 0, 465, "C.test."), srv(0, 0, 465, "no host.")],
        );
        let servers: Vec<_> = submission_servers(&[starttls, implicit])
            .into_iter()
            .map(|s| (s.host.to_string(), s.port, s.mode))
            .collect();
        let server = |host: &str, port, mode| (host.to_owned(), Some(port), Some(mode));
        assert_eq!(
            servers,
            [
                server("c.test", 465, Mode::Implicit),
                server("d.test", 465, Mode::Implicit),
                server("a.test", 587, Mode::Starttls),
                server("b.test", 587, Mode::Starttls),
                // Announced in both modes, so both have to work.
                server("c.test", 465, Mode::Starttls),
            ]
        );
    }

    #[test]
    fn a_service_that_is_declared_absent_has_no_server() {
        let absent = service(Mode::Implicit, vec![srv(0, 0, 0, ".")]);
        assert!(submission_servers(&[absent]).is_empty());
    }
}
