//! Each domain of the lab: what a user who runs the example sees, as a script sees it.

use crate::harness::check;
use crate::lab::Lab;
use crate::lab::world;

/// What is expected of one domain of the lab.
struct Expected {
    domain: &'static str,
    verdict: &'static str,
    /// The endpoints, as `role host:port status`; those that are optional and closed left out.
    endpoints: &'static [&'static str],
    /// Errors and warnings, as `severity code`.
    faults: &'static [&'static str],
    /// Notes that have to be there.
    notes: &'static [&'static str],
}

const EXPECTED: &[Expected] = &[
    Expected {
        domain: "healthy.example",
        verdict: "ok",
        endpoints: &[
            "mx mx1.healthy.example:25 open",
            "mx mx2.healthy.example:25 open",
            "submission smtp.healthy.example:465 open",
            "submission smtp.healthy.example:587 open",
        ],
        faults: &[],
        notes: &[],
    },
    Expected {
        domain: "expired.example",
        verdict: "problems",
        endpoints: &[
            "mx mail.expired.example:25 open",
            "mx mail.expired.example:465 misconfigured",
            "mx mail.expired.example:587 misconfigured",
            "submission mail.expired.example:25 open",
            "submission mail.expired.example:465 misconfigured",
            "submission mail.expired.example:587 misconfigured",
        ],
        faults: &["error certificate-expired", "warning certificate-expired"],
        notes: &[],
    },
    Expected {
        domain: "wrong-name.example",
        verdict: "problems",
        endpoints: &[
            "mx mx.wrong-name.example:25 open",
            "submission smtp.wrong-name.example:465 misconfigured",
            "submission smtp.wrong-name.example:587 misconfigured",
        ],
        faults: &["error certificate-host-mismatch"],
        notes: &[],
    },
    Expected {
        domain: "self-signed.example",
        verdict: "problems",
        endpoints: &[
            "mx mx.self-signed.example:25 open",
            "submission smtp.self-signed.example:465 misconfigured",
            "submission smtp.self-signed.example:587 misconfigured",
        ],
        faults: &["error certificate-self-signed", "warning certificate-self-signed"],
        notes: &[],
    },
    Expected {
        domain: "no-starttls.example",
        verdict: "problems",
        endpoints: &[
            "mx mx.no-starttls.example:25 open",
            "submission smtp.no-starttls.example:587 misconfigured",
        ],
        faults: &["error starttls-not-supported", "warning starttls-not-supported"],
        notes: &[],
    },
    Expected {
        domain: "plaintext-465.example",
        verdict: "problems",
        endpoints: &[
            "mx mx.plaintext-465.example:25 open",
            "submission smtp.plaintext-465.example:465 misconfigured",
            "submission smtp.plaintext-465.example:587 open",
        ],
        faults: &["error plaintext-on-tls-port"],
        notes: &[],
    },
    Expected {
        domain: "auth-in-clear.example",
        verdict: "problems",
        endpoints: &[
            "mx mx.auth-in-clear.example:25 open",
            "submission smtp.auth-in-clear.example:465 open",
            "submission smtp.auth-in-clear.example:587 misconfigured",
        ],
        faults: &["error auth-before-tls"],
        notes: &[],
    },
    Expected {
        domain: "closed.example",
        verdict: "problems",
        endpoints: &["mx mx.closed.example:25 closed"],
        faults: &["error port-closed"],
        notes: &["submission-not-announced"],
    },
    Expected {
        domain: "silent.example",
        verdict: "problems",
        endpoints: &["mx mx.silent.example:25 misconfigured"],
        faults: &["error greeting-missing"],
        notes: &[],
    },
    Expected {
        domain: "rejected.example",
        verdict: "problems",
        endpoints: &["mx mx.rejected.example:25 rejected"],
        faults: &["error greeting-rejected"],
        notes: &[],
    },
    Expected {
        domain: "throttled.example",
        verdict: "undetermined",
        endpoints: &["mx mx.throttled.example:25 rejected"],
        faults: &["warning greeting-throttled"],
        notes: &[],
    },
    Expected {
        domain: "null-mx.example",
        verdict: "ok",
        endpoints: &[],
        faults: &[],
        notes: &["null-mx"],
    },
    Expected {
        domain: "mx-problems.example",
        verdict: "problems",
        endpoints: &[
            "mx mx.mx-problems.example:25 open",
            "mx alias.mx-problems.example:25 skipped",
            "mx alias.mx-problems.example:465 skipped",
            "mx alias.mx-problems.example:587 skipped",
            "mx alias.mx-problems.example:2525 skipped",
        ],
        faults: &[
            "error mx-address-private",
            "error mx-is-address",
            "error mx-name-malformed",
            "error mx-without-address",
            "warning mx-is-alias",
        ],
        notes: &[],
    },
    Expected {
        domain: "broken-dnssec.example",
        verdict: "problems",
        endpoints: &[],
        faults: &["error dnssec-invalid"],
        notes: &[],
    },
    Expected {
        domain: "no-such.example",
        verdict: "problems",
        endpoints: &[],
        faults: &["error domain-not-found"],
        notes: &[],
    },
];

