//! Report → bytes: what people and programs read.
//!
//! Knows the [`Report`](crate::report::Report) and nothing else: no clock, no terminal, no
//! environment; whoever calls says how wide the page is and whether it may have colour. Must not
//! decide anything: a status, a severity or a verdict is shown as it stands in the report.
//! Everything that came from outside passes through [`sanitize`] here, at the last moment. Go on
//! with [`text()`](text()), the report for people, [`json()`](json()), the one for programs, or one
//! of the others: a file and a function for each format.

mod detail;
mod explain;
mod findings;
mod github;
mod json;
mod jsonl;
mod junit;
mod ladder;
mod layout;
mod markdown;
mod markup;
mod matrix;
mod nagios;
mod network;
mod plain;
mod problems;
mod prometheus;
mod sanitize;
mod style;
mod text;
mod trace;
mod transcript;

pub use explain::{explanation, explanations};
pub use github::github;
pub use json::{any_json, json};
pub use jsonl::jsonl;
pub use junit::junit;
pub use markdown::markdown;
pub use nagios::{PluginState, nagios, nagios_unknown};
pub use prometheus::prometheus;
pub use sanitize::sanitize;
pub use style::Styles;
pub use text::{TextOptions, text};
