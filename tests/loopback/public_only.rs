//! `--public-only`, for services that check what others type: what is not public is never dialled,
//! however its address was found.

use std::sync::Arc;

use crate::harness::{Checked, check, json_arguments, run, smtpcheck};
use crate::lab::Lab;
use crate::lab::certificates::Flaw;
use crate::lab::smtp::Record;

/// A lab with a healthy relay, and every way to it. `--connect-to` leads to `there.example`; DNS
/// leads to all others, on the relay's own port.
fn world() -> (Lab, Arc<Record>, u16) {
    let mut lab = Lab::start();
    let record = lab.relay("there.example", Flaw::None);
    let port = lab.address("there.example", 25).port();
    lab.dns.add(&format!(
        "test.example                          MX  10 mx.test.example
         mx.test.example                       A   127.0.0.1
         test.example                          MX  20 inside.test.example
         inside.test.example                   A   10.0.0.1
         inside.test.example                   AAAA fd00::1
         srv.example                           MX  0 .
         _submission._tcp.srv.example          SRV 0 1 {port} smtp.srv.example
         smtp.srv.example                      A   127.0.0.1
         metadata.example                      A   169.254.169.254
         translated.example                    AAAA 64:ff9b::7f00:1
         mapped.example                        AAAA ::ffff:7f00:1"
    ));
    (lab, record, port)
}

fn skipped(checked: &Checked) {
    assert!(!checked.endpoints().is_empty(), "\n{checked}");
    for endpoint in checked.endpoints() {
        assert_eq!(endpoint["status"], "skipped", "\n{checked}");
        assert_eq!(endpoint["skipped_because"], "not-public", "\n{checked}");
        assert!(endpoint["connect"].is_null(), "\n{checked}");
    }
}

#[test]
fn no_way_leads_to_an_address_that_is_not_public() {
    let (lab, record, port) = world();
    let at = |host: &str| format!("{host}:{port}");
    for words in [
        vec![at("127.0.0.1")],
        vec![at("[::1]")],
        vec![at("[::ffff:127.0.0.1]")],
        vec![at("localhost")],
        vec![at("smtp.srv.example")],
        vec![at("metadata.example")],
        vec![at("translated.example")],
        vec![at("mapped.example")],
        vec!["there.example:25".to_owned()],
        vec!["-s".to_owned(), at("smtp.srv.example")],
        vec!["-s".to_owned(), at("127.0.0.1")],
        vec!["srv.example".to_owned()],
    ] {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let checked = check(&lab, &[&["--public-only"][..], &words].concat());
        skipped(&checked);
        assert_eq!((checked.exit, checked.verdict()), (3, "undetermined"), "\n{checked}");
    }
    assert_eq!(record.connections(), 0, "somebody was dialled: {:?}", record.commands());
    // The same without the switch, so that the test can fail.
    check(&lab, &[&at("127.0.0.1")]).expect(0, "ok", &[]);
    assert_eq!(record.connections(), 1);
}

#[test]
fn a_private_mx_is_still_an_error() {
    let (lab, _, _) = world();
    let checked = check(&lab, &["--public-only", "test.example", "-s", "none"]);
    skipped(&checked);
    checked.expect(1, "problems", &["error mx-address-private"]);
}

#[test]
fn the_report_says_why() {
    let (lab, _, port) = world();
    let mut arguments = lab.options();
    arguments.extend(["--public-only".to_owned(), format!("127.0.0.1:{port}")]);
    let output = run(arguments);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("not public") && text.contains("--public-only"), "{text}");
}

#[test]
fn the_environment_can_say_it_for_every_run() {
    let (lab, record, port) = world();
    let target = format!("127.0.0.1:{port}");
    let arguments = json_arguments(&lab, &[&target]);
    let output = smtpcheck(&arguments).env("SMTPCHECK_PUBLIC_ONLY", "1").output();
    let checked = Checked::read(&[&target], &output.expect("the binary starts"));
    skipped(&checked);
    assert_eq!(record.connections(), 0);
}

#[test]
fn trace_sends_nothing_there_either() {
    let (lab, record, port) = world();
    for host in [format!("127.0.0.1:{port}"), "there.example:25".to_owned()] {
        let checked = check(&lab, &["--public-only", "trace", &host]);
        assert_eq!(checked.exit, 3, "\n{checked}");
        assert_eq!(checked.report["network"]["paths"], serde_json::json!([]), "\n{checked}");
        let summary = checked.report["network"]["traces"][0]["summary"].to_string();
        assert!(summary.contains("--public-only"), "\n{checked}");
    }
    assert_eq!(record.connections(), 0);
}
