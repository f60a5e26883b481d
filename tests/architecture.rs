//! The fences between facts, verdicts and words: what a folder may use, and who may name a crate.
//!
//! Reads `use` lines and paths in the source rather than the compiler's view: what is forbidden
//! here compiles well, and would still be wrong.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `src/` whose path from there begins with `part`.
fn sources(part: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the source") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).expect("below src").display().to_string();
                // Files of tests only may read what they check.
                if name.starts_with(part) && !name.ends_with("tests.rs") {
                    files.push((name, fs::read_to_string(&path).expect("a readable file")));
                }
            }
        }
    }
    assert!(!files.is_empty(), "no file below src/{part}: was it moved?");
    files
}

/// The code of a file, without comments and without its tests at the end.
fn code(text: &str) -> Vec<&str> {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//")).collect()
}

fn offences(parts: &[&str], forbidden: &[&str]) -> Vec<String> {
    let mut offences = Vec::new();
    for part in parts {
        for (name, text) in sources(part) {
            for line in code(&text) {
                for word in forbidden {
                    if line.contains(word) {
                        offences.push(format!("src/{name}: `{}` has {word}", line.trim()));
                    }
                }
            }
        }
    }
    offences
}

const PURE: [&str; 12] = [
    "observation/",
    "smtp/",
    "diagnosis/",
    "report",
    "render/",
    "names.rs",
    "environment.rs",
    "path/ladder.rs",
    "path/compare.rs",
    "path/pace.rs",
    "path/side.rs",
    "control.rs",
];

#[test]
fn pure_folders_do_no_io_and_read_no_clock() {
    let effects = [
        "tokio",
        "hickory",
        "socket2",
        "nix::",
        "std::fs",
        "std::process",
        "std::env",
        "TcpStream",
        "UdpSocket",
        "std::time::Instant",
        "SystemTime",
        "now_utc",
    ];
    assert_eq!(offences(&PURE, &effects), Vec::<String>::new());
}

#[test]
fn facts_know_no_verdicts_and_nobody_knows_who_comes_after() {
    let order = [
        ("observation/", &[][..]),
        ("smtp/", &["observation"]),
        ("tls/", &["observation"]),
        ("resolve/", &["observation"]),
        ("environment", &[]),
        ("net/", &["observation", "smtp", "tls"]),
        ("path/", &["observation", "net"]),
        ("path/compare.rs", &["observation", "path"]),
        ("path/ladder.rs", &["observation", "path"]),
        ("probe/", &["observation", "smtp", "tls", "resolve", "net", "path", "plan"]),
        // Of `path` only what is pure, as every folder of verdicts.
        ("diagnosis/", &["observation", "diagnosis", "environment", "path"]),
        ("report", &["observation", "diagnosis", "plan"]),
        ("render/", &["observation", "diagnosis", "report"]),
    ];
    let folders = [
        "observation",
        "smtp",
        "tls",
        "resolve",
        "environment",
        "net",
        "path",
        "plan",
        "probe",
        "diagnosis",
        "report",
        "render",
        "cli",
    ];
    for (part, may_use) in order {
        let own = part.trim_end_matches('/');
        let forbidden: Vec<String> = folders
            .iter()
            .filter(|folder| **folder != own && !may_use.contains(*folder))
            .map(|folder| format!("crate::{folder}"))
            .collect();
        let forbidden: Vec<&str> = forbidden.iter().map(String::as_str).collect();
        assert_eq!(offences(&[part], &forbidden), Vec::<String>::new());
    }
}

#[test]
fn a_crate_that_may_be_replaced_one_day_is_named_in_one_place() {
    for (crate_name, home) in [
        ("hickory_resolver", "resolve/"),
        ("x509_parser", "tls/"),
        ("tokio_rustls", "tls/"),
        ("rustls::", "tls/"),
        ("webpki", "tls/"),
        ("socket2", "net/"),
        ("owo_colors", "render/"),
        ("quick_junit", "render/"),
        ("regex_lite", "diagnosis/software"),
    ] {
        let strangers: Vec<String> = sources("")
            .into_iter()
            .filter(|(name, _)| !name.starts_with(home))
            .filter(|(_, text)| code(text).iter().any(|line| line.contains(crate_name)))
            .map(|(name, _)| format!("src/{name} names {crate_name}"))
            .collect();
        assert_eq!(strangers, Vec::<String>::new());
    }
}
