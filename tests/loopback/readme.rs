//! README.md shows what the program really says: its outputs and its table of findings are held
//! to the program. `UPDATE_GOLDEN=1 cargo test --test loopback readme` writes them anew.

use std::fmt::Write as _;

use smtpcheck::finding::Severity;
use smtpcheck::{CHECKS, Group};

use crate::lab::Lab;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// The parts of the README that are made: what stands behind a marker, up to the next blank line
/// that no fence encloses.
fn made(lab: &Lab, marker: &str) -> Option<String> {
    if marker == "findings" {
        return Some(table());
    }
    if marker == "list" {
        return Some(many_domains(lab));
    }
    // A path with routers on it is nothing that loopback could show.
    if let Some((picture, command)) =
        marker.strip_prefix("picture ").and_then(|m| m.split_once(": "))
    {
        let path = format!("{}/tests/golden/{picture}.txt", env!("CARGO_MANIFEST_DIR"));
        let picture = std::fs::read_to_string(path).expect("a golden picture");
        return Some(format!("```console\n$ smtpcheck {command}\n{picture}```"));
    }
    let command = marker.strip_prefix("output: ")?;
    let mut arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
    arguments.extend(lab.options());
    let mut child = crate::harness::smtpcheck(arguments);
    let output = child.env("LANG", "C.UTF-8").env_remove("LC_ALL").output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("a text report is UTF-8");
    Some(format!("```console\n$ smtpcheck {command}\n{text}```"))
}

/// A list on its way through the program and through `jq`.
fn many_domains(lab: &Lab) -> String {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (list, results) = (folder.path().join("domains.txt"), folder.path().join("results.jsonl"));
    let domains = "healthy.example\nexpired.example\nclosed.example\nhealthy..example\n";
    std::fs::write(&list, domains).expect("it can be written");
    let mut arguments = lab.options();
    arguments.extend(["-p25", "-fjsonl"].map(str::to_owned));
    arguments.push(format!("--input={}", list.display()));
    arguments.push(format!("--output={}", results.display()));
    let output = crate::harness::run(arguments);
    let code = output.status.code().expect("it ends by itself");
    let results = std::fs::read_to_string(&results).expect("the results");
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let word = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
        format!("{}: {}: {}\n", word("input"), word("verdict"), word("summary"))
    };
    let mut lines: Vec<String> = results.lines().map(line).collect();
    // They come as they are finished.
    lines.sort();
    format!(
        "```console\n$ smtpcheck --input domains.txt -p 25 -f jsonl -o results.jsonl; echo $?\n{code}\n\
         $ jq -r '.input + \": \" + .verdict + \": \" + .summary' results.jsonl | sort\n{}```",
        lines.concat()
    )
}

fn table() -> String {
    let letter = |severity: Option<Severity>| match severity {
        Some(Severity::Error) => "E",
        Some(Severity::Warning) => "W",
        Some(Severity::Note) => "n",
        None => "–",
    };
    let mut table = "| code | 25 / other | what is so |\n|---|---|---|".to_owned();
    for group in [Group::Names, Group::Reach, Group::Dialogue, Group::Tls, Group::Policy] {
        let _ = write!(table, "\n| **{}** | | |", group.title());
        for check in CHECKS.iter().filter(|check| check.group == group) {
            let (relay, elsewhere) = (letter(check.relay), letter(check.elsewhere));
            let severity = match relay == elsewhere {
                true => relay.to_owned(),
                false => format!("{relay} / {elsewhere}"),
            };
            let _ = write!(table, "\n| `{}` | {severity} | {} |", check.code, check.summary);
        }
    }
    table
}

/// The README with every made part made anew.
fn regenerated(readme: &str, lab: &Lab) -> String {
    let mut out = String::new();
    let mut lines = readme.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        let marker = line.strip_prefix("<!-- ").and_then(|l| l.strip_suffix(" -->"));
        let Some(part) = marker.and_then(|marker| made(lab, marker)) else { continue };
        out.push_str(&part);
        out.push('\n');
        let mut fenced = false;
        while let Some(old) = lines.next_if(|old| fenced || !old.is_empty()) {
            fenced ^= old.starts_with("```");
        }
    }
    out
}

/// The text without what differs from run to run: numbers, the bars of the waterfall, and the
/// width that they take.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        for word in line.split_whitespace().filter(|word| *word != "ms" && *word != "s") {
            let kept = word.chars().filter(|c| !('\u{2580}'..='\u{259f}').contains(c));
            for c in kept {
                match c {
                    c if !c.is_ascii_digit() => out.push(c),
                    _ if out.ends_with('#') => {}
                    _ => out.push('#'),
                }
            }
            out.push(' ');
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    // 0.4 ms today may be 1 ms tomorrow.
    out.replace("#.#", "#")
}

#[test]
fn readme_shows_what_the_program_says() {
    let readme = std::fs::read_to_string(PATH).expect("README.md");
    let lab = Lab::with_domains();
    let now = regenerated(&readme, &lab);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PATH, &now).expect("README.md can be written");
    }
    let readme = std::fs::read_to_string(PATH).expect("README.md");
    assert_eq!(timeless(&readme), timeless(&now), "UPDATE_GOLDEN=1 writes it anew");
    for marker in [
        "output: expired.example",
        "output: mx1.healthy.example:25 -vv",
        "picture blocked-here: lab.example",
        "picture network: network -p 25,587",
        "picture trace-one: trace smtp.example.com",
        "output: explain auth-before-tls",
        "findings",
        "list",
    ] {
        assert!(readme.contains(&format!("<!-- {marker} -->\n")), "README lost `{marker}`");
    }
}
