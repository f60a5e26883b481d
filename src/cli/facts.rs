//! What the program is built from, for `-V`.

/// The version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version, and what a report about TLS depends on.
pub const BUILD: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nrustls ",
    env!("SMTPCHECK_BUILT_RUSTLS"),
    ", with ring ",
    env!("SMTPCHECK_BUILT_RING"),
    " as its provider",
    "\nMozilla's roots: ",
    env!("SMTPCHECK_BUILT_ROOTS"),
    "\nfor ",
    env!("SMTPCHECK_BUILT_TARGET"),
);

#[cfg(test)]
mod tests {
    use super::BUILD;

    #[test]
    fn every_fact_is_known() {
        assert!(!BUILD.contains("an unknown"), "see build.rs: {BUILD}");
        assert_eq!(BUILD.lines().count(), 4, "{BUILD}");
    }
}
