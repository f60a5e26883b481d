//! The whole program against the lab: real sockets on loopback, a name server, faulty mail servers.
//!
//! Each test runs the binary and goes by what a script would see: exit code, JSON, standard error.
//! The lab (`examples/lab/`) is the fixture; what is expected is written here, by the published
//! contract of statuses, finding codes and exit codes. Read on in `harness.rs`.

mod bad_input;
mod bulk;
mod domains;
mod exit_codes;
mod formats;
mod harness;
#[path = "../../examples/lab/lab.rs"]
mod lab;
mod manners;
mod names;
mod options;
mod own_faults;
mod public_only;
mod readme;
mod servers;
mod terminal;
mod trace;
