//! How Postfix itself counts our conversations, and what takes more than one port to see.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::thread;

use super::{Postfix, Service};
use crate::harness::check;
use crate::lab::Lab;
use crate::lab::certificates::{Flaw, Identity};
use crate::table::{HOST, in_short};

fn identity(lab: &Lab) -> Identity {
    lab.certificates.identify(HOST, Flaw::None)
}

/// Puts services behind the usual ports of the host.
fn put(lab: &mut Lab, postfix: &Postfix, services: &[(u16, &str)]) {
    for (port, service) in services {
        lab.put(HOST, *port, postfix.address(service));
    }
}

#[test]
fn a_healthy_domain_and_what_its_server_saw() {
    if !Postfix::is_available() {
        return;
    }
    let mut lab = Lab::start();
    let postfix = Postfix::start(&[
        Service::relay("relay", identity(&lab)),
        Service::submissions("submissions", identity(&lab)),
        Service::submission("submission", identity(&lab)),
        Service::submission("alternate", identity(&lab)),
    ]);
    let services = [(25, "relay"), (465, "submissions"), (587, "submission"), (2525, "alternate")];
    put(&mut lab, &postfix, &services);
    lab.dns.add(
        "healthy.example                    MX  10 mail.example
         _submissions._tcp.healthy.example  SRV 0 1 465 mail.example
         _submission._tcp.healthy.example   SRV 0 1 587 mail.example",
    );

    let checked = check(&lab, &["healthy.example"]);
    checked.expect(0, "ok", &[]);
    for (role, port) in [("mx", 25), ("submission", 465), ("submission", 587), ("mx", 2525)] {
        let endpoint = checked.endpoint(role, HOST, port);
        assert_eq!(endpoint["status"], "open", "{port}\n{checked}");
        assert_eq!(endpoint["tls"]["trusted"], true, "{port}\n{checked}");
        assert_eq!(endpoint["tls"]["name_matches"], true, "{port}\n{checked}");
        assert_eq!(endpoint["tls"]["version"], "TLSv1.3", "{port}\n{checked}");
        let after = endpoint["smtp"]["ehlo_after_tls"].as_array().expect("EHLO after TLS");
        let auth = after.iter().find(|keyword| keyword["keyword"] == "AUTH");
        let mechanisms = auth.and_then(|auth| auth["parameters"].as_str()).map(|parameters| {
            let mut words: Vec<_> = parameters.split(' ').collect();
            words.sort_unstable();
            words
        });
        let offered = (port != 25).then(|| vec!["LOGIN", "PLAIN"]);
        assert_eq!(mechanisms, offered, "{port}\n{checked}");
        let starttls = &endpoint["smtp"]["starttls"];
        let upgraded = serde_json::json!({"offered": true, "accepted": true});
        assert_eq!(starttls == &upgraded, port != 465, "{port}\n{checked}");
    }

    // One conversation a port although two roles share the host, in good manners to the end, and
    // neither AUTH nor MAIL in any of them.
    for (port, service) in services {
        let said = match port {
            465 => "ehlo=1 quit=1 commands=2",
            _ => "ehlo=2 starttls=1 quit=1 commands=4",
        };
        assert_eq!(postfix.conversations(service), [said], "{}", postfix.log_of(service));
    }
    let log = postfix.log();
    assert!(!log.contains("warning: "), "Postfix complains of something\n{log}");
}

#[test]
fn postscreen_is_waited_for_and_open() {
    if !Postfix::is_available() {
        return;
    }
    let mut lab = Lab::start();
    let relay = |name| Service::relay(name, identity(&lab)).behind_postscreen();
    let postfix = Postfix::start(&[
        relay("handed-over"),
        // It then plays the server itself, TLS and all, until the client has passed its tests.
        relay("kept").with("postscreen_pipelining_enable", "yes"),
    ]);
    for service in ["handed-over", "kept"] {
        put(&mut lab, &postfix, &[(25, service)]);
        let checked = check(&lab, &["mail.example:25"]);
        assert_eq!(in_short(&checked), "0 open", "{checked}\n{}", postfix.log_of(service));
        let endpoint = checked.endpoint("host", HOST, 25);
        let greeting = endpoint["smtp"]["greeting"]["lines"].as_array().map(Vec::len);
        assert_eq!(greeting, Some(2), "both parts of the greeting\n{checked}");
        assert_eq!(endpoint["tls"]["trusted"], true, "{service}\n{checked}");
    }
    let log = postfix.log();
    assert!(!log.contains("PREGREET"), "we spoke before our turn\n{log}");
}

#[test]
fn a_connection_limit_is_told_from_a_refusal() {
    if !Postfix::is_available() {
        return;
    }
    let mut lab = Lab::start();
    let limited = |service: Service| service.with("smtpd_client_connection_count_limit", "1");
    let postfix = Postfix::start(&[
        limited(Service::relay("relay", identity(&lab))),
        limited(Service::submission("submission", identity(&lab))),
    ]);
    put(&mut lab, &postfix, &[(25, "relay"), (587, "submission")]);
    for (port, service, expected) in [
        (25, "relay", "3 rejected, warning greeting-throttled"),
        (587, "submission", "1 rejected, error greeting-throttled"),
    ] {
        let occupant = occupy(&postfix, service);
        let target = format!("{HOST}:{port}");
        let checked = check(&lab, &[&target]);
        assert_eq!(in_short(&checked), expected, "{checked}\n{}", postfix.log_of(service));
        drop(occupant);
        // One look, one polite retry, and the occupant; nothing beyond.
        assert_eq!(postfix.conversations(service).len(), 3, "{}", postfix.log_of(service));
    }
}

#[test]
fn a_connection_limit_that_passes_is_no_finding() {
    if !Postfix::is_available() {
        return;
    }
    let mut lab = Lab::start();
    let postfix = Postfix::start(&[Service::submission("submission", identity(&lab))
        .with("smtpd_client_connection_count_limit", "1")]);
    put(&mut lab, &postfix, &[(587, "submission")]);
    let occupant = occupy(&postfix, "submission");
    let checked = thread::scope(|scope| {
        let run = scope.spawn(|| check(&lab, &["mail.example:587"]));
        postfix.wait_for("submission", "Connection concurrency limit exceeded");
        drop(occupant);
        run.join().expect("a run with a report")
    });
    assert_eq!(in_short(&checked), "0 open", "{checked}\n{}", postfix.log_of("submission"));
}

/// A client that has been greeted and stays.
fn occupy(postfix: &Postfix, service: &str) -> TcpStream {
    let stream = TcpStream::connect(postfix.address(service)).expect("it listens");
    let mut greeting = String::new();
    BufReader::new(&stream).read_line(&mut greeting).expect("a greeting");
    assert!(greeting.starts_with("220 "), "{greeting}");
    stream
}

#[test]
fn nothing_of_it_is_left_behind() {
    if !Postfix::is_available() {
        return;
    }
    let lab = Lab::start();
    let postfix = Postfix::start(&[Service::relay("relay", identity(&lab))]);
    let address = postfix.address("relay");
    // The service has a process of its own from now on.
    let occupant = occupy(&postfix, "relay");
    let panicked = thread::spawn(move || {
        let _running = postfix;
        panic!("a test that fails");
    })
    .join();
    assert!(panicked.is_err());
    drop(occupant);
    let refused = TcpStream::connect(address).expect_err("it has stopped");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}
