//! The whole program against real mail servers, installed from packages and started here.
//!
//! A lab's servers do what we believe servers do; these do what they do. Each server has a fixture
//! (`postfix.rs`) that knows its configuration, and a table of faults, there or in a folder beside it,
//! that knows what is expected; [`daemon`] and [`table`] are what they share. Postfix is installed,
//! the others are brought into target/real-servers by `tests/real_servers/install`. Nothing of the system's own configuration is
//! read or written, everything happens on loopback, and everything is gone afterwards. Where a
//! server cannot be run its tests are skipped, or fail where `SMTPCHECK_TESTS_REQUIRED=1` says
//! that nothing may be skipped.

mod aiosmtpd;
mod daemon;
mod exim;
mod haraka;
#[path = "../loopback/harness.rs"]
#[allow(dead_code, reason = "the loopback tests use all of it")]
mod harness;
#[path = "../../examples/lab/lab.rs"]
mod lab;
mod postfix;
mod stunnel;
mod table;
