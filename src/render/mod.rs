//! Report → bytes: what people and programs read.
//!
//! Knows the [`Report`](crate::report::Report) and nothing else: no clock, no terminal, no
//! environment; whoever calls says how wide the page is and whether it may have colour. Must not
//! decide anything: a status, a severity or a verdict is shown as it stands in the report.
//! Everything that came from outside passes through [`sanitize`] here, at the last moment. Go on
//! with [`text()`](text()), the report for people, or [`json()`](json()), the one for programs.

mod detail;
mod findings;
mod json;
mod layout;
mod matrix;
mod problems;
mod sanitize;
mod style;
mod text;
mod trace;
mod transcript;

pub use json::json;
pub use sanitize::sanitize;
pub use style::Styles;
pub use text::{TextOptions, text};
