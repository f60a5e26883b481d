//! The edge to the command line: options in, exit code out.
pub mod args;
pub mod exit;
