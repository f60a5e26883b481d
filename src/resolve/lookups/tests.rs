//! What is asked, in which case, and how often.

use super::*;
use crate::observation::dns::ExtendedError;
use crate::resolve::testing::FakeResolver;

const BOTH: NamesOptions = NamesOptions { ipv4: true, ipv6: true, hosts: None };

fn domain(text: &str) -> Domain {
    Domain::parse(text).expect("a domain")
}

fn host(text: &str) -> HostName {
    HostName::parse(text).expect("a host name")
}

fn servfail(codes: &[u16]) -> LookupOutcome {
    let extended =
        codes.iter().map(|code| ExtendedError { code: *code, text: String::new() }).collect();
    LookupOutcome::ServerFailure(ServerFailure { extended, ..ServerFailure::default() })
}

type Outcomes = fn(&str, bool) -> LookupOutcome;

/// A resolver whose answers have no records, and what looks names up through it.
fn world(outcomes: Outcomes) -> (Arc<FakeResolver>, Names) {
    let resolver = Arc::new(FakeResolver::new(move |name: &str, record_type, cd| {
        Answer::new(name, record_type, outcomes(name, cd), Vec::new())
    }));
    let names = Names::new(resolver.clone(), BOTH);
    (resolver, names)
}

/// What comes of the MX look-up of `broken.test`.
async fn failure(outcomes: Outcomes) -> ServerFailure {
    let (_, names) = world(outcomes);
    match names.mx(&domain("broken.test")).await.lookup.outcome {
        LookupOutcome::ServerFailure(failure) => failure,
        other => panic!("{other:?} is no SERVFAIL"),
    }
}

fn answering(records: Vec<Record>) -> Names {
    let resolver = FakeResolver::new(move |name: &str, record_type, _| {
        Answer::new(name, record_type, LookupOutcome::Found, records.clone())
    });
    Names::new(Arc::new(resolver), BOTH)
}

fn mx(preference: u16, exchange: &str) -> Record {
    Record::Mx { preference, exchange: exchange.to_owned() }
}

#[tokio::test]
async fn a_question_is_asked_once_however_many_want_it() {
    let (resolver, names) = world(|_, _| LookupOutcome::NoData);
    let host_a = host("a.test");
    let (one, other) = tokio::join!(names.ipv4(&host_a), names.ipv4(&host_a));
    assert_eq!(one, other);
    assert_eq!(one, names.ipv4(&host("A.test.")).await);
    names.ipv6(&host_a).await;
    let asked: Vec<_> = resolver.asked().into_iter().map(|(name, t, _)| (name, t)).collect();
    let name = || "a.test".to_owned();
    assert_eq!(asked, [(name(), RecordType::A), (name(), RecordType::Aaaa)]);
}

#[tokio::test]
async fn a_family_that_is_not_wanted_is_not_asked_for() {
    let resolver = Arc::new(FakeResolver::new(|name: &str, record_type, _| {
        Answer::new(name, record_type, LookupOutcome::NoData, Vec::new())
    }));
    let names = Names::new(resolver.clone(), NamesOptions { ipv6: false, ..BOTH });
    assert!(names.ipv4(&host("a.test")).await.is_some());
    assert!(names.ipv6(&host("a.test")).await.is_none());
    assert_eq!(resolver.asked().len(), 1);
}

#[tokio::test]
async fn mx_records_are_judged_and_in_order() {
    let names = answering(vec![
        mx(20, "b.test."),
        mx(10, "MX.Zone.Test.Zone.Test."),
        mx(20, "a.test."),
        mx(20, "A.test."),
        mx(5, r"mail\032x.test."),
        mx(5, "192.0.2.1."),
        mx(0, "."),
    ]);
    let observed = names.mx(&domain("zone.test")).await;
    let raw: Vec<_> = observed.records.iter().map(|r| r.raw.as_str()).collect();
    assert_eq!(
        raw,
        [".", "192.0.2.1.", r"mail\032x.test.", "MX.Zone.Test.Zone.Test.", "a.test.", "b.test."]
    );
    let judged: Vec<_> = observed.records.iter().map(|r| r.exchange.clone()).collect();
    assert_eq!(judged[0], Exchange::Null);
    assert_eq!(judged[1], Exchange::Address([192, 0, 2, 1].into()));
    assert!(matches!(judged[2], Exchange::Malformed(_)));
    assert!(matches!(&judged[3], Exchange::Malformed(why) if why.contains("twice")));
    assert_eq!(judged[4], Exchange::Host(host("a.test")));
    assert!(!observed.implicit);
}

