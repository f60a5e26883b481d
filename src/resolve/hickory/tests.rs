//! What each kind of server behaviour comes out as.

use std::time::Duration;

use tokio::time::timeout;

use super::message::*;
use super::*;
use crate::observation::dns::{ExtendedError, ServerFailure};
use crate::resolve::testing::{
    Data, FORMERR, NOERROR, NOTIMP, NXDOMAIN, Question as Asked, REFUSED, Reply as Said, SERVFAIL,
    Server,
};

/// A resolver that does not wait long for a server on loopback.
fn resolver(servers: &[SocketAddr]) -> HickoryResolver {
    let short = Duration::from_millis(150);
    let waits = Waits { udp: vec![short; 2], tcp: 4 * short, next_server: 4 * short };
    HickoryResolver { waits: Arc::new(waits), ..HickoryResolver::servers(servers) }
}

async fn ask(server: &Server, name: &str, record_type: RecordType) -> Answer {
    resolver(&[server.address]).query(name, record_type, false).await
}

fn a(last: u8) -> Data {
    Data::Address([192, 0, 2, last].into())
}

fn mx(preference: u16, name: &str) -> Data {
    Data::Mx(preference, name.to_owned())
}

fn cname(name: &str) -> Data {
    Data::Cname(name.to_owned())
}

fn failed(why: &str) -> LookupOutcome {
    LookupOutcome::Failed(why.to_owned())
}

/// The outcome, the aliases and the number of records of an A look-up of `x.test`.
async fn outcome(
    rules: impl Fn(&Asked) -> Said + Send + Sync + 'static,
) -> (LookupOutcome, Vec<String>, usize) {
    let server = Server::start(rules).await;
    let answer = ask(&server, "x.test", RecordType::A).await;
    (answer.lookup.outcome, answer.lookup.aliases, answer.records.len())
}

