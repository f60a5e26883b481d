//! The text report, byte for byte: each `golden/*.json` is a report, each `golden/*.txt` what it
//! has to look like. `UPDATE_GOLDEN=1 cargo test --test golden` writes the pictures anew; read the
//! difference before committing it.
//!
//! A new case is a JSON file (take one of the others as a pattern) and a line in [`PICTURES`].

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use smtpcheck::Report;
use smtpcheck::{Styles, TextOptions, json, text};
use unicode_width::UnicodeWidthStr;

/// A picture: its name is `<report>[.<variant>]`, and the variant's letters say how it is drawn.
const PICTURES: &[(&str, &str, Look)] = &[
    ("healthy", "", PLAIN),
    ("healthy", "60", Look { width: 60, ..PLAIN }),
    ("healthy", "120", Look { width: 120, ..PLAIN }),
    ("healthy", "ascii", Look { unicode: false, ..PLAIN }),
    ("healthy", "colour", Look { colour: true, ..PLAIN }),
    ("healthy", "v", Look { verbosity: 1, ..PLAIN }),
    ("blocked", "", PLAIN),
    ("blocked", "60", Look { width: 60, ..PLAIN }),
    ("blocked", "120", Look { width: 120, ..PLAIN }),
    ("blocked", "ascii", Look { unicode: false, ..PLAIN }),
    ("blocked", "colour", Look { colour: true, ..PLAIN }),
    ("blocked-here", "", PLAIN),
    ("blocked-here", "60", Look { width: 60, ..PLAIN }),
    ("blocked-here", "120", Look { width: 120, ..PLAIN }),
    ("blocked-here", "ascii", Look { unicode: false, ..PLAIN }),
    ("blocked-here", "colour", Look { colour: true, ..PLAIN }),
    ("intercepted", "", PLAIN),
    ("ipv6-blocked", "", PLAIN),
    ("network", "", PLAIN),
    ("network", "60", Look { width: 60, ..PLAIN }),
    ("network", "ascii", Look { unicode: false, ..PLAIN }),
    ("all-silent", "", PLAIN),
    ("all-silent", "60", Look { width: 60, ..PLAIN }),
    ("all-silent", "v-colour", Look { verbosity: 1, colour: true, ..PLAIN }),
    ("misconfigured", "", PLAIN),
    ("misconfigured", "colour", Look { colour: true, ..PLAIN }),
    ("misconfigured", "v-ascii", Look { verbosity: 1, unicode: false, ..PLAIN }),
    ("rejected", "", PLAIN),
    ("null-mx", "", PLAIN),
    ("undetermined", "", PLAIN),
    ("undetermined", "60", Look { width: 60, ..PLAIN }),
    ("twelve-hosts", "", PLAIN),
    ("twelve-hosts", "60", Look { width: 60, ..PLAIN }),
    ("twelve-hosts", "120", Look { width: 120, ..PLAIN }),
    ("twelve-hosts", "colour", Look { colour: true, ..PLAIN }),
    ("ipv6-addresses", "", PLAIN),
    ("ipv6-addresses", "60", Look { width: 60, ..PLAIN }),
    ("ipv6-skipped", "", PLAIN),
    ("one-server", "", PLAIN),
    ("one-server", "v", Look { verbosity: 1, ..PLAIN }),
    ("several", "", PLAIN),
    ("handshake-fails", "vv", Look { verbosity: 2, ..PLAIN }),
    ("trace-one", "", PLAIN),
    ("trace", "", PLAIN),
    ("trace", "60", Look { width: 60, ..PLAIN }),
    ("trace", "120", Look { width: 120, ..PLAIN }),
    ("trace", "ascii", Look { unicode: false, ..PLAIN }),
    ("trace", "colour", Look { colour: true, ..PLAIN }),
    ("hostile", "vv", Look { verbosity: 2, ..PLAIN }),
    ("hostile", "vv-ascii", Look { verbosity: 2, unicode: false, ..PLAIN }),
    ("hostile", "vv-colour", Look { verbosity: 2, colour: true, ..PLAIN }),
];

/// [`TextOptions`] as a constant can hold them.
struct Look {
    width: usize,
    unicode: bool,
    colour: bool,
    verbosity: u8,
}

const PLAIN: Look = Look { width: 80, unicode: true, colour: false, verbosity: 0 };

