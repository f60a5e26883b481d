//! Tells the program what it is built from, for `-V`: the locked versions of what does its TLS, and
//! the machine that it is built for.

use std::path::Path;

/// When the locked version of webpki-roots was published; the crate itself does not say. A test
/// fails where this is of another version than Cargo.lock.
const ROOTS: (&str, &str) = ("1.0.10", "2026-10-19");

#[expect(clippy::disallowed_macros, reason = "this is how a build script speaks to cargo")]
fn main() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    println!("cargo:rerun-if-changed={}", lock.display());
    // Without a lock, as when another crate builds this one as a library, nothing is claimed.
    let lock = std::fs::read_to_string(lock).unwrap_or_default();
    let version = |name: &str| locked(&lock, name).unwrap_or("of an unknown version");
    let roots = version("webpki-roots");
    let published = if roots == ROOTS.0 { ROOTS.1 } else { "an unknown date" };
    for (name, value) in [
        ("RUSTLS", version("rustls")),
        ("RING", version("ring")),
        ("ROOTS", &format!("webpki-roots {roots} of {published}")),
        ("TARGET", &std::env::var("TARGET").unwrap_or_default()),
    ] {
        println!("cargo:rustc-env=SMTPCHECK_BUILT_{name}={value}");
    }
}

/// The version of a package in a Cargo.lock.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, package) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    package.split_once('"').map(|(version, _)| version)
}
