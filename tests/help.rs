//! The help is part of the interface: shown byte for byte, white space included.
//! `UPDATE_GOLDEN=1 cargo test --test help` writes it anew.

use std::fs;
use std::path::Path;
use std::process::Command;

fn shown(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smtpcheck"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SMTPCHECK_") {
            command.env_remove(&name);
        }
    }
    let output = command.env("COLUMNS", "100").args(arguments).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    assert!(output.stderr.is_empty(), "help belongs on standard output");
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

fn golden(name: &str, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help").join(name);
    let now = shown(arguments);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &now).expect("a golden file can be written");
    }
    assert_eq!(fs::read_to_string(&path).expect("a golden file"), now, "{name}");
}

#[test]
fn short_help() {
    golden("short.txt", &["-h"]);
}

#[test]
fn long_help() {
    golden("long.txt", &["--help"]);
}

#[test]
fn help_of_trace() {
    golden("trace-short.txt", &["trace", "-h"]);
    golden("trace-long.txt", &["trace", "--help"]);
}

#[test]
fn help_of_network() {
    golden("network-short.txt", &["network", "-h"]);
    golden("network-long.txt", &["network", "--help"]);
}

#[test]
fn help_of_explain() {
    golden("explain-short.txt", &["explain", "-h"]);
    golden("explain-long.txt", &["explain", "--help"]);
}

#[test]
fn help_of_what_checks_nothing() {
    golden("completions-short.txt", &["completions", "-h"]);
    golden("completions-long.txt", &["completions", "--help"]);
    golden("man-short.txt", &["man", "-h"]);
    golden("man-long.txt", &["man", "--help"]);
}

#[test]
fn version() {
    let version = concat!("smtpcheck ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(shown(&["--version"]), version);
    let facts = shown(&["-V"]);
    assert!(facts.starts_with(version), "{facts}");
    for fact in ["rustls 0.", "ring 0.", "webpki-roots 1.", " of 20", "\nfor "] {
        assert!(facts.contains(fact), "no {fact}: {facts}");
    }
    for more in [["--version", "--verbose"], ["-v", "--version"]] {
        assert_eq!(shown(&more), facts);
    }
}

/// Every option and command that the help tells of.
fn words() -> Vec<String> {
    let long = shown(&["--help"]);
    let options = long.lines().filter_map(|line| {
        let (_, rest) = line.trim_start().split_once("--")?;
        let is_option = line.trim_start().starts_with('-');
        let end = rest.find(|c: char| c != '-' && !c.is_ascii_lowercase() && !c.is_ascii_digit());
        is_option.then(|| rest[..end.unwrap_or(rest.len())].to_owned())
    });
    let commands = long.lines().skip_while(|line| *line != "Commands:").skip(1);
    // What is longer than a line goes on further to the right.
    let commands = commands.take_while(|line| !line.is_empty()).filter_map(|line| {
        let line = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
        line.split_whitespace().next().map(str::to_owned)
    });
    let words: Vec<String> = options.chain(commands).collect();
    assert!(words.len() > 20 && words.iter().any(|word| word == "completions"), "{words:?}");
    words
}

#[test]
fn every_shell_completes_every_option_and_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = shown(&["completions", shell]);
        for word in words() {
            assert!(script.contains(&word), "{shell} does not know {word}");
        }
        // Of these two shells, clap completes no values of options.
        let values = !["powershell", "elvish"].contains(&shell);
        assert_eq!(script.contains("undetermined"), values, "{shell}: values of --blocked-here");
    }
    // What the script says is not what the environment of whoever makes it says.
    let command = Command::new(env!("CARGO_BIN_EXE_smtpcheck"))
        .args(["completions", "bash"])
        .env("SMTPCHECK_FORMAT", "json")
        .env("SMTPCHECK_TIMEOUT", "5")
        .output()
        .expect("it starts");
    assert_eq!(String::from_utf8_lossy(&command.stdout), shown(&["completions", "bash"]));
}

#[test]
fn the_man_page_has_everything_that_the_help_has() {
    let page = shown(&["man"]);
    let plain = page.replace("\\-", "-");
    for word in words() {
        assert!(plain.contains(&word), "the man page does not know {word}");
    }
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT CODES"] {
        assert!(page.contains(&format!(".SH {section}\n")), "there is no section {section}");
    }
    let title = page.lines().find(|line| line.starts_with(".TH")).expect("a title");
    assert!(title.contains(concat!("smtpcheck ", env!("CARGO_PKG_VERSION"))), "{title}");
    // Every line of the examples stands for itself.
    assert!(plain.contains("\\&  smtpcheck -s smtp.example.com "), "{page}");
}
