//! Holds file, code, registry, documentation and severities of the checks together.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::ALL;
use crate::diagnosis::check::{Check, Group, Outcome, Rule};
use crate::diagnosis::demands::Demands;
use crate::diagnosis::finding::Severity;
use crate::diagnosis::fixture::{self, talk};
use crate::diagnosis::{diagnose, software};

/// The published table: code, how bad on 25 and for a target as a whole, how bad elsewhere.
/// E error, W warning, N note, - does not occur.
const PUBLISHED: &[(&str, &str)] = &[
    ("domain-not-found", "E E"),
    ("domain-without-mail-host", "E E"),
    ("null-mx", "N N"),
    ("null-mx-mixed", "E E"),
    ("implicit-mx", "N N"),
    ("mx-is-alias", "W W"),
    ("mx-is-address", "E E"),
    ("mx-name-malformed", "E E"),
    ("mx-without-address", "E E"),
    ("mx-address-private", "E E"),
    ("mx-partly-unreachable", "W W"),
    ("server-without-address", "E E"),
    ("dns-server-failure", "E E"),
    ("dnssec-invalid", "E E"),
    ("submission-not-announced", "N N"),
    ("submission-disabled", "N N"),
    ("outbound-port-blocked", "E E"),
    ("port-filtered", "E E"),
    ("port-silent", "E E"),
    ("port-closed", "E E"),
    ("connection-intercepted", "E E"),
    ("host-unreachable", "E E"),
    ("connection-dropped", "E E"),
    ("tls-blocked", "E E"),
    ("path-mtu-blackhole", "E E"),
    ("ipv6-broken", "W W"),
    ("ipv6-unavailable-here", "N N"),
    ("greeting-missing", "E E"),
    ("greeting-slow", "W W"),
    ("greeting-throttled", "W E"),
    ("greeting-rejected", "E E"),
    ("greeting-rewritten", "W E"),
    ("wrong-protocol", "E E"),
    ("tls-on-plaintext-port", "E E"),
    ("plaintext-on-tls-port", "E E"),
    ("ehlo-rejected", "E E"),
    ("ehlo-unsupported", "W W"),
    ("reply-malformed", "W W"),
    ("starttls-not-supported", "W E"),
    ("starttls-refused", "W E"),
    ("plaintext-after-starttls", "E E"),
    ("auth-before-tls", "W E"),
    ("auth-not-offered", "- E"),
    ("tls-handshake-failed", "W E"),
    ("tls-version-too-old", "W E"),
    ("tls-no-common-cipher", "W E"),
    ("client-certificate-required", "W E"),
    ("clock-wrong-here", "W W"),
    ("certificate-expired", "W E"),
    ("certificate-not-yet-valid", "W E"),
    ("certificate-expires-soon", "W W"),
    ("certificate-host-mismatch", "W E"),
    ("certificate-self-signed", "W E"),
    ("certificate-chain-incomplete", "W E"),
    ("certificate-not-trusted", "W E"),
    ("certificate-weak", "W W"),
    ("expectation-not-met", "E E"),
];

fn letter(severity: Option<Severity>) -> &'static str {
    match severity {
        Some(Severity::Error) => "E",
        Some(Severity::Warning) => "W",
        Some(Severity::Note) => "N",
        None => "-",
    }
}

#[test]
fn codes_and_severities_are_the_published_ones() {
    let own: BTreeSet<(&str, String)> = ALL
        .iter()
        .map(|c| (c.code, format!("{} {}", letter(c.relay), letter(c.elsewhere))))
        .collect();
    let published: BTreeSet<(&str, String)> =
        PUBLISHED.iter().map(|(code, severities)| (*code, (*severities).to_owned())).collect();
    assert_eq!(own, published);
    assert_eq!(own.len(), ALL.len(), "a code stands in the registry twice");
}

