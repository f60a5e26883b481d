//! What a client makes of MX and SRV records. Pure.
//!
//! Knows the order in which RFC 5321 §5.1 and RFC 2782 try them, and what their absence means.
//! Must not know whether a server works. [`Names`](super::Names) applies it to every answer.

use crate::names::{Exchange, Host};
use crate::observation::dns::{
    LookupOutcome, MxObservation, MxRecord, SrvObservation, SrvRecord, SubmissionServer,
    SubmissionSource,
};

/// What a set of MX records says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MxKind {
    /// There are no records.
    None,
    /// The domain takes no mail (RFC 7505 §3).
    Null,
    /// A null MX beside others, which RFC 7505 §3 forbids.
    NullMixed,
    /// There are hosts, good or bad.
    Hosts,
}

/// What these records say as a whole. A null MX is one whatever its preference: "SHOULD be 0"
/// binds the sender of the record, not its reader (RFC 7505 §3).
pub fn mx_kind(records: &[MxRecord]) -> MxKind {
    let null = records.iter().filter(|r| r.exchange == Exchange::Null).count();
    match (records.len(), null) {
        (0, _) => MxKind::None,
        (_, 0) => MxKind::Hosts,
        (all, null) if all == null => MxKind::Null,
        _ => MxKind::NullMixed,
    }
}

/// Whether the domain's own addresses stand in for MX records (RFC 5321 §5.1): only where the
/// name server says that there is none. A name that does not exist has no addresses either, and
/// a failed look-up must not be taken for an absent record.
pub fn is_implicit(mx: &MxObservation) -> bool {
    mx.lookup.outcome == LookupOutcome::NoData
}

/// Whether the outcome says nothing about the name, because the name server failed.
///
/// A SERVFAIL is the name's own fault only where the same name server answers for an unrelated
/// name. Where that was not found out, an answer under CD=1 shows as well that it is alive; but
/// where it fails for unrelated names too, CD=1 only shows that its own validation is broken.
pub fn name_server_failed(outcome: &LookupOutcome) -> bool {
    match outcome {
        LookupOutcome::Found | LookupOutcome::NoData | LookupOutcome::NxDomain => false,
        LookupOutcome::ServerFailure(failure) => match failure.answers_elsewhere {
            Some(answers) => !answers,
            None => failure.answers_unchecked != Some(true),
        },
        LookupOutcome::Refused
        | LookupOutcome::TimedOut
        | LookupOutcome::Truncated
        | LookupOutcome::Failed(_) => true,
    }
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
/// implicit TLS before STARTTLS (RFC 8314 §5.1), then as the records say. A server and port that
/// is named twice is kept as it was named first. The target `.` declares the service absent, and
/// what cannot be a host name cannot be tried.
pub fn submission_servers(srv: &[SrvObservation]) -> Vec<SubmissionServer> {
    let mut services: Vec<&SrvObservation> = srv.iter().collect();
    services.sort_by_key(|s| s.mode != crate::port::Mode::Implicit);
    let mut servers: Vec<SubmissionServer> = Vec::new();
    for service in services {
        for record in &service.records {
            let Exchange::Host(name) = &record.target else { continue };
            let host = Host::Name(name.clone());
            if !servers.iter().any(|s| s.host == host && s.port == Some(record.port)) {
                servers.push(SubmissionServer {
                    host,
                    port: Some(record.port),
                    mode: Some(service.mode),
                    source: SubmissionSource::Srv,
                });
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
    fn null_mx_alone_and_in_company() {
        for (records, kind) in [
            (vec![], MxKind::None),
            (vec![mx(0, ".")], MxKind::Null),
            (vec![mx(10, ".")], MxKind::Null),
            (vec![mx(0, "."), mx(10, ".")], MxKind::Null),
            (vec![mx(0, "."), mx(10, "a.test.")], MxKind::NullMixed),
            (vec![mx(10, "a.test.")], MxKind::Hosts),
            (vec![mx(10, "192.0.2.1.")], MxKind::Hosts),
        ] {
            assert_eq!(mx_kind(&records), kind, "{records:?}");
        }
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
    fn whose_fault_a_failed_look_up_is() {
        let failure = |elsewhere, unchecked| {
            LookupOutcome::ServerFailure(ServerFailure {
                answers_elsewhere: elsewhere,
                answers_unchecked: unchecked,
                extended: Vec::new(),
            })
        };
        for (outcome, failed) in [
            (LookupOutcome::Found, false),
            (LookupOutcome::NoData, false),
            (LookupOutcome::NxDomain, false),
            (failure(Some(true), Some(true)), false),
            (failure(Some(true), Some(false)), false),
            (failure(Some(true), None), false),
            (failure(None, Some(true)), false),
            (failure(None, Some(false)), true),
            (failure(None, None), true),
            (failure(Some(false), Some(true)), true),
            (failure(Some(false), Some(false)), true),
            (LookupOutcome::Refused, true),
            (LookupOutcome::TimedOut, true),
            (LookupOutcome::Truncated, true),
            (LookupOutcome::Failed("the reply code was NOTIMP".to_owned()), true),
        ] {
            assert_eq!(name_server_failed(&outcome), failed, "{outcome:?}");
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
            ]
        );
    }

    #[test]
    fn a_service_that_is_declared_absent_has_no_server() {
        let absent = service(Mode::Implicit, vec![srv(0, 0, 0, ".")]);
        assert!(submission_servers(&[absent]).is_empty());
    }
}