#[tokio::test]
async fn floods_are_ordered_and_each_counts_once() {
    let flood = (0..10_000u16).rev().map(|n| mx(n, &format!("m{n}.test."))).collect();
    let observed = answering(flood).mx(&domain("zone.test")).await;
    assert_eq!(observed.records.len(), 10_000);
    assert_eq!(observed.records[99].preference, 99);

    let flood = (0..10_000u16)
        .map(|n| Record::Address([198, 18, (n >> 8) as u8, (n & 0xff) as u8].into()))
        .flat_map(|record| [record.clone(), record])
        .collect();
    let observed = answering(flood).ipv4(&host("a.test")).await.expect("IPv4 is wanted");
    assert_eq!(observed.addresses.len(), 10_000);
    assert_eq!(observed.addresses[63], IpAddr::from([198, 18, 0, 63]), "each counts once");
}

#[tokio::test]
async fn both_submission_services_are_asked_for() {
    let names = answering(vec![
        Record::Srv { priority: 1, weight: 0, port: 587, target: "b.test.".to_owned() },
        Record::Srv { priority: 0, weight: 1, port: 587, target: "c.test.".to_owned() },
        Record::Srv { priority: 0, weight: 5, port: 587, target: ".".to_owned() },
    ]);
    let observed = names.srv(&domain("zone.test")).await;
    let services: Vec<_> =
        observed.iter().map(|s| (s.lookup.name.as_str(), s.service.as_str(), s.mode)).collect();
    assert_eq!(
        services,
        [
            ("_submissions._tcp.zone.test", "_submissions._tcp", Mode::Implicit),
            ("_submission._tcp.zone.test", "_submission._tcp", Mode::Starttls),
        ]
    );
    let targets: Vec<_> = observed[1].records.iter().map(|r| r.raw.as_str()).collect();
    assert_eq!(targets, [".", "c.test.", "b.test."]);
    assert_eq!(observed[1].records[0].target, Exchange::Null);
}

