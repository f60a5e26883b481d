//! What DNS says, what is made of it, and what may be said when the name server fails.

use crate::harness::check;
use crate::lab::Lab;
use crate::lab::behaviour::Behaviour;
use crate::lab::certificates::Flaw;

/// A lab with this zone and one healthy relay, `mx.test.example`.
fn lab(zone: &str) -> Lab {
    let mut lab = Lab::start();
    lab.relay("mx.test.example", Flaw::None);
    lab.dns.add(zone);
    lab
}

#[track_caller]
fn expect(zone: &str, exit: i32, verdict: &str, faults: &[&str]) {
    check(&lab(zone), &["test.example"]).expect(exit, verdict, faults);
}

#[test]
fn a_domain_without_mail_hosts() {
    let faults = ["error domain-without-mail-host"];
    expect("test.example EXISTS", 1, "problems", &faults);
    let checked = check(&lab("test.example EXISTS"), &["test.example"]);
    assert_eq!(checked.target()["dns"]["mx_source"], "none");
}

#[test]
fn an_implicit_mx() {
    let mut lab = Lab::start();
    lab.relay("test.example", Flaw::None);
    lab.dns.add("test.example A 127.0.0.1");
    let checked = check(&lab, &["test.example"]);
    checked.expect(0, "ok", &[]);
    assert!(checked.has("implicit-mx"), "\n{checked}");
    assert_eq!(checked.target()["dns"]["mx_source"], "implicit");
    assert_eq!(checked.endpoint("mx", "test.example", 25)["status"], "open");
}

#[test]
fn what_an_excluded_family_leaves_unchecked_is_told_with_the_option() {
    let mut lab = Lab::start();
    lab.relay("mx.good.example", Flaw::None);
    lab.dns.add(
        "good.example    MX 10 mx.good.example
         test.example    MX 10 mx.test.example
         mx.test.example A  192.0.2.1",
    );
    let ipv4 = "192.0.2.1 is an IPv4 address, and only IPv6 (-6) was to be used";
    let ipv6 = "2001:db8::1 is an IPv6 address, and only IPv4 (-4) was to be used";
    for (arguments, why) in [
        (&["192.0.2.1", "-6"][..], ipv4),
        (&["-s", "192.0.2.1:587", "-6"], ipv4),
        (&["[2001:db8::1]:25", "-4"], ipv6),
        (&["good.example", "-s", "2001:db8::1", "-4"], ipv6),
        (
            &["test.example", "-s", "none", "-6"],
            "mx.test.example has no IPv6 address, and no other was to be used",
        ),
    ] {
        let checked = check(&lab, arguments);
        checked.expect(3, "undetermined", &[]);
        assert_eq!(checked.target()["summary"], format!("no verdict: {why}"), "\n{checked}");
    }
}

#[test]
fn a_null_mx_beside_a_real_one() {
    let zone = "
        test.example MX 0 .
        test.example MX 10 mx.test.example";
    expect(zone, 1, "problems", &["error null-mx-mixed"]);
}

#[test]
fn mx_records_that_name_no_host() {
    for (zone, code) in [
        ("test.example MX 20 192.0.2.1", "mx-is-address"),
        ("test.example MX 20 mx.test.example.test.example", "mx-name-malformed"),
        ("test.example MX 20 mail host.test.example", "mx-name-malformed"),
        ("test.example MX 20 http://mx.test.example", "mx-name-malformed"),
        ("test.example MX 20 nowhere.test.example", "mx-without-address"),
    ] {
        let zone = format!("test.example MX 10 mx.test.example\n{zone}");
        let lab = lab(&zone);
        let checked = check(&lab, &["test.example"]);
        checked.expect(1, "problems", &[&format!("error {code}")]);
        assert_eq!(checked.endpoint_lines(), ["mx mx.test.example:25 open"], "\n{checked}");
        // What cannot be a host is recognised before it is looked up.
        let host_like =
            |q: &String| q.is_ascii() && !q.contains(['/', ':']) && !q.starts_with("192");
        let queries = lab.dns.queries();
        assert!(queries.iter().all(host_like), "{queries:?}");
    }
}

#[test]
fn an_mx_that_leads_to_this_very_machine_is_never_dialled() {
    let zone = "
        test.example     MX   10 self.test.example
        self.test.example A    127.0.0.1
        self.test.example AAAA ::1";
    let checked = check(&lab(zone), &["test.example"]);
    checked.expect(1, "problems", &["error mx-address-private"]);
    for endpoint in checked.endpoints() {
        assert_eq!(endpoint["status"], "skipped", "\n{checked}");
        assert!(endpoint["connect"].is_null(), "\n{checked}");
    }
}

