//! The report for programs: the published shape, pretty-printed.
//!
//! Knows nothing but the report. The shape itself is documented on the types of
//! [`report`](crate::report).

use std::fmt::Write as _;

use serde::Serialize;

use super::sanitize::is_hidden;
use crate::report::{Report, SCHEMA_VERSION};

/// The report as pretty JSON, with a newline at its end.
///
/// Remote text is raw in the data, as programs want it. In the bytes, whatever could act on a
/// terminal or hide in it is written as a `\u` escape (RFC 8259 §7), which every reader turns back.
pub fn json(report: &Report) -> String {
    any_json(report)
}

/// Anything of a published shape as pretty JSON, with a newline at its end.
pub fn any_json(value: &impl Serialize) -> String {
    let mut text = match serde_json::to_string_pretty(value) {
        Ok(text) => hidden_as_escapes(text),
        // Only an instant that RFC 3339 cannot write (a year before 0) gets here.
        Err(error) => {
            let error = format!("this report cannot be written as JSON: {error}");
            serde_json::json!({ "schema_version": SCHEMA_VERSION, "error": error }).to_string()
        }
    };
    text.push('\n');
    text
}

/// JSON in which nothing acts on a terminal or hides, with the same meaning.
pub(super) fn hidden_as_escapes(json: String) -> String {
    // Nearly every report is of these only. The newlines are the layout's; those in strings are
    // escaped already.
    if json.bytes().all(|octet| matches!(octet, b' '..=b'~' | b'\n')) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::hidden_as_escapes;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_reads_back_the_same() {
        let raw = "bücher \u{9b}2J \u{202e}x\u{7f} \u{e0041} \\ \"q\" \u{1b}[m \n";
        let written = serde_json::to_string(raw).expect("a string is always JSON");
        let safe = hidden_as_escapes(written);
        assert!(!safe.chars().any(super::is_hidden), "{safe}");
        assert!(safe.contains("bücher \\u009b2J \\u202ex\\u007f \\udb40\\udc41"), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).expect("still JSON"), raw);
    }
}