#[test]
fn codes_are_kebab_case() {
    for check in ALL {
        let words: Vec<&str> = check.code.split('-').collect();
        let good = |word: &&str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(words.iter().all(good), "{}", check.code);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diagnosis/checks")
}

fn file_of(check: &Check) -> PathBuf {
    let family = check.group.title().to_lowercase();
    folder().join(family).join(format!("{}.rs", check.code.replace('-', "_")))
}

#[test]
fn every_file_is_an_entry_and_every_entry_a_file() {
    let mut files = BTreeSet::new();
    for family in std::fs::read_dir(folder()).expect("the folder of checks") {
        let family = family.expect("a family").path();
        if !family.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&family).expect("the folder of a family") {
            let file = file.expect("a file").path();
            if file.file_name().is_some_and(|name| name != "mod.rs") {
                files.insert(file);
            }
        }
    }
    let entries: BTreeSet<PathBuf> = ALL.iter().map(|check| file_of(check)).collect();
    assert_eq!(files, entries);
}

#[test]
fn every_check_with_a_rule_of_its_own_has_tests_in_its_file() {
    for check in ALL {
        let text = std::fs::read_to_string(file_of(check)).expect("the check's file");
        let tested = text.contains("#[cfg(test)]") && text.contains("#[test]");
        let together = matches!(check.rule, Rule::Together);
        assert!(tested || together, "{} has no tests", check.code);
    }
}

/// Of a healthy conversation nothing is found, and nothing is left open: each check says that all
/// is as it should be, on some port at least, or that it has nothing to look at.
#[test]
fn every_check_of_an_endpoint_is_silent_where_all_is_well() {
    for check in ALL.iter().filter(|check| matches!(check.rule, Rule::Endpoint(_))) {
        let ports = [25, 465, 587, 2525];
        let here = ports.into_iter().filter(|port| check.severity(*port).is_some());
        let outcomes: Vec<Outcome> = here.map(|port| talk(port).outcome(check)).collect();
        let silent = |o: &Outcome| matches!(o, Outcome::Pass | Outcome::NotApplicable(_));
        assert!(outcomes.iter().all(silent), "{}: {outcomes:?}", check.code);
        let about_reach = check.group == Group::Reach;
        assert!(about_reach || outcomes.contains(&Outcome::Pass), "{}: {outcomes:?}", check.code);
    }
}

/// Read from the source: the tests of a check show it at least once with something found and once
/// without.
#[test]
fn every_check_is_tested_both_ways() {
    for check in ALL.iter().filter(|check| !matches!(check.rule, Rule::Together)) {
        let text = std::fs::read_to_string(file_of(check)).expect("the check's file");
        let (_, tests) = text.split_once("#[cfg(test)]").expect("tested above");
        let code = format!("\"{}\"", check.code);
        let fires = [code.as_str(), "found(", "Outcome::Found"];
        let silent = ["Outcome::Pass", "Outcome::NotApplicable", "CannotTell", "is_empty()"];
        assert!(fires.iter().any(|f| tests.contains(f)), "{}: never found", check.code);
        assert!(silent.iter().any(|s| tests.contains(s)), "{}: never silent", check.code);
    }
}

#[test]
fn every_check_is_documented_in_full() {
    const SECTIONS: [&str; 5] =
        ["What it checks", "Why it matters", "How to fix it", "When it may be wrong", "References"];
    for check in ALL {
        let parts: Vec<(&str, &str)> = check
            .doc
            .split("## ")
            .skip(1)
            .map(|part| part.split_once('\n').unwrap_or((part, "")))
            .collect();
        let titles: Vec<&str> = parts.iter().map(|(title, _)| title.trim()).collect();
        assert_eq!(titles, SECTIONS, "{}", check.code);
        for (title, text) in parts {
            let least = if title.trim() == "References" { "RFC 1".len() } else { 40 };
            assert!(text.trim().len() >= least, "{}: {title} says too little", check.code);
        }
        assert!(!check.summary.is_empty() && !check.summary.ends_with('.'), "{}", check.code);
    }
}

