//! How long the program takes where the network is slow, beside what the protocol needs and beside
//! nmap and posttls-finger.
//!
//! The network is the lab of `tests/namespaces`, with a line of 50 ms each way before the mail
//! servers ([`delay`]). Knows what is measured and against what; the peers' command lines are in
//! [`peers`], the large domain is in [`many`]. Nothing is asserted but that each run came to the right
//! result, as a wrong one may be had in no time: `README.md` beside this says what was found.
//!
//! `cargo bench --bench network`, on Linux and without root. What is missing is SKIPPED, and why.

#[cfg(target_os = "linux")]
mod delay;
#[cfg(target_os = "linux")]
#[path = "../../tests/namespaces/filter.rs"]
#[allow(dead_code, reason = "the namespace tests use all of it")]
mod filter;
#[cfg(target_os = "linux")]
#[path = "../../tests/loopback/harness.rs"]
#[allow(dead_code, reason = "the loopback tests use all of it")]
mod harness;
#[cfg(target_os = "linux")]
#[path = "../../examples/lab/lab.rs"]
mod lab;
#[cfg(target_os = "linux")]
mod many;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
#[path = "../../tests/namespaces/namespace.rs"]
mod namespace;
#[cfg(target_os = "linux")]
#[path = "../../tests/namespaces/node.rs"]
#[allow(dead_code, reason = "the namespace tests use all of it")]
mod node;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
#[path = "../../tests/namespaces/world.rs"]
#[allow(dead_code, reason = "the namespace tests use all of it")]
mod world;

use std::io::Write;

fn main() {
    #[cfg(target_os = "linux")]
    let done = measure::everything();
    #[cfg(not(target_os = "linux"))]
    let done: Result<(), _> = Err("there are no network namespaces on this system".to_owned());
    if let Err(why) = done {
        say(&format!("SKIPPED: {why}"));
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output");
}
