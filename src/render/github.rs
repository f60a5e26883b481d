//! The report for GitHub Actions: workflow commands, which become annotations of the run.
//!
//! `::error title=…::message`, one for each problem, the worst first, because GitHub shows ten of a
//! kind and no more. Everything behind the command is escaped by the rules of its runner, and a
//! line that is no command can neither begin like one nor hold an old-style one.

use super::plain;
use super::problems::{gather, proofs_of};
use super::sanitize::sanitize_capped;
use crate::diagnosis::finding::Severity;
use crate::report::{Outbound, Report, TargetReport};

/// The longest sentence, in characters.
const LONGEST: usize = 800;
/// The most proofs of one problem.
const FEW: usize = 6;

/// The report as workflow commands, each target after a line that has its verdict.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    for target in &report.targets {
        out.push_str(&line(&plain::headline(target)));
        of_target(&mut out, target);
    }
    if report.targets.is_empty() {
        out.push_str(&line(&plain::ports(&report.network)));
        for port in &report.network.ports {
            let kind = match port.outbound {
                Outbound::Open => continue,
                Outbound::Blocked => "error",
                Outbound::Unknown => "warning",
            };
            let mut told = vec![format!("port {}", plain::port(port))];
            told.extend(plain::port_evidence(port));
            out.push_str(&command(kind, &format!("smtpcheck: port {}", port.port), &told));
        }
    }
    out
}

fn of_target(out: &mut String, target: &TargetReport) {
    let name = plain::name(target);
    if plain::is_unchecked(target) {
        let mut told = vec![target.summary.clone()];
        told.extend(plain::not_checked(target).iter().map(|why| (*why).to_owned()));
        // No verdict is no success, and the run ends accordingly.
        out.push_str(&command("error", &format!("{name}: not checked"), &told));
    }
    for problem in gather(target) {
        let kind = match problem.finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut told = vec![plain::message(&problem, target)];
        told.extend(proofs_of(&problem.cases[..1]).iter().take(FEW).map(|p| format!("- {p}")));
        told.push(problem.finding.fix.clone());
        out.push_str(&command(kind, &format!("{name}: {}", problem.finding.code), &told));
    }
}

/// A line of the log that is no command.
fn line(text: &str) -> String {
    // The runner looks for `##[command]` anywhere in a line.
    let text = sanitize_capped(text, LONGEST).replace("##[", "## [");
    format!("smtpcheck: {text}\n")
}

/// A workflow command; the lines become one message.
fn command(kind: &str, title: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| data(&sanitize_capped(line, LONGEST)))
        .collect();
    format!(
        "::{kind} title={}::{}\n",
        property(&sanitize_capped(title, LONGEST)),
        lines.join("%0A")
    )
}

/// As the runner unescapes a command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As the runner unescapes a command's properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_cannot_become_a_command() {
        let lines = ["100% a\n::error::b\r".to_owned(), String::new(), "c".to_owned()];
        assert_eq!(
            command("error", "x: y, z\n::stop-commands::t", &lines),
            "::error title=x%3A y%2C z\\n%3A%3Astop-commands%3A%3At::100%25 a\\n::error::b\\r%0Ac\n"
        );
        assert_eq!(line("::1\n::error::a ##[error]b"), "smtpcheck: ::1\\n::error::a ## [error]b\n");
    }
}