#[test]
fn one_failing_mx_beside_a_working_one() {
    let zone = "
        test.example MX 10 mx.test.example
        test.example MX 20 down.test.example";
    let mut spare_down = lab(zone);
    spare_down.host("down.test.example");
    let checked = check(&spare_down, &["test.example"]);
    checked.expect(0, "ok", &["warning mx-partly-unreachable"]);
    assert_eq!(checked.endpoint("mx", "down.test.example", 25)["status"], "closed");

    // A most-preferred host has to work for the failure to be a matter of the spare.
    let mut preferred_down = lab(&zone.replace("20", "5"));
    preferred_down.host("down.test.example");
    let checked = check(&preferred_down, &["test.example"]);
    assert_eq!((checked.exit, checked.verdict()), (1, "problems"), "\n{checked}");
    assert!(checked.faults().contains(&"error port-closed".to_owned()), "\n{checked}");
}

#[test]
fn submission_servers_from_srv() {
    let mx = "test.example MX 10 mx.test.example";
    let zone = format!("{mx}\n_submission._tcp.test.example SRV 0 1 10587 smtp.test.example");
    let mut elsewhere = lab(&zone);
    let identity = elsewhere.identity("smtp.test.example", Flaw::None);
    elsewhere.serve("smtp.test.example", 10587, Behaviour::submission(identity));
    let checked = check(&elsewhere, &["test.example"]);
    checked.expect(0, "ok", &[]);
    let endpoint = checked.endpoint("submission", "smtp.test.example", 10587);
    assert_eq!((&endpoint["status"], &endpoint["required"]), (&"open".into(), &true.into()));
    assert_eq!(endpoint["mode"], "starttls", "the service decides it");

    let zone = format!(
        "{mx}
         _submissions._tcp.test.example SRV 0 0 0 .
         _submission._tcp.test.example  SRV 0 0 0 ."
    );
    let checked = check(&lab(&zone), &["test.example"]);
    checked.expect(0, "ok", &[]);
    assert!(checked.has("submission-disabled"), "\n{checked}");
    assert!(!checked.has("submission-not-announced"), "\n{checked}");

    let zone = format!("{mx}\n_submission._tcp.test.example SRV 0 1 587 nowhere.test.example");
    expect(&zone, 1, "problems", &["error server-without-address"]);
}

#[test]
fn a_candidate_is_named_where_submission_is_not_announced() {
    let mut lab = lab("test.example MX 10 mx.test.example");
    lab.submission("mx.test.example", Flaw::None);
    let checked = check(&lab, &["test.example"]);
    checked.expect(0, "ok", &[]);
    let findings = checked.target()["findings"].to_string();
    assert!(findings.contains("submission-not-announced"), "\n{checked}");
    let named = findings.matches("mx.test.example").count();
    assert!(named > 0, "the server that offers AUTH is named\n{checked}");
}

#[test]
fn a_failing_name_is_a_finding_and_a_failing_resolver_is_none() {
    let mx = "test.example MX 10 mx.test.example";
    expect(&format!("{mx}\ntest.example SERVFAIL"), 1, "problems", &["error dns-server-failure"]);
    expect(&format!("{mx}\ntest.example BOGUS"), 1, "problems", &["error dnssec-invalid"]);
    for fate in ["* SERVFAIL", "* REFUSED", "test.example REFUSED"] {
        let checked = check(&lab(&format!("{mx}\n{fate}")), &["test.example"]);
        checked.expect(3, "undetermined", &[]);
    }
}

#[test]
fn a_host_that_cannot_be_looked_up() {
    let zone = "
        test.example         MX 10 mx.test.example
        test.example         MX 20 broken.test.example
        broken.test.example  SERVFAIL";
    expect(zone, 1, "problems", &["error dns-server-failure"]);
}

#[test]
fn a_name_server_that_does_not_answer() {
    for fate in ["* SILENT", "test.example SILENT"] {
        let checked = check(&lab(fate), &["test.example"]);
        checked.expect(3, "undetermined", &[]);
        assert!(checked.endpoints().is_empty(), "\n{checked}");
    }
}

#[test]
fn a_truncated_answer_is_fetched_over_tcp() {
    expect("test.example MX 10 mx.test.example\ntest.example TRUNCATED", 0, "ok", &[]);
}
