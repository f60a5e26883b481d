//! What an earlier run has already checked, as its JSONL says.
//!
//! Knows the few keys of a line that it needs, and which results are none: what was interrupted, and
//! what could not be looked up or dialled, most often as this side had failed. Of the targets only a
//! fingerprint each is kept, so that a long file takes little memory.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::exit;
use crate::diagnosis::finding::{Severity, Verdict};
use crate::report::SkippedBecause;

/// The inputs that are done, and what came of them.
#[derive(Default)]
pub struct Done {
    /// Two hashes of each: two inputs that share both are less likely than a fault of the memory.
    inputs: HashSet<(u64, u64)>,
    state: [RandomState; 2],
    /// What the exit code would be if there were nothing else.
    pub code: Option<u8>,
}

/// A line of a report, as far as it is needed.
#[derive(Deserialize)]
struct Line {
    input: String,
    verdict: Verdict,
    #[serde(default)]
    interrupted: bool,
    #[serde(default)]
    dns: Dns,
    findings: Vec<Found>,
    endpoints: Vec<Endpoint>,
}

#[derive(Default, Deserialize)]
struct Dns {
    #[serde(default)]
    failures: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default)]
    skipped_because: Option<SkippedBecause>,
    #[serde(default)]
    skipped_by_rule: bool,
    findings: Vec<Found>,
}

impl Line {
    /// Whether the target is to be checked once more. What a server did is a result, if only that it
    /// puts us off; so are a line that is no target and an address that is never dialled.
    fn is_open(&self) -> bool {
        let not_dialled = |endpoint: &Endpoint| {
            let is_so = endpoint.skipped_because == Some(SkippedBecause::NotDialled);
            is_so && !endpoint.skipped_by_rule
        };
        let not_seen = !self.dns.failures.is_empty() || self.endpoints.iter().any(not_dialled);
        self.interrupted || (self.verdict == Verdict::Undetermined && not_seen)
    }
}

#[derive(Deserialize)]
struct Found {
    severity: Severity,
}

impl Done {
    /// Reads the file of an earlier run. One that is not there holds nothing, and lines that were
    /// cut off or leave their targets open do not count. `bar` says which is the least severity that
    /// counts for the exit code, by what was typed.
    ///
    /// # Errors
    ///
    /// One line, where it cannot be read or holds anything but such lines.
    pub fn read(path: &Path, bar: &dyn Fn(&str) -> Option<Severity>) -> Result<Self, String> {
        let told = |why: &dyn std::fmt::Display| format!("--resume {}: {why}", path.display());
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened.map_err(|error| told(&error))?,
        };
        let mut done = Self::default();
        let mut reader = BufReader::new(file);
        let (mut line, mut others) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut line).map_err(|error| told(&error))? > 0 {
            match serde_json::from_slice::<Line>(&line) {
                Ok(read) if read.is_open() => {}
                Ok(read) => done.add(&read, bar(&read.input)),
                // A run that was killed, twice even, leaves one or two of them.
                Err(_) => others += 1,
            }
            line.clear();
        }
        match done.inputs.is_empty() && others > 1 {
            true => Err(told(&"it holds no line of a report in the format jsonl")),
            false => Ok(done),
        }
    }

    fn add(&mut self, line: &Line, bar: Option<Severity>) {
        let fingerprint = self.fingerprint(&line.input);
        self.inputs.insert(fingerprint);
        let endpoints = line.endpoints.iter().flat_map(|endpoint| &endpoint.findings);
        let worst = line.findings.iter().chain(endpoints).map(|found| found.severity).max();
        let code = exit::code_by(false, worst, line.verdict, bar);
        self.code = self.code.max(Some(code));
    }

    /// Whether a target is done, by what was typed.
    pub fn holds(&self, input: &str) -> bool {
        !self.inputs.is_empty() && self.inputs.contains(&self.fingerprint(input))
    }

    fn fingerprint(&self, input: &str) -> (u64, u64) {
        (self.state[0].hash_one(input), self.state[1].hash_one(input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Done, String> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("it can be written");
        Done::read(file.path(), &|_| Some(Severity::Error))
    }

    fn line(input: &str, verdict: &str, more: &str) -> String {
        format!(
            r#"{{"schema_version":"1","input":"{input}","verdict":"{verdict}","findings":[],"endpoints":[]{more}}}"#
        ) + "\n"
    }

    #[test]
    fn whole_lines_count_and_torn_ones_do_not() {
        let a = line("a.example", "ok", "");
        let b = line("b.example", "ok", r#","interrupted":true"#);
        let c = line("c.example", "undetermined", r#","error":"no target""#);
        let torn = &line("d.example", "ok", "")[..60];
        let done = read(&format!("{a}{torn}\n{b}{c}{torn}")).expect("a file of lines");
        let held = ["a", "b", "c", "d"].map(|name| done.holds(&format!("{name}.example")));
        assert_eq!(held, [true, false, true, false]);
        assert_eq!(done.code, Some(exit::UNDETERMINED), "one could not be checked");
    }

    #[test]
    fn what_could_not_be_looked_at_is_open_and_what_was_seen_is_not() {
        let failures =
            r#","dns":{"failures":["MX of a.example: no name server answered in time"]}"#;
        let skipped = |why: &str| {
            let endpoint = format!(r#""endpoints":[{{"skipped_because":"{why}","findings":[]}}]"#);
            line("a.example", "undetermined", "").replace(r#""endpoints":[]"#, &endpoint)
        };
        for (text, open) in [
            (line("a.example", "undetermined", failures), true),
            (line("a.example", "undetermined", r#","dns":{"failures":[]}"#), false),
            (skipped("not-dialled"), true),
            (skipped(r#"not-dialled","skipped_by_rule":true,"host":""#), false),
            (skipped("no-ipv6-here"), false),
            // A problem is one, whatever else could not be looked up.
            (line("a.example", "problems", failures), false),
        ] {
            let done = read(&text).expect("a line");
            assert_eq!(done.holds("a.example"), !open, "{text}");
            assert_eq!(done.code.is_none(), open, "{text}");
        }
        let later = line("a.example", "undetermined", failures) + &line("a.example", "ok", "");
        assert_eq!(read(&later).expect("lines").code, Some(exit::OK), "the last line counts");
    }

    #[test]
    fn what_the_earlier_run_found_counts() {
        let finding = r#"[{"code":"port-closed","severity":"error"}]"#;
        let found = line("a.example", "problems", "")
            .replace(r#""findings":[]"#, &format!(r#""findings":{finding}"#));
        assert_eq!(read(&found).expect("lines").code, Some(exit::FOUND));
        assert_eq!(read(&line("a.example", "ok", "")).expect("lines").code, Some(exit::OK));
        assert_eq!(read("").expect("nothing is done").code, None);
        assert_eq!(Done::read(Path::new("/nowhere/x.jsonl"), &|_| None).expect("none").code, None);
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        let refused = read("a.example\nb.example\n").err().expect("a list is no report");
        assert!(refused.contains("jsonl"), "{refused}");
        assert!(read("{\"schema_ver").is_ok(), "killed at its first line");
    }
}