#[test]
fn every_domain_of_the_lab() {
    let domains = Lab::with_domains();
    let listed: Vec<_> = EXPECTED.iter().map(|e| e.domain).collect();
    let there: Vec<_> = world::DOMAINS.iter().map(|d| d.name).collect();
    assert_eq!(listed, there, "the lab's domains and what is expected of them");

    let domains = &domains;
    std::thread::scope(|scope| {
        for (expected, domain) in EXPECTED.iter().zip(world::DOMAINS) {
            scope.spawn(move || {
                let arguments = [&[domain.name], domain.arguments].concat();
                let checked = check(domains, &arguments);
                checked.expect(domain.exit.into(), expected.verdict, expected.faults);
                assert_eq!(checked.endpoint_lines(), expected.endpoints, "\n{checked}");
                for note in expected.notes {
                    assert!(checked.has(note), "no {note}\n{checked}");
                }
            });
        }
    });
}

#[test]
fn the_facts_of_a_healthy_domain() {
    let domains = Lab::with_domains();
    let checked = check(&domains, &["healthy.example"]);
    let target = checked.target();
    assert_eq!(target["target"], "healthy.example");
    assert_eq!(target["dns"]["mx_source"], "mx");
    assert_eq!(target["dns"]["mx"][0]["host"], "mx1.healthy.example");
    assert_eq!(target["dns"]["mx"][1]["preference"], 20);
    assert_eq!(target["dns"]["submission"].as_array().map(Vec::len), Some(2));
    assert_eq!(target["dns"]["submission"][0]["source"], "srv");

    let relay = checked.endpoint("mx", "mx2.healthy.example", 25);
    assert_eq!(relay["mode"], "starttls");
    assert_eq!(relay["required"], true);
    assert_eq!(relay["preference"], 20);
    assert_eq!(relay["address"], "127.0.0.1");
    assert_eq!(relay["connect"]["outcome"], "connected");
    assert_eq!(relay["smtp"]["greeting"]["code"], 220);
    assert_eq!(relay["smtp"]["greeting"]["lines"][0], "mx2.healthy.example ESMTP lab");
    assert_eq!(relay["smtp"]["ehlo"][1]["keyword"], "SIZE");
    assert_eq!(relay["smtp"]["ehlo"][1]["parameters"], "10240000");
    let starttls = serde_json::json!({"offered": true, "accepted": true});
    assert_eq!(relay["smtp"]["starttls"], starttls);
    assert_eq!(relay["tls"]["version"], "TLSv1.3");
    assert_eq!(relay["tls"]["trusted"], true);
    assert_eq!(relay["tls"]["name_matches"], true);
    assert_eq!(relay["tls"]["chain"].as_array().map(Vec::len), Some(2), "leaf and intermediate");
    assert_eq!(relay["tls"]["chain"][0]["names"][0], "mx2.healthy.example");
    for phase in ["connect", "greeting", "ehlo", "starttls", "tls", "ehlo_after_tls", "total"] {
        assert!(relay["timings_ms"][phase].is_number(), "{phase}\n{checked}");
    }

    let submissions = checked.endpoint("submission", "smtp.healthy.example", 465);
    assert_eq!(submissions["mode"], "implicit");
    assert!(submissions["smtp"]["ehlo"].is_null(), "EHLO under implicit TLS is another field");
    let inside = submissions["smtp"]["ehlo_after_tls"].as_array().expect("keywords inside TLS");
    assert!(inside.iter().any(|k| k["keyword"] == "AUTH" && k["parameters"] == "PLAIN LOGIN"));

    let closed = checked.endpoint("mx", "mx1.healthy.example", 587);
    assert_eq!(closed["status"], "closed");
    assert_eq!(closed["required"], false);
    assert_eq!(closed["connect"]["outcome"], "refused");
    assert!(closed["findings"].as_array().is_some_and(Vec::is_empty));
}

#[test]
fn what_is_not_offered_where_it_is_optional_is_closed_without_a_finding() {
    let domains = Lab::with_domains();
    let checked = check(&domains, &["healthy.example"]);
    let ports: Vec<_> = checked
        .endpoints()
        .iter()
        .filter(|e| e["host"] == "mx1.healthy.example")
        .map(|e| (e["port"].as_u64(), e["required"] == true))
        .collect();
    let expected = [(Some(25), true), (Some(465), false), (Some(587), false), (Some(2525), false)];
    assert_eq!(ports, expected, "\n{checked}");
}
