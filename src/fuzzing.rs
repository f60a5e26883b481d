//! Every parser of foreign bytes under one roof, for fuzzers and for tests on stable.
//!
//! A body takes any bytes and asserts what must be true of what comes out. It lives beside its parser
//! where that is private, and here where that is public. `fuzz/` has a libFuzzer target for each and
//! the seeds; the tests below run each body on the seeds, on everything that ever crashed it, on
//! pieces of those put together, and on noise.

use crate::cli::args::{Args, Stop};
use crate::names::{Domain, Exchange, Host, Server, Target};
use crate::plan::Plan;
use crate::render::sanitize;

pub use crate::cli::config::Config;
pub use crate::resolve::fuzz as dns_reply;
pub use crate::smtp::fuzz::{dialogue, ehlo, reply};
pub use crate::tls::fuzz::{certificate, server_hello};

/// Takes any bytes.
pub type Body = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: [(&str, Body); 10] = [
    ("reply", reply),
    ("ehlo", ehlo),
    ("dialogue", dialogue),
    ("certificate", certificate),
    ("server_hello", server_hello),
    ("dns_reply", dns_reply),
    ("names", names),
    ("options", options),
    ("config", Config::fuzz),
    ("sanitize", sanitizer),
];

/// Targets, hosts, domains and exchanges: what is accepted can be written and read again, and has no
/// character that a name cannot have.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    if let Ok(target) = Target::parse(text) {
        let written = target.to_string();
        assert!(plain(&written), "{written:?}");
        let again = Target::parse(&written);
        assert_eq!(again.map(|target| target.to_string()), Ok(written));
    }
    if let Ok(domain) = Domain::parse(text) {
        assert!(domain.as_str().len() <= 253 && !domain.as_str().ends_with('.'), "{domain}");
        assert_eq!(Domain::parse(domain.as_str()), Ok(domain));
    }
    if let Ok(host) = Host::parse(text) {
        assert_eq!(Host::parse(&host.to_string()), Ok(host));
    }
    if let Ok(server) = Server::parse(text) {
        assert_eq!(Server::parse(&server.to_string()), Ok(server));
    }
    Exchange::parse(text, "a.example");
}

/// The command line, a word a line: a mistake is told in one line.
pub fn options(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A file that the fuzzer names may be any file of the machine.
    let words = text.lines().filter(|word| !word.starts_with("--config"));
    let words = std::iter::once("smtpcheck").chain(words);
    let line = match Args::read(words.map(Into::into)) {
        Err(Stop::Usage(line)) => line,
        Err(Stop::Show(_)) => return,
        Ok(args) => match Plan::new(&args, |_| Ok(text.to_owned())) {
            Ok(plan) => return assert!(plan.jobs > 0 && !plan.timeout.is_zero()),
            Err(line) => line,
        },
    };
    assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
}

/// The sanitiser: nothing that acts is left, and what is safe stays as it is.
pub fn sanitizer(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let safe = sanitize(&text);
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
    };
    assert_eq!(safe.chars().find(|c| acts(*c)), None, "{safe:?}");
    assert_eq!(sanitize(&safe), safe, "twice is once");
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use tokio::time::Instant;

    use super::*;

    /// The files of a target below `fuzz/`. A package has none, as they are not shipped.
    fn files(folder: &str, target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder).join(target);
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
    }

    #[test]
    fn every_target_has_seeds_and_a_fuzzer() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        if !fuzz.exists() {
            return; // A package; the repository has them.
        }
        let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("unsafe_code = \"forbid\""), "as in the program's own");
        for (name, _) in TARGETS {
            assert!(files("seeds", name).len() >= 2, "{name} has no seeds");
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no binary");
            let main = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs")));
            assert!(main.expect("its source").contains("smtpcheck::fuzzing::"), "{name}");
        }
    }

    #[test]
    fn seeds_and_what_once_crashed() {
        for (name, body) in TARGETS {
            for input in files("seeds", name).iter().chain(&files("regressions", name)) {
                // Every beginning, too: most crashes are of what is cut off.
                let step = (input.len() / 64).max(1);
                for end in (0..input.len()).step_by(step).chain([input.len()]) {
                    body(&input[..end]);
                }
            }
        }
    }

    /// How long each target is tried at least: in CI a few seconds.
    fn at_least() -> Duration {
        let seconds = std::env::var("SMTPCHECK_FUZZ_SECONDS").ok().and_then(|n| n.parse().ok());
        Duration::from_secs(seconds.unwrap_or(0))
    }

    /// Pieces of seeds with some noise: what a fuzzer would try first.
    #[test]
    fn pieces_of_seeds_and_noise() {
        for (name, body) in TARGETS {
            let mut seeds = files("seeds", name);
            seeds.push(b"220 mx.example\r\n".to_vec());
            let piece = prop_oneof![
                4 => (prop::sample::select(seeds), any::<u16>(), any::<u16>()).prop_map(|(seed, a, b)| {
                    let (a, b) = (usize::from(a) % (seed.len() + 1), usize::from(b) % (seed.len() + 1));
                    seed[a.min(b)..a.max(b)].to_vec()
                }),
                2 => prop::collection::vec(any::<u8>(), 0..40),
                1 => (any::<u8>(), 0..3000_usize).prop_map(|(byte, times)| vec![byte; times]),
                1 => any::<String>().prop_map(String::into_bytes),
            ];
            let input = prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat());
            let begun = Instant::now();
            loop {
                let mut runner = TestRunner::new(Config { cases: 200, ..Config::default() });
                let ran = runner.run(&input, |input| {
                    body(&input);
                    Ok(())
                });
                assert!(ran.is_ok(), "{name}: {}", ran.expect_err("it failed"));
                if begun.elapsed() >= at_least() {
                    break;
                }
            }
        }
    }
}
