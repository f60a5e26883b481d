//! What is shipped: the crate's files, and what the Debian package takes.

use std::path::Path;
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_crate_has_what_it_is_built_from_and_nothing_of_our_own_machinery() {
    let mut cargo = Command::new(env!("CARGO"));
    let listed = cargo.args(["package", "--list", "--allow-dirty", "--offline"]).current_dir(ROOT);
    let listed = listed.output().expect("cargo runs");
    let files = String::from_utf8(listed.stdout).expect("names of files");
    let files: Vec<&str> = files.lines().collect();
    // What build.rs and the sources read while they are compiled, and what -V goes by.
    for needed in ["Cargo.lock", "build.rs", "src/main.rs", "src/environment/providers.toml"] {
        assert!(files.contains(&needed), "{needed} is missing: {files:?}");
    }
    let strangers: Vec<&&str> =
        files.iter().filter(|f| f.starts_with(".ci/") || f.starts_with("target/")).collect();
    assert_eq!(strangers, Vec::<&&str>::new());
}

#[test]
fn the_debian_package_finds_its_files() {
    let read = |name: &str| std::fs::read_to_string(Path::new(ROOT).join(name)).expect(name);
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let script = read("packaging/deb");
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().expect("a list");
    let mut places = Vec::new();
    for asset in assets {
        let part = |at: usize| asset[at].as_str().expect("three texts").to_owned();
        let (source, place) = (part(0), part(1));
        match source.strip_prefix("target/assets/") {
            // The script makes it.
            Some(made) => assert!(script.contains(&format!("\"$assets/{made}\"")), "{made}"),
            None if source.starts_with("target/") => {}
            None => {
                let path = source.trim_end_matches("/*");
                assert!(Path::new(ROOT).join(path).exists(), "{source} is not there");
            }
        }
        places.push(place);
    }
    for needed in [
        "usr/bin/",
        "usr/share/man/man1/smtpcheck.1",
        "usr/share/bash-completion/completions/smtpcheck",
        "usr/share/zsh/vendor-completions/_smtpcheck",
        "usr/share/fish/vendor_completions.d/smtpcheck.fish",
    ] {
        assert!(places.iter().any(|place| place == needed), "nothing goes to {needed}");
    }
}
