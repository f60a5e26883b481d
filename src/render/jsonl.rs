//! The report for programs that read line by line: one target a line.
//!
//! Knows nothing but the report. The shape of a line is documented on
//! [`report::Line`](crate::report::Line).

use super::json::hidden_as_escapes;
use crate::report::{Line, Report, SCHEMA_VERSION, TargetReport};

/// Every target of the report as a line of JSON; empty for a report without targets.
///
/// A line depends on its target and on the network facts of the report only, so the lines of a run
/// may be written one after another as targets finish, each from a report of that target alone.
pub fn jsonl(report: &Report) -> String {
    report.targets.iter().map(|target| line(report, target)).collect()
}

/// One target of the report as a line of JSON, with the newline at its end.
fn line(report: &Report, target: &TargetReport) -> String {
    let mut text = match serde_json::to_string(&Line::new(report, target)) {
        Ok(text) => hidden_as_escapes(text),
        // Only an instant that RFC 3339 cannot write (a year before 0) gets here.
        Err(error) => {
            let error = format!("this target cannot be written as JSON: {error}");
            let name = &target.target;
            serde_json::json!({"schema_version": SCHEMA_VERSION, "target": name, "error": error})
                .to_string()
        }
    };
    text.push('\n');
    text
}
