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
fn version() {
    assert_eq!(shown(&["--version"]), concat!("smtpcheck ", env!("CARGO_PKG_VERSION"), "\n"));
}
