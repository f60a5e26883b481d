//! The formats for other programs, byte for byte, and read as those programs read them.
//!
//! Each file below `golden/` is what a report has to become in one format; the reports are those of
//! `tests/golden/` and the JSON files beside this one. `UPDATE_GOLDEN=1 cargo test --test formats`
//! writes the files anew; read the difference before committing it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use smtpcheck::finding::Severity;
use smtpcheck::{PluginState, Report};
use smtpcheck::{github, jsonl, junit, markdown, nagios, prometheus};

mod ci;
mod consumers;
mod readers;

/// A report, and the formats in which it is shown. A plug-in's state comes from outside.
const SHOWN: &[(&str, PluginState, &[&str])] = &[
    ("healthy", PluginState::Ok, &["nagios.txt", "md", "xml"]),
    ("blocked", PluginState::Critical, &["jsonl", "nagios.txt", "md", "github.txt"]),
    ("misconfigured", PluginState::Critical, &["xml", "github.txt"]),
    ("twelve-hosts", PluginState::Warning, &["nagios.txt", "github.txt"]),
    ("several", PluginState::Critical, &["jsonl", "xml", "nagios.txt", "github.txt", "md", "prom"]),
    ("undetermined", PluginState::Unknown, &["xml", "nagios.txt", "github.txt", "md", "prom"]),
    ("hostile", PluginState::Warning, &["xml", "nagios.txt", "github.txt", "md", "prom"]),
    ("markup", PluginState::Critical, &["xml", "nagios.txt", "github.txt", "md", "prom"]),
    ("trace", PluginState::Unknown, &["md"]),
    ("network", PluginState::Critical, &["xml", "nagios.txt", "github.txt", "md", "prom"]),
];

/// Every report there is, for what has to hold of all.
pub fn reports() -> Vec<(String, Report)> {
    let folders = [folder().join("../golden"), folder()];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("it is there"));
    let files = files.map(|entry| entry.expect("it can be read").path());
    let json = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.map(|path| (path.file_stem().expect("a name").display().to_string(), read(&path)))
        .collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn read(path: &Path) -> Report {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn report(name: &str) -> Report {
    let found = reports().into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("there is no report {name}")).1
}

fn drawn(report: &Report, state: PluginState, format: &str) -> String {
    match format {
        "jsonl" => jsonl(report),
        "xml" => junit(report, |_| Some(Severity::Error)),
        "nagios.txt" => nagios(report, state),
        "github.txt" => github(report),
        "md" => markdown(report),
        "prom" => prometheus(report),
        other => panic!("there is no format {other}"),
    }
}

#[test]
fn reports_become_what_they_should() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let (mut wrong, mut known) = (Vec::new(), BTreeSet::new());
    for (name, state, formats) in SHOWN {
        for format in *formats {
            let file = format!("{name}.{format}");
            let path = folder().join("golden").join(&file);
            let drawn = drawn(&report(name), *state, format);
            if update {
                fs::write(&path, &drawn).expect("the folder can be written");
            } else if fs::read_to_string(&path).unwrap_or_default() != drawn {
                wrong.push(format!("{}\n{drawn}", path.display()));
            }
            known.insert(file);
        }
    }
    assert!(wrong.is_empty(), "these differ (UPDATE_GOLDEN=1 accepts):\n{}", wrong.join("\n"));
    let there = fs::read_dir(folder().join("golden")).expect("the folder is there");
    let there = there.map(|e| e.expect("it can be read").file_name().display().to_string());
    assert_eq!(there.collect::<BTreeSet<_>>(), known, "every file is used");
}

#[test]
fn nothing_that_acts_stands_in_any_format() {
    for (name, report) in reports() {
        for format in ["jsonl", "xml", "nagios.txt", "github.txt", "md", "prom"] {
            let drawn = drawn(&report, PluginState::Unknown, format);
            let acts = |c: &char| {
                (c.is_control() && *c != '\n')
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            };
            assert_eq!(drawn.chars().find(acts), None, "{name}.{format}\n{drawn}");
            let empty = format == "jsonl" && report.targets.is_empty();
            assert!(drawn.ends_with('\n') || empty, "{name}.{format}");
        }
    }
}
