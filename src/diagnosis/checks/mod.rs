//! The registry of checks: every one that there is, in the order in which findings are told.
//!
//! One check, one file, one entry here. `explain`, the table in README.md and the tests go by this
//! list; a file that is not in it, or an entry without documentation, fails a test.

mod tls;

use super::check::Check;

/// Every check, in the order in which findings are told: causes before their consequences.
pub static ALL: &[&Check] = &[&tls::certificate_expired::CERTIFICATE_EXPIRED];

/// Finds a check by its code.
pub fn find(code: &str) -> Option<&'static Check> {
    ALL.iter().find(|check| check.code == code).copied()
}