/// The outcome where there are neither aliases nor records.
async fn bare_outcome(rules: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> LookupOutcome {
    let (outcome, aliases, records) = outcome(rules).await;
    assert_eq!((aliases.as_slice(), records), ([].as_slice(), 0), "{outcome:?}");
    outcome
}

#[tokio::test]
async fn records_of_every_type() {
    let server = Server::start(|q| match q.record_type {
        1 => Said::with(&[("X.Test", a(1)), ("x.test", a(2))]),
        28 => Said::with(&[("x.test", Data::Address([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()))]),
        15 => Said::with(&[("x.test", mx(10, "MX1.test")), ("x.test", mx(0, "."))]),
        33 => Said::with(&[("x.test", Data::Srv(1, 2, 465, "smtp.test".to_owned()))]),
        _ => Said::with(&[("x.test", Data::Soa)]),
    })
    .await;
    let address = |text: &str| Record::Address(text.parse().expect("an address"));
    let exchange = |preference, name: &str| Record::Mx { preference, exchange: name.to_owned() };
    let srv = Record::Srv { priority: 1, weight: 2, port: 465, target: "smtp.test.".to_owned() };
    for (record_type, records) in [
        (RecordType::A, vec![address("192.0.2.1"), address("192.0.2.2")]),
        (RecordType::Aaaa, vec![address("2001:db8::1")]),
        (RecordType::Mx, vec![exchange(10, "MX1.test."), exchange(0, ".")]),
        (RecordType::Srv, vec![srv]),
    ] {
        let answer = ask(&server, "x.test", record_type).await;
        assert_eq!(answer.lookup.outcome, LookupOutcome::Found, "{record_type}");
        assert_eq!(answer.lookup.record_type, record_type.to_string());
        assert_eq!(answer.records, records, "{record_type}");
    }
}

#[tokio::test]
async fn the_root_and_names_with_underscores_can_be_asked_for() {
    let server = Server::start(|_| Said::code(NXDOMAIN)).await;
    for name in ["", "_submission._tcp.x.test", "under_score.test"] {
        let answer = ask(&server, name, RecordType::Mx).await;
        assert_eq!(answer.lookup.outcome, LookupOutcome::NxDomain, "{name}");
    }
    let names: Vec<_> = server.asked().into_iter().map(|q| q.name).collect();
    assert_eq!(names, ["", "_submission._tcp.x.test", "under_score.test"]);
}

#[tokio::test]
async fn negative_answers() {
    assert_eq!(bare_outcome(|_| Said::code(NXDOMAIN).soa()).await, LookupOutcome::NxDomain);
    assert_eq!(bare_outcome(|_| Said::code(NXDOMAIN)).await, LookupOutcome::NxDomain);
    assert_eq!(bare_outcome(|_| Said::code(NOERROR).soa()).await, LookupOutcome::NoData);
    assert_eq!(bare_outcome(|_| Said::code(NOERROR)).await, LookupOutcome::NoData);
}

#[tokio::test]
async fn records_of_another_type_or_name_are_no_answer() {
    let type_65280 = Data::Raw(65280, vec![1, 2, 3]);
    assert_eq!(
        bare_outcome(move |_| Said::with(&[
            ("x.test", mx(1, "a.test")),
            ("x.test", type_65280.clone())
        ]))
        .await,
        LookupOutcome::NoData
    );
    assert_eq!(
        bare_outcome(|_| Said::with(&[("y.test", a(1)), ("www.x.test", a(2))])).await,
        LookupOutcome::NoData
    );
}

#[tokio::test]
async fn a_referral_is_not_the_absence_of_records() {
    let outcome = bare_outcome(|_| Said {
        authority: vec![(String::new(), Data::Ns("a.root.test".to_owned()))],
        ..Said::default()
    })
    .await;
    assert_eq!(outcome, failed("the name server only refers to other name servers"));
}

#[tokio::test]
async fn error_codes() {
    assert_eq!(bare_outcome(|_| Said::code(REFUSED)).await, LookupOutcome::Refused);
    assert_eq!(bare_outcome(|_| Said::code(NOTIMP)).await, failed("the reply code was NOTIMP"));
    assert_eq!(bare_outcome(|_| Said::code(FORMERR)).await, failed("the reply code was FORMERR"));
    assert_eq!(bare_outcome(|_| Said::code(11)).await, failed("the reply code was 11"));
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without_it() {
    for code in [FORMERR, NOTIMP] {
        let (outcome, _, records) = outcome(move |q| match q.edns {
            true => Said::code(code),
            false => Said::with(&[("x.test", a(1))]),
        })
        .await;
        assert_eq!((outcome, records), (LookupOutcome::Found, 1));
    }
}

#[tokio::test]
async fn a_servfail_keeps_its_reason() {
    let outcome =
        bare_outcome(|_| Said { extended: Some((7, "expired")), ..Said::code(SERVFAIL) }).await;
    let extended = vec![ExtendedError { code: 7, text: "expired".to_owned() }];
    let failure = ServerFailure { extended, ..ServerFailure::default() };
    assert_eq!(outcome, LookupOutcome::ServerFailure(failure));
}

#[tokio::test]
async fn a_servfail_that_passes_is_none() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let (outcome, _, records) = outcome(move |_| match first.swap(false, Ordering::Relaxed) {
        true => Said::code(SERVFAIL),
        false => Said::with(&[("x.test", a(1))]),
    })
    .await;
    assert_eq!((outcome, records), (LookupOutcome::Found, 1));
}

#[tokio::test]
async fn checking_is_disabled_only_when_asked_for() {
    let server = Server::start(|q| match q.checking_disabled {
        true => Said::with(&[("x.test", a(1))]),
        false => Said::code(SERVFAIL),
    })
    .await;
    let resolver = resolver(&[server.address]);
    let checked = resolver.query("x.test", RecordType::A, false).await;
    assert_eq!(checked.lookup.outcome, LookupOutcome::ServerFailure(ServerFailure::default()));
    let unchecked = resolver.query("x.test", RecordType::A, true).await;
    assert_eq!(unchecked.lookup.outcome, LookupOutcome::Found);
}

#[tokio::test]
async fn silence_and_an_answer_to_another_question_time_out() {
    let server = Server::start(|_| Said::silence()).await;
    let answer = ask(&server, "x.test", RecordType::A).await;
    assert_eq!(answer.lookup.outcome, LookupOutcome::TimedOut);
    assert_eq!(server.asked().len(), 2, "asked again once");

    let outcome = bare_outcome(|_| Said {
        other_question: Some("y.test"),
        ..Said::with(&[("x.test", a(1))])
    })
    .await;
    assert_eq!(outcome, LookupOutcome::TimedOut);
}

#[tokio::test]
async fn a_port_without_name_server_is_told_at_once() {
    let gone = Server::start(|_| Said::silence()).await.address;
    let answer = resolver(&[gone]).query("x.test", RecordType::A, false).await;
    let why = format!("no name server is running at {gone}");
    assert_eq!(answer.lookup.outcome, failed(&why));
    let nobody = resolver(&[]).query("x.test", RecordType::A, false).await;
    assert_eq!(nobody.lookup.outcome, failed("there is no name server to ask"));
}

#[tokio::test]
async fn what_is_cut_off_is_fetched_over_tcp() {
    let (found, _, records) = outcome(|q| match q.tcp {
        true => Said::with(&[("x.test", a(1))]),
        false => Said::truncated(),
    })
    .await;
    assert_eq!((found, records), (LookupOutcome::Found, 1));
    assert_eq!(bare_outcome(|_| Said::truncated()).await, LookupOutcome::Truncated);
    assert_eq!(
        bare_outcome(|q| if q.tcp { Said::silence() } else { Said::truncated() }).await,
        LookupOutcome::Truncated
    );

    let server = Server::udp_only(|_| Said::truncated()).await;
    let answer = ask(&server, "x.test", RecordType::A).await;
    assert_eq!(answer.lookup.outcome, LookupOutcome::Truncated);
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_no_answer() {
    // An MX record needs at least three octets of data.
    let server = Server::start(|_| Said::with(&[("x.test", Data::Raw(15, vec![0]))])).await;
    let answer = ask(&server, "x.test", RecordType::Mx).await;
    let LookupOutcome::Failed(why) = answer.lookup.outcome else {
        panic!("taken for {:?}", answer.lookup.outcome)
    };
    assert!(why.starts_with("the reply cannot be read: "), "{why}");
}

#[tokio::test]
async fn aliases_are_walked_in_whatever_order_they_come() {
    let (found, aliases, records) = outcome(|_| {
        Said::with(&[
            ("c.test", a(1)),
            ("b.test", cname("C.test")),
            ("x.test", cname("b.test")),
            ("other.test", a(2)),
        ])
    })
    .await;
    assert_eq!((found, records), (LookupOutcome::Found, 1));
    assert_eq!(aliases, ["b.test", "c.test"]);
}

#[tokio::test]
async fn aliases_that_end_in_nothing_are_kept() {
    for (code, expected) in [(NXDOMAIN, LookupOutcome::NxDomain), (NOERROR, LookupOutcome::NoData)]
    {
        let server = Server::start(move |_| Said {
            rcode: code,
            ..Said::with(&[("x.test", cname("gone.test"))]).soa()
        })
        .await;
        let answer = ask(&server, "x.test", RecordType::A).await;
        assert_eq!(answer.lookup.outcome, expected);
        assert_eq!(answer.lookup.aliases, ["gone.test"]);
        assert_eq!(server.asked().len(), 1, "the SOA says that this is all");
    }
}

#[tokio::test]
async fn aliases_that_the_server_does_not_follow_are_asked_for() {
    let (found, aliases, records) = outcome(|q| match q.name.as_str() {
        "x.test" => Said::with(&[("x.test", cname("y.test"))]),
        "y.test" => Said::with(&[("y.test", cname("z.test"))]),
        _ => Said::with(&[("z.test", a(1))]),
    })
    .await;
    assert_eq!((found, records), (LookupOutcome::Found, 1));
    assert_eq!(aliases, ["y.test", "z.test"]);
}

#[tokio::test]
async fn alias_loops_end() {
    let in_one_answer =
        |_: &Asked| Said::with(&[("x.test", cname("y.test")), ("y.test", cname("x.test"))]);
    let (whole, aliases, _) = outcome(in_one_answer).await;
    assert_eq!(whole, failed("the CNAME chain is a loop"));
    assert_eq!(aliases, ["y.test"]);

    let (step_by_step, _, _) = outcome(|q| match q.name.as_str() {
        "x.test" => Said::with(&[("x.test", cname("y.test"))]),
        _ => Said::with(&[("y.test", cname("X.test"))]),
    })
    .await;
    assert_eq!(step_by_step, failed("the CNAME chain is a loop"));

    let (itself, _, _) = outcome(|_| Said::with(&[("x.test", cname("x.test"))])).await;
    assert_eq!(itself, failed("the CNAME chain is a loop"));

    let (endless, aliases, _) =
        outcome(|q| Said::with(&[(&q.name, cname(&format!("a{}", q.name)))])).await;
    assert_eq!(endless, failed("the CNAME chain has more than 16 aliases"));
    assert_eq!(aliases.len(), MAX_ALIASES);
}

#[tokio::test]
async fn exchanges_are_shown_as_they_are() {
    let long = "l".repeat(63);
    let names =
        [r"mail\032x.example", r"a\046b\092.example", r"\195\188.example", &long, "a@b/c.x"];
    let records = names.map(|name| ("x.test".to_owned(), mx(1, name))).to_vec();
    let said = Said { answers: records, ..Said::default() };
    let server = Server::start(move |_| said.clone()).await;
    let answer = ask(&server, "x.test", RecordType::Mx).await;
    let exchanges: Vec<_> = answer
        .records
        .iter()
        .map(|record| match record {
            Record::Mx { exchange, .. } => exchange.as_str(),
            other => panic!("{other:?} is no MX"),
        })
        .collect();
    let long = format!("{long}.");
    assert_eq!(
        exchanges,
        [r"mail\032x.example.", r"a\.b\\.example.", r"\195\188.example.", &long, "a@b/c.x."]
    );
}

#[tokio::test]
async fn names_that_no_question_can_hold_are_refused_here() {
    let server = Server::start(|_| Said::code(NXDOMAIN)).await;
    let long_label = "a".repeat(64);
    let long_name = "abc.".repeat(70);
    for name in ["a..b", ".", "a.", &long_label, &long_name] {
        let answer = ask(&server, name, RecordType::A).await;
        let LookupOutcome::Failed(why) = &answer.lookup.outcome else {
            panic!("{name}: {:?}", answer.lookup.outcome)
        };
        assert!(why.starts_with("the name cannot be asked for: "), "{why}");
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_huge_answer_is_read() {
    let said =
        Said { answers: vec![("x.test".to_owned(), mx(1, "m.test")); 2_500], ..Said::default() };
    let server = Server::start(move |q| if q.tcp { said.clone() } else { Said::truncated() }).await;
    let answer = ask(&server, "x.test", RecordType::Mx).await;
    assert_eq!(answer.records.len(), 2_500);
}

#[tokio::test]
async fn the_next_server_stands_in_for_one_that_fails() {
    for code in [SERVFAIL, REFUSED, NOTIMP] {
        let bad = Server::start(move |_| Said::code(code)).await;
        let good = Server::start(|_| Said::with(&[("x.test", a(1))])).await;
        let answer =
            resolver(&[bad.address, good.address]).query("x.test", RecordType::A, false).await;
        assert_eq!(answer.lookup.outcome, LookupOutcome::Found, "code {code}");
    }
}

#[tokio::test]
async fn a_silent_server_is_not_asked_first_again() {
    let dead = Server::start(|_| Said::silence()).await;
    let good = Server::start(|_| Said::code(NXDOMAIN)).await;
    let resolver = resolver(&[dead.address, good.address]);
    for name in ["x.test", "y.test"] {
        let answer = resolver.query(name, RecordType::A, false).await;
        assert_eq!(answer.lookup.outcome, LookupOutcome::NxDomain);
    }
    assert!(dead.asked().iter().all(|q| q.name == "x.test"));
}

#[tokio::test]
async fn the_next_server_is_asked_beside_a_silent_one() {
    let dead = Server::start(|_| Said::silence()).await;
    let good = Server::start(|_| Said::code(NXDOMAIN)).await;
    let forever = Duration::from_secs(3600);
    let waits = Waits { udp: vec![forever], tcp: forever, next_server: Duration::from_millis(20) };
    let resolver = HickoryResolver {
        waits: Arc::new(waits),
        ..HickoryResolver::servers(&[dead.address, good.address])
    };
    let answer = timeout(SERVER_LIMIT / 2, resolver.query("x.test", RecordType::A, false)).await;
    let answer = answer.expect("the silent server is not waited for");
    assert_eq!(answer.lookup.outcome, LookupOutcome::NxDomain);
}

#[tokio::test]
async fn of_two_failures_the_telling_one_is_reported() {
    let servfail = Server::start(|_| Said::code(SERVFAIL)).await;
    let dead = Server::start(|_| Said::silence()).await;
    for servers in [[servfail.address, dead.address], [dead.address, servfail.address]] {
        let answer = resolver(&servers).query("x.test", RecordType::A, false).await;
        assert_eq!(answer.lookup.outcome, LookupOutcome::ServerFailure(ServerFailure::default()));
    }
}

#[tokio::test]
async fn any_reply_is_one_and_only_silence_is_an_outage() {
    let loops = |_: &Asked| Said::with(&[("x.test", cname("x.test"))]);
    let refers = |_: &Asked| Said {
        authority: vec![(String::new(), Data::Ns("a.root.test".to_owned()))],
        ..Said::default()
    };
    let leads_to_silence = |q: &Asked| match q.name.as_str() {
        "x.test" => Said::with(&[("x.test", cname("y.test"))]),
        _ => Said::silence(),
    };
    for (server, outage) in [
        (Server::start(loops).await, false),
        (Server::start(refers).await, false),
        (Server::start(|_| Said::code(NOTIMP)).await, false),
        (Server::start(|_| Said::code(SERVFAIL)).await, false),
        (Server::udp_only(|_| Said::truncated()).await, false),
        (Server::start(leads_to_silence).await, false),
        (Server::start(|_| Said::silence()).await, true),
    ] {
        let resolver = resolver(&[server.address]);
        for _ in 0..63 {
            resolver.outage.learn(false);
        }
        let answer = resolver.query("x.test", RecordType::A, false).await;
        assert_eq!(resolver.outage.is_suspected(), outage, "{:?}", answer.lookup.outcome);
    }
}

/// A resolver in an outage that lasts.
fn in_an_outage(servers: &[SocketAddr]) -> HickoryResolver {
    HickoryResolver { outage: Arc::new(Outage::that_lasts()), ..resolver(servers) }
}

#[tokio::test]
async fn who_answers_for_some_names_only_is_asked_for_each() {
    let internal = Server::start(|q| match q.name.ends_with(".test") {
        true => Said::with(&[(&q.name, a(1))]),
        false => Said::silence(),
    })
    .await;
    let resolver = in_an_outage(&[internal.address]);
    // Whoever looks whether it is over does not stand in for others.
    let (outside, inside, another) = tokio::join!(
        resolver.query("x.example.org", RecordType::A, false),
        resolver.query("x.test", RecordType::A, false),
        resolver.query("y.test", RecordType::A, false),
    );
    assert_eq!(inside.lookup.outcome, LookupOutcome::Found);
    assert_eq!(another.lookup.outcome, LookupOutcome::Found);
    assert!(!resolver.outage.is_suspected(), "it is there");
    assert_eq!(outside.lookup.outcome, LookupOutcome::TimedOut, "as without an outage");
}

#[tokio::test]
async fn a_slow_reply_ends_an_outage_too() {
    let asked_before = std::sync::atomic::AtomicU32::new(0);
    let slow = Server::start(move |q| match q.name == "x.test" {
        // As one that answers the second sending only.
        true if asked_before.fetch_add(1, Ordering::Relaxed) > 1 => Said::code(NXDOMAIN),
        _ => Said::silence(),
    })
    .await;
    let resolver = in_an_outage(&[slow.address]);
    let answer = resolver.query("x.test", RecordType::A, false).await;
    assert_eq!(answer.lookup.outcome, LookupOutcome::NxDomain);
}

#[tokio::test]
async fn every_server_is_asked_in_an_outage_and_no_more_is_said_than_is_known() {
    let dead = Server::start(|_| Said::silence()).await;
    let good = Server::start(|q| match q.name == "x.test" {
        true => Said::code(NXDOMAIN),
        false => Said::silence(),
    })
    .await;
    let resolver = in_an_outage(&[dead.address, good.address]);
    let silence = resolver.query("y.test", RecordType::A, false).await;
    let words = "no name server answered within 250 ms, nor any of the many questions before";
    assert_eq!(silence.lookup.outcome, failed(words));
    let answer = resolver.query("x.test", RecordType::A, false).await;
    assert_eq!(answer.lookup.outcome, LookupOutcome::NxDomain);
    let gone = Server::start(|_| Said::silence()).await.address;
    let answer = in_an_outage(&[gone]).query("x.test", RecordType::A, false).await;
    assert_eq!(answer.lookup.outcome, failed(&format!("no name server is running at {gone}")));
}