#[tokio::test(start_paused = true)]
async fn what_a_servfail_is_found_to_be() {
    let domain_is_lame: Outcomes = |name, _| match name {
        "broken.test" => servfail(&[]),
        _ => LookupOutcome::NxDomain,
    };
    let domain_is_forged: Outcomes = |name, cd| match (name, cd) {
        ("broken.test", false) => servfail(&[6]),
        _ => LookupOutcome::NoData,
    };
    let no_reason_given: Outcomes = |name, cd| match (name, cd) {
        ("broken.test", false) => servfail(&[]),
        _ => LookupOutcome::Found,
    };
    let all_fails: Outcomes = |_, _| servfail(&[]);
    let all_fails_or_is_silent: Outcomes = |name, _| match name {
        "broken.test" => servfail(&[]),
        _ => LookupOutcome::TimedOut,
    };
    let validation_is_broken: Outcomes =
        |_, cd| if cd { LookupOutcome::Found } else { servfail(&[7]) };
    let strangers_are_refused: Outcomes = |name, _| match name {
        "broken.test" => servfail(&[]),
        _ => LookupOutcome::Refused,
    };
    let cd_is_refused: Outcomes = |name, cd| match (name, cd) {
        ("broken.test", false) => servfail(&[]),
        ("broken.test", true) => LookupOutcome::Refused,
        _ => LookupOutcome::NxDomain,
    };
    for (what, outcomes, elsewhere, unchecked) in [
        ("lame", domain_is_lame, Some(true), Some(false)),
        ("forged", domain_is_forged, Some(true), Some(true)),
        ("forged, without a reason", no_reason_given, Some(true), Some(true)),
        ("all fails", all_fails, Some(false), Some(false)),
        ("all fails or is silent", all_fails_or_is_silent, Some(false), Some(false)),
        ("validation is broken", validation_is_broken, Some(false), Some(true)),
        ("strangers are refused", strangers_are_refused, None, Some(false)),
        ("CD is refused", cd_is_refused, Some(true), None),
    ] {
        let failure = failure(outcomes).await;
        let found = (failure.answers_elsewhere, failure.answers_unchecked);
        assert_eq!(found, (elsewhere, unchecked), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_servfail_that_is_over_a_second_later_was_no_forgery() {
    let plain = std::sync::atomic::AtomicU32::new(0);
    let resolver = FakeResolver::new(move |name: &str, record_type, cd| {
        let first = !cd && plain.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        let outcome = if first { servfail(&[]) } else { LookupOutcome::NoData };
        Answer::new(name, record_type, outcome, Vec::new())
    });
    let names = Names::new(Arc::new(resolver), BOTH);
    assert_eq!(names.mx(&domain("slow.test")).await.lookup.outcome, LookupOutcome::NoData);
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_lately_counts_only_where_strangers_are_refused() {
    let lost: Outcomes = |name, _| match name {
        "good.example" => LookupOutcome::NoData,
        _ => servfail(&[]),
    };
    let choosy: Outcomes = |name, _| match name {
        "good.example" => LookupOutcome::NoData,
        "broken.test" => servfail(&[]),
        _ => LookupOutcome::Refused,
    };
    for (what, outcomes, pause, elsewhere) in [
        // It has lost its way out, and has one name in its cache.
        ("lost", lost, 0, Some(false)),
        ("choosy", choosy, 0, Some(true)),
        ("choosy, and long ago", choosy, 60, None),
    ] {
        let (_, names) = world(outcomes);
        names.mx(&domain("good.example")).await;
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let outcome = names.mx(&domain("broken.test")).await.lookup.outcome;
        let LookupOutcome::ServerFailure(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!(failure.answers_elsewhere, elsewhere, "{what}");
    }
}

fn strangers_among(asked: Vec<(String, RecordType, bool)>) -> Vec<String> {
    asked.into_iter().map(|(name, ..)| name).filter(|n| n.starts_with("smtpcheck-")).collect()
}

#[tokio::test(start_paused = true)]
async fn strangers_are_asked_for_once_a_while() {
    let (resolver, names) = world(|_, _| servfail(&[]));
    names.mx(&domain("broken.test")).await;
    names.srv(&domain("broken.test")).await;
    names.ipv4(&host("other.example")).await;
    let strangers = strangers_among(resolver.asked());
    assert_eq!(strangers.len(), 2, "{strangers:?}");
    assert!(strangers[0].ends_with(".example.com") && strangers[1].ends_with(".test"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    names.mx(&domain("later.test")).await;
    assert_eq!(strangers_among(resolver.asked()).len(), 4, "much may have happened since");
}

/// A name server that loses its way out in the middle of a list, and finds it again.
#[tokio::test(start_paused = true)]
async fn each_failure_is_judged_by_its_own_time_and_forgotten_after_a_while() {
    let begun = Instant::now();
    let resolver = FakeResolver::new(move |name: &str, record_type, _| {
        let is_lost = (100..200).contains(&begun.elapsed().as_secs());
        let outcome = match name {
            "lame.test" => servfail(&[]),
            _ if is_lost => servfail(&[]),
            _ => LookupOutcome::NoData,
        };
        Answer::new(name, record_type, outcome, Vec::new())
    });
    let names = Names::new(Arc::new(resolver), BOTH);
    let mx = async |name: &str| names.mx(&domain(name)).await.lookup.outcome;
    let of_zone = |outcome: &LookupOutcome| match outcome {
        LookupOutcome::ServerFailure(failure) => failure.answers_elsewhere,
        other => panic!("{other:?} is no SERVFAIL"),
    };
    assert_eq!(of_zone(&mx("lame.test").await), Some(true));
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(of_zone(&mx("good.test").await), Some(false), "it is the name server's own fault");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(of_zone(&mx("good.test").await), Some(false), "the failure is shared for a while");
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(mx("good.test").await, LookupOutcome::NoData);
    assert_eq!(of_zone(&mx("lame.test").await), Some(true));
}

#[test]
fn which_names_are_strangers_to_each_other() {
    for (a, b, strangers) in [
        ("mx.a.test", "mx.b.test", true),
        ("a.test", "a.example", true),
        ("a.test", "mx.a.test", false),
        ("_submission._tcp.A.test", "a.TEST", false),
        ("a.co.uk", "b.co.uk", false),
        ("test", "a.test", false),
        ("test", "example", true),
    ] {
        assert_eq!(unrelated(a, b), strangers, "{a} {b}");
        assert_eq!(unrelated(b, a), strangers, "{b} {a}");
    }
}

#[test]
fn the_hosts_file_comes_before_what_is_known_of_localhost() {
    let file =
        "2001:db8::1 mail.test\n192.0.2.1 mail.test\n192.0.2.2 localhost\n2001:db8::2 six.test";
    let known = |ipv4, ipv6, hosts: Option<&str>, name: &str| {
        let resolver = FakeResolver::new(|name: &str, record_type, _| {
            Answer::new(name, record_type, LookupOutcome::NoData, Vec::new())
        });
        let options = NamesOptions { ipv4, ipv6, hosts: hosts.map(HostsFile::parse) };
        let found = Names::new(Arc::new(resolver), options).hosts_file(&host(name));
        found.map(|a| a.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    for (ipv4, ipv6, hosts, name, expected) in [
        (true, true, Some(file), "mail.test", Some("192.0.2.1 2001:db8::1")),
        (false, true, Some(file), "mail.test", Some("2001:db8::1")),
        (true, false, Some(file), "six.test", None),
        (true, true, Some(file), "other.test", None),
        (true, true, None, "mail.test", None),
        (true, true, Some(file), "localhost", Some("192.0.2.2")),
        (true, true, None, "localhost", Some("127.0.0.1 ::1")),
        (false, true, Some(file), "localhost", Some("::1")),
    ] {
        assert_eq!(known(ipv4, ipv6, hosts, name).as_deref(), expected, "{name} {ipv4} {ipv6}");
    }
}
