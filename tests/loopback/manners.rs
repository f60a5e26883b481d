//! How the program behaves towards servers, as the servers saw it.

use std::sync::Arc;
use std::time::Duration;

use crate::harness::check;
use crate::lab::Lab;
use crate::lab::behaviour::{Behaviour, Ehlo, Greeting, Interruption, Step};
use crate::lab::certificates::Flaw;
use crate::lab::smtp::Record;

const HOST: &str = "server.example";

/// Asserts what every server may expect of a client that sends no mail.
#[track_caller]
fn expect_manners(what: &str, record: &Record, most_connections: usize) {
    record.wait_until_idle();
    let commands = record.commands();
    let known = |command: &str| {
        let verb = command.split(' ').next().unwrap_or_default();
        ["EHLO", "HELO", "STARTTLS", "QUIT"].contains(&verb)
    };
    assert!(commands.iter().all(|c| known(c)), "{what}: {commands:?}");
    assert!(record.max_concurrent() <= 1, "{what}: conversations at one time");
    let connections = record.connections();
    assert!((1..=most_connections).contains(&connections), "{what}: {connections} connections");
}

#[test]
fn a_healthy_server_sees_one_conversation_and_a_farewell() {
    let mut lab = Lab::start();
    let relay = lab.relay(HOST, Flaw::None);
    let identity = lab.identity(HOST, Flaw::None);
    let submissions = lab.serve(HOST, 465, Behaviour::submissions(identity.clone()));
    let submission = lab.serve(HOST, 587, Behaviour::submission(identity));
    lab.dns.add("server.example MX 10 server.example");

    let checked = check(&lab, &[HOST, "--helo", "probe.example", "-s", HOST]);
    checked.expect(0, "ok", &[]);

    let upgraded = ["EHLO probe.example", "STARTTLS", "EHLO probe.example", "QUIT"];
    for (port, record, said) in [
        (25, &relay, &upgraded[..]),
        (465, &submissions, &["EHLO probe.example", "QUIT"]),
        (587, &submission, &upgraded),
    ] {
        record.wait_until_idle();
        assert_eq!(record.conversations(), [said], "port {port}");
    }
}

#[test]
fn a_server_in_two_roles_is_probed_once_and_reported_twice() {
    let mut lab = Lab::start();
    let identity = lab.identity(HOST, Flaw::None);
    lab.relay(HOST, Flaw::None);
    let record = lab.serve(HOST, 587, Behaviour::submission(identity));
    lab.dns.add(
        "one.example                   MX 10 server.example
         _submission._tcp.one.example  SRV 0 1 587 server.example",
    );
    let checked = check(&lab, &["one.example"]);
    checked.expect(0, "ok", &[]);
    assert_eq!(checked.endpoint("mx", HOST, 587)["required"], false);
    assert_eq!(checked.endpoint("submission", HOST, 587)["required"], true);
    assert_eq!(record.connections(), 1);
}

#[test]
fn two_names_of_one_server_are_probed_one_after_the_other() {
    let mut lab = Lab::start();
    let identity = lab.identity(HOST, Flaw::None);
    let slow = Greeting::after(Duration::from_millis(300));
    let relay = Behaviour { greeting: slow, ..Behaviour::relay(identity) };
    let record = lab.serve(HOST, 25, relay);
    let real = lab.address(HOST, 25);
    lab.dns.add(
        "two.example MX 10 one.two.example
         two.example MX 10 other.two.example",
    );
    let also = |name: &str| format!("--connect-to={name}:25:{}:{}", real.ip(), real.port());
    let (one, other) = (also("one.two.example"), also("other.two.example"));
    let checked = check(&lab, &["two.example", "-p25", &one, &other]);
    assert_eq!(checked.endpoints().len(), 2, "\n{checked}");
    expect_manners("two names", &record, 2);
    assert_eq!(record.connections(), 2, "each name is its own reference identifier");
}

#[test]
fn manners_do_not_depend_on_the_servers() {
    type Change = fn(Behaviour) -> Behaviour;
    let cases: [(&str, u16, Change); 7] = [
        ("busy", 25, |b| Behaviour { greeting: Greeting::PutsOff(usize::MAX), ..b }),
        ("rejecting", 25, |b| Behaviour { greeting: Greeting::text("554 No\r\n"), ..b }),
        ("never pleased", 587, |b| Behaviour { ehlo: Ehlo::Refused, ..b }),
        ("in two parts", 25, |b| {
            let greeting = Greeting::in_two_parts(Duration::from_secs(1));
            Behaviour { greeting, ..b }
        }),
        ("mute", 25, |b| b.interrupted(Step::Greeting, Interruption::FallsSilent)),
        ("mute after EHLO", 587, |b| b.interrupted(Step::Ehlo, Interruption::FallsSilent)),
        ("mute in the handshake", 465, |b| b.interrupted(Step::Tls, Interruption::FallsSilent)),
    ];
    std::thread::scope(|scope| {
        for (what, port, change) in &cases {
            scope.spawn(move || {
                let mut lab = Lab::start();
                let identity = lab.identity(HOST, Flaw::None);
                let healthy = match port {
                    465 => Behaviour::submissions(identity),
                    _ => Behaviour::submission(identity),
                };
                let record: Arc<Record> = lab.serve(HOST, *port, change(healthy));
                check(&lab, &[&format!("{HOST}:{port}"), "--timeout=3"]);
                // The conversation itself and at most one further look or polite retry.
                expect_manners(what, &record, 2);
            });
        }
    });
}

#[test]
fn nothing_is_said_before_the_greeting_is_complete() {
    let mut lab = Lab::start();
    let identity = lab.identity(HOST, Flaw::None);
    let greeting = Greeting::in_two_parts(Duration::from_millis(800));
    let record = lab.serve(HOST, 25, Behaviour { greeting, ..Behaviour::relay(identity) });
    check(&lab, &["server.example:25"]).expect(0, "ok", &[]);
    assert_eq!(record.early_talkers(), 0);
}
