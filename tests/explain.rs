//! `smtpcheck explain`, as people and programs read it. `UPDATE_GOLDEN=1 cargo test --test explain`
//! writes the pictures in `tests/explain/` anew.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use unicode_width::UnicodeWidthStr;

use smtpcheck::CHECKS;

fn explain(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtpcheck"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SMTPCHECK_") {
            command.env_remove(&name);
        }
    }
    for name in ["LC_ALL", "LC_CTYPE", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.env("LANG", "C.UTF-8").env("COLUMNS", "80").envs(environment.iter().copied());
    command.arg("explain").args(arguments).output().expect("it starts")
}

fn told(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = explain(arguments, environment);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn explanations_look_as_they_should() {
    let ascii = ("LANG", "C");
    for (name, arguments, environment) in [
        ("all.txt", &[][..], &[][..]),
        ("all.50.txt", &[], &[("COLUMNS", "50")]),
        ("auth-before-tls.txt", &["auth-before-tls"], &[]),
        ("auth-before-tls.60-ascii.txt", &["auth-before-tls"], &[("COLUMNS", "60"), ascii]),
        ("auth-before-tls.json", &["auth-before-tls", "--format", "json"], &[]),
        ("null-mx.colour.txt", &["--color", "always", "null-mx"], &[]),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain").join(name);
        let now = told(arguments, environment);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &now).expect("the folder can be written");
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), now, "{name}");
    }
}

#[test]
fn every_finding_is_explained() {
    for check in CHECKS {
        for (width, columns) in [("60", 60), ("80", 80)] {
            let text = told(&[check.code], &[("COLUMNS", width)]);
            for part in [check.summary, "What it checks", "How to fix it", "References"] {
                let words: Vec<&str> = text.split_whitespace().collect();
                let part: Vec<&str> = part.split_whitespace().collect();
                let said = words.windows(part.len()).any(|window| window == part);
                assert!(said, "{}: no `{part:?}` in\n{text}", check.code);
            }
            for line in text.lines() {
                let words = line.split_whitespace();
                let longest = words.map(UnicodeWidthStr::width).max().unwrap_or(0);
                // A quotation that is to be copied is not torn, and a word never.
                let fits = line.width() <= columns || line.contains('`') || longest + 8 > columns;
                assert!(fits, "{}: {line}", check.code);
                assert_eq!(line, line.trim_end(), "{}", check.code);
            }
        }
        assert!(told(&[check.code], &[("LANG", "C")]).is_ascii(), "{}", check.code);
        let json: serde_json::Value =
            serde_json::from_str(&told(&[check.code, "-fjson"], &[])).expect("JSON");
        assert_eq!(json["code"], check.code);
        assert_eq!(json["sections"].as_array().expect("sections").len(), 4);
        assert_eq!(json["fixes"].as_array().expect("fixes").len(), check.settings.len());
    }
}

#[test]
fn the_list_has_every_finding_by_group() {
    let json: serde_json::Value =
        serde_json::from_str(&told(&["--format=json"], &[])).expect("JSON");
    let listed = json["findings"].as_array().expect("findings");
    let codes: Vec<&str> = listed.iter().filter_map(|finding| finding["code"].as_str()).collect();
    let expected: Vec<&str> = CHECKS.iter().map(|check| check.code).collect();
    assert_eq!(codes, expected);
    let text = told(&[], &[]);
    for code in expected {
        assert_eq!(text.matches(&format!("   {code} ")).count(), 1, "{code}");
    }
}

#[test]
fn what_there_is_not_is_a_mistake_and_the_nearest_are_named() {
    let output = explain(&["certificate-expird"], &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(errors.contains("`certificate-expired`"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_format_for_reports_of_checks_is_a_mistake() {
    for format in ["junit", "jsonl", "prometheus", "markdown"] {
        let output = explain(&["port-closed", "-f", format], &[]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{format}");
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(errors.contains(format) && errors.contains("text or json"), "{errors}");
    }
}

#[test]
fn it_goes_where_the_user_wants_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("told.txt");
    let file_name = file.to_str().expect("UTF-8");
    assert_eq!(told(&["port-closed", "-q"], &[]), "");
    assert_eq!(told(&["port-closed", "-o", file_name], &[]), "");
    assert_eq!(fs::read_to_string(&file).expect("it was written"), told(&["port-closed"], &[]));
    let json = folder.path().join("told.json");
    let report = format!("json={}", json.display());
    assert_eq!(told(&["port-closed", "--report", &report], &[]), told(&["port-closed"], &[]));
    assert_eq!(
        fs::read_to_string(&json).expect("it was written"),
        told(&["port-closed", "-fjson"], &[])
    );
    let nowhere = folder.path().join("no/such/folder");
    let output = explain(&["port-closed", "-o", nowhere.to_str().expect("UTF-8")], &[]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}
