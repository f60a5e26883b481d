//! The whole program against servers and name servers that mean harm, on loopback.
//!
//! Each attack is data: what the server does, what stands on the command line, and which exit code,
//! status and findings are sensible then. The real binary is run twice for each, for its JSON and for
//! its text with every line of the conversation, and has to end by itself, keep to 64 MiB of memory,
//! and hand on nothing that acts on a terminal. Read `attack.rs` for the shape, `attacks/` for the
//! list, `peer.rs` and `name_server.rs` for what can be played.
//!
//! Arguments choose attacks by a part of their name. Nothing here measures time to judge it: an
//! attack that does not end is given up after a minute and a half, which is far beyond any limit.

mod attack;
mod attacks;
mod certificates;
#[path = "../loopback/harness.rs"]
#[allow(dead_code, reason = "the loopback tests use all of it")]
mod harness;
#[path = "../../examples/lab/lab.rs"]
mod lab;
mod name_server;
mod peer;
mod program;
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    match program::measured() {
        Some(code) => code,
        None => run::everything(),
    }
}