#[test]
fn references_are_rfcs_with_sections() {
    for check in ALL {
        let (_, references) = check.doc.split_once("## References").expect("tested above");
        for reference in references.trim().split(',') {
            let words: Vec<&str> = reference.split_whitespace().collect();
            let good = match words.as_slice() {
                ["RFC", number] => number.parse::<u16>().is_ok(),
                ["RFC", number, section] => {
                    number.parse::<u16>().is_ok() && section.starts_with('§')
                }
                _ => false,
            };
            assert!(good, "{}: `{}`", check.code, reference.trim());
        }
    }
}

#[test]
fn groups_stand_together_in_their_order() {
    let groups: Vec<_> = ALL.iter().map(|check| check.group).collect();
    assert!(groups.is_sorted(), "{groups:?}");
}

/// Whose settings are told, in this order.
const SPOKEN: [&str; 8] =
    ["postfix", "exim", "sendmail", "opensmtpd", "exchange", "haraka", "stalwart", "mox"];

#[test]
fn settings_are_of_known_software_and_read_as_sentences() {
    for check in ALL {
        let ids: Vec<&str> = check.settings.iter().map(|(id, _)| *id).collect();
        let places: Vec<_> = ids.iter().map(|id| SPOKEN.iter().position(|s| s == id)).collect();
        assert!(places.iter().all(Option::is_some), "{}: {ids:?}", check.code);
        assert!(places.is_sorted_by(|a, b| a < b), "{}: {ids:?}", check.code);
        for (id, text) in check.settings {
            let first = text.chars().next().unwrap_or(' ');
            let good = (first.is_lowercase() || first == '`')
                && text.ends_with('.')
                && text.matches('`').count() % 2 == 0
                && !text.contains("  ");
            assert!(good, "{} for {id}: {text}", check.code);
        }
    }
    for id in SPOKEN {
        assert!(software::find(id).is_some(), "{id} is not in software/software.toml");
        assert!(ALL.iter().any(|check| check.setting(id).is_some()), "{id} has no setting");
    }
}

/// General words stand in the documentation, one software's own in the settings: told twice they
/// would part.
#[test]
fn documentation_speaks_of_no_server_software() {
    let names = SPOKEN.map(|id| software::find(id).expect("tested above").name.as_str());
    for check in ALL {
        let fix = check.doc.split("## ").find(|part| part.starts_with("How to fix it"));
        let fix = fix.expect("tested above");
        for name in names.iter().filter(|name| name.len() > 3) {
            assert!(!fix.contains(name), "{} speaks of {name}", check.code);
        }
    }
}

#[test]
fn a_fix_speaks_the_language_of_the_server_that_is_recognised() {
    let fix = |greeting: &str| {
        let talk = talk(587)
            .edit(|c| c.smtp.greeting = Some(fixture::reply(greeting)))
            .offers(&["STARTTLS", "AUTH PLAIN"]);
        let world = fixture::domain("example.com").endpoint(talk.endpoint());
        let mut made = diagnose(&world.run, &Demands::default()).targets.remove(0);
        made.endpoints.remove(0).findings.remove(0).fix
    };
    let general = "Offer AUTH only inside TLS. Set mail programs to require encryption until then.";
    assert_eq!(fix("220 mx.example.com ESMTP"), general);
    assert_eq!(
        fix("220 mx.example.com ESMTP Postfix"),
        format!("{general} In Postfix: set `smtpd_tls_auth_only = yes`.")
    );
    assert!(
        fix("220 mx.example.com ESMTP Exim 4.98").contains("In Exim: set `auth_advertise_hosts")
    );
    // Recognised, and nobody knows a setting for it.
    assert_eq!(fix("220 mx.example.com ESMTP MDaemon 21.5.1; now"), general);
}