impl Look {
    fn options(&self) -> TextOptions {
        let styles = if self.colour { Styles::colored() } else { Styles::default() };
        let Self { width, unicode, verbosity, .. } = *self;
        TextOptions { width, unicode, styles, verbosity }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn report(name: &str) -> Report {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn picture(name: &str, variant: &str) -> String {
    if variant.is_empty() { format!("{name}.txt") } else { format!("{name}.{variant}.txt") }
}

/// The text without CSI sequences that set colours; any other escape stays.
fn without_colour(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        let end = sequence.find(|c: char| !(c.is_ascii_digit() || c == ';')).expect("it ends");
        assert_eq!(&sequence[end..=end], "m", "only colours are set");
        rest = &sequence[end + 1..];
    }
    out + rest
}

#[test]
fn reports_look_as_they_should() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, variant, options) in PICTURES {
        let path = folder().join(picture(name, variant));
        let drawn = text(&report(name), &options.options());
        if update {
            fs::write(&path, &drawn).expect("the folder can be written");
        } else if fs::read_to_string(&path).unwrap_or_default() != drawn {
            wrong.push(format!("{}\n{drawn}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "these differ (UPDATE_GOLDEN=1 accepts):\n{}", wrong.join("\n"));
}

/// One cause is told once, other facts are told apart, and proofs that differ are all shown.
#[test]
fn findings_of_one_cause_are_told_once() {
    let code = "certificate-host-mismatch";
    let told = |report: &Report| text(report, &TextOptions::default());
    let headings = |text: &str| text.matches(&format!("warning {code}:")).count();
    let mut report = report("twelve-hosts");
    let proof = "- it names *.mail-protection.example.test";
    let before = told(&report);
    assert_eq!((headings(&before), before.matches(proof).count()), (1, 1));
    let endpoints = &mut report.targets[0].endpoints;
    let mut faulty = (0..endpoints.len()).filter(|at| !endpoints[*at].findings.is_empty());
    let (first, last) = (faulty.next().expect("one"), faulty.next_back().expect("another"));
    assert_eq!(endpoints[first].findings[0].code, code);
    endpoints[last].findings[0].evidence = vec!["it names *.other.test".to_owned()];
    let other_proof = told(&report);
    assert_eq!(headings(&other_proof), 1);
    assert!(other_proof.contains(proof) && other_proof.contains("- it names *.other.test"));
    report.targets[0].endpoints[last].findings[0].message = "it names another server".to_owned();
    assert_eq!(headings(&told(&report)), 2);
}

#[test]
fn no_line_is_wider_than_the_page_unless_a_word_is() {
    for (name, variant, options) in PICTURES {
        for line in without_colour(&text(&report(name), &options.options())).lines() {
            // With the deepest indent before it, the longest word would still not fit.
            let longest = line.split(' ').map(str::width).max().unwrap_or(0);
            let fits = line.width() <= options.width || longest + 16 > options.width;
            assert!(fits, "{name}.{variant}: {line}");
            assert_eq!(line, line.trim_end(), "{name}.{variant}: spaces at the end");
        }
    }
}

#[test]
fn any_width_is_survived() {
    for (name, _, options) in PICTURES {
        for width in [0, 1, 39, 40, 41, 53, 79, 101, usize::MAX] {
            let drawn = text(&report(name), &TextOptions { width, ..options.options() });
            let first = drawn.lines().next().unwrap_or_default();
            assert!(without_colour(first).width() <= width.clamp(40, 100), "{width}: {first}");
        }
    }
}

#[test]
fn ascii_is_ascii() {
    for (name, _, options) in PICTURES {
        let options = TextOptions { unicode: false, verbosity: 2, ..options.options() };
        assert!(text(&report(name), &options).is_ascii(), "{name}");
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for (name, variant, options) in PICTURES {
        let plain = TextOptions { styles: Styles::default(), ..options.options() };
        let coloured = TextOptions { styles: Styles::colored(), ..options.options() };
        let (plain, coloured) = (text(&report(name), &plain), text(&report(name), &coloured));
        assert!(coloured.contains("\u{1b}["), "{name}.{variant} has colour");
        assert_eq!(without_colour(&coloured), plain, "{name}.{variant}");
    }
}

#[test]
fn nothing_remote_acts_on_the_terminal() {
    for verbosity in 0..3 {
        let options = TextOptions { verbosity, ..TextOptions::default() };
        let drawn = text(&report("hostile"), &options);
        let acts = |c: &char| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
                || matches!(c, '\u{2066}'..='\u{2069}')
        };
        assert_eq!(drawn.chars().find(acts), None, "{drawn}");
        // What the server says cannot begin a line that looks like ours.
        assert!(!drawn.lines().any(|l| l.starts_with("error: run this")), "{drawn}");
    }
}

#[test]
fn many_targets_end_with_the_names_of_those_that_matter() {
    let mut many = report("several");
    let bad = many.targets[1].clone();
    for i in 0..20 {
        let mut one = bad.clone();
        one.target = format!("n{i}.test");
        many.targets.push(one);
    }
    let end = |verbosity| {
        let options = TextOptions { verbosity, width: 60, ..TextOptions::default() };
        let drawn = text(&many, &options);
        let at = drawn.find("24 targets: 2 ok, 21 with problems, 1 undetermined").expect("totals");
        drawn[at..].to_owned()
    };
    let few = end(0);
    assert!(few.contains("   with problems: example.test, n0.test, "), "{few}");
    assert!(few.contains("and 9 more\n   undetermined: example.test\n"), "{few}");
    assert!(!few.contains("n11.test"), "{few}");
    assert!((0..20).all(|i| end(1).contains(&format!("n{i}.test"))), "{}", end(1));
}

#[test]
fn every_file_is_used() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return; // The pictures are being written at this moment.
    }
    let mut known = BTreeSet::new();
    for (name, variant, _) in PICTURES {
        known.extend([format!("{name}.json"), picture(name, variant)]);
    }
    let there: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, known);
}

#[test]
fn json_holds_the_whole_report_and_no_character_that_acts() {
    for (name, _, _) in PICTURES {
        let report = report(name);
        let written = json(&report);
        assert!(written.ends_with("}\n"), "{name}");
        assert_eq!(serde_json::from_str::<Report>(&written).expect("it is JSON"), report, "{name}");
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!written.contains(acts) && !written.contains('\u{202e}'), "{name}");
    }
}
