//! The report for Nagios, Icinga and their kin: a line with the state, performance data, and the
//! problems as long output.
//!
//! By the Monitoring Plugins' guidelines: `STATE - text | performance data`, then more lines. The
//! first `|` ends the text, so no text of ours or of a server has one. The state is the caller's,
//! who ends with its code.

use std::fmt;

use super::plain;
use super::problems::{gather, label, proofs_of};
use super::sanitize::sanitize_capped;
use crate::diagnosis::finding::Verdict;
use crate::report::{ConnectWord, EndpointReport, Report, TargetReport};

/// The longest text of a line, in characters: it goes to pagers.
const LONGEST: usize = 800;
/// The most bytes of performance data.
const PERFORMANCE: usize = 4000;
/// The most bytes in all; Nagios 4 reads 8 KiB and cuts what comes behind.
const OUTPUT: usize = 8000;

/// What a plug-in reports. The number is its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PluginState {
    /// Nothing is wrong.
    Ok = 0,
    /// It works, with something to look at.
    Warning = 1,
    /// Something does not work.
    Critical = 2,
    /// It could not be found out.
    Unknown = 3,
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// The output of a plug-in in this state.
pub fn nagios(report: &Report, state: PluginState) -> String {
    let text = match report.targets.as_slice() {
        [] => plain::ports(&report.network),
        [one] => plain::headline(one),
        several => {
            let bad = several.iter().filter(|t| t.verdict != Verdict::Ok || t.interrupted);
            let bad: Vec<String> = bad.map(plain::headline).collect();
            let totals = format!("{} targets: {}", several.len(), plain::totals(report));
            [vec![totals], bad].concat().join("; ")
        }
    };
    let mut out = status_line(&text, state);
    let performance = performance(report);
    if !performance.is_empty() {
        out.push_str(" | ");
        out.push_str(&performance);
    }
    out.push('\n');
    let lines: Vec<String> = long_output(report).iter().map(|line| safe(line)).collect();
    for (i, line) in lines.iter().enumerate() {
        if out.len() + line.len() > OUTPUT {
            out.push_str(&format!("... and {} more lines\n", lines.len() - i));
            break;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The output of a plug-in that was called in a wrong way or could not do its work.
pub fn nagios_unknown(why: &str) -> String {
    status_line(why, PluginState::Unknown) + "\n"
}

fn status_line(text: &str, state: PluginState) -> String {
    format!("SMTPCHECK {state} - {}", safe(text))
}

/// Without what the format gives a meaning (`|`), what a web page would (`<`, `>`, `&`), and what a
/// shell would that is handed the text in a notification (`` ` ``, `$`).
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in sanitize_capped(text, LONGEST).chars() {
        match c {
            '|' | '<' | '>' | '&' | '$' => safe.push_str(&format!("\\x{:02x}", u32::from(c))),
            '`' => safe.push('\''),
            c => safe.push(c),
        }
    }
    safe
}

/// `'label'=value[unit]`: the time of each conversation, and the days that its certificate has.
fn performance(report: &Report) -> String {
    let mut out = String::new();
    let mut known: Vec<String> = Vec::new();
    for endpoint in report.targets.iter().flat_map(|target| &target.endpoints) {
        let connected =
            endpoint.connect.as_ref().map(|c| c.outcome) == Some(ConnectWord::Connected);
        let name = metric(endpoint);
        if !connected || known.contains(&name) {
            continue;
        }
        let mut values = String::new();
        if let Some(timings) = &endpoint.timings_ms {
            values.push_str(&format!("'{name} time'={:.4}s;;;0", timings.total.as_secs()));
        }
        if let Some(days) = days_left(report, endpoint) {
            values.push_str(&format!(" '{name} certificate days'={days}"));
        }
        if out.len() + values.len() > PERFORMANCE {
            break;
        }
        known.push(name);
        out.push(' ');
        out.push_str(values.trim_start());
    }
    out.trim_start().to_owned()
}

/// An endpoint in a label, which may have neither `=` nor a quote in it.
fn metric(endpoint: &EndpointReport) -> String {
    safe(&label(endpoint)).replace(['=', '\'', '"'], "_")
}

/// Days until the server's certificate expires, below zero where it did.
fn days_left(report: &Report, endpoint: &EndpointReport) -> Option<i64> {
    let leaf = endpoint.tls.as_ref()?.chain.first()?;
    // Whole days towards the past: what expired an hour ago has not 0 days left.
    let seconds = (leaf.not_after? - report.started_at).whole_seconds();
    Some(seconds.div_euclid(24 * 60 * 60))
}

fn long_output(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for target in &report.targets {
        if report.targets.len() > 1 {
            lines.push(plain::headline(target));
        }
        lines.extend(of_target(target));
    }
    if report.targets.is_empty() {
        lines.extend(report.network.ports.iter().flat_map(plain::port_evidence));
    }
    lines
}

fn of_target(target: &TargetReport) -> Vec<String> {
    let mut lines = Vec::new();
    for problem in gather(target) {
        let (severity, code) = (problem.finding.severity, &problem.finding.code);
        lines.push(format!("{severity} {code}: {}", plain::message(&problem, target)));
        lines.extend(proofs_of(&problem.cases[..1]).iter().map(|proof| format!("- {proof}")));
        lines.push(problem.finding.fix.clone());
    }
    if plain::is_unchecked(target) {
        lines.extend(plain::not_checked(target).iter().map(|why| format!("not checked: {why}")));
    }
    for endpoint in target.endpoints.iter().filter(|endpoint| endpoint.required) {
        let (role, label) = (endpoint.role, label(endpoint));
        lines.push(format!("{role} {label} {}", plain::outcome(endpoint)));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_that_a_plug_in_prints() {
        let text = nagios_unknown("a | b\n'; $(reboot) `reboot` <script>&amp; \u{1b}[2J");
        assert_eq!(
            text,
            "SMTPCHECK UNKNOWN - a \\x7c b\\n'; \\x24(reboot) 'reboot' \\x3cscript\\x3e\\x26amp; \
             \\x1b[2J\n"
        );
    }
}
