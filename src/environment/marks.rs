//! What can be seen of an environment from within, and patterns for it.
//!
//! Knows where to look on this machine; must not know whose marks they are, which is in the data.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::PROVIDERS;

/// Where Linux shows what firmware and hypervisor say, under the names that the data uses. Anybody
/// may read these; serial numbers, which would say more, only root.
const MACHINE_FILES: [(&str, &str); 5] = [
    ("sys_vendor", "/sys/class/dmi/id/sys_vendor"),
    ("product_name", "/sys/class/dmi/id/product_name"),
    ("chassis_asset_tag", "/sys/class/dmi/id/chassis_asset_tag"),
    ("bios_vendor", "/sys/class/dmi/id/bios_vendor"),
    ("hypervisor_uuid", "/sys/hypervisor/uuid"),
];

/// Longer than any value in the data; what a file holds beyond is no mark of anything.
const LONGEST: u64 = 256;

/// What this program sees of its environment, as far as some row of the data asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// What firmware and hypervisor say, by the names that Linux gives it: `sys_vendor`,
    /// `product_name`, `chassis_asset_tag`, `bios_vendor`, and `hypervisor_uuid`.
    pub machine: BTreeMap<String, String>,
    /// Variables of this process's environment.
    pub variables: BTreeMap<String, String>,
    /// Paths that exist.
    pub files: BTreeSet<String>,
}

impl Marks {
    /// Looks at this machine: some small files of the kernel's, the variables and the paths that
    /// the data names. Nothing is asked of a network. What cannot be read is no mark.
    pub fn system() -> Self {
        let variable = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        Self::below(Path::new("/"), variable)
    }

    /// The same with paths below `root` and variables from anywhere, so that a test can try it.
    fn below(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Self {
        let place = |path: &str| root.join(path.trim_start_matches('/'));
        let machine = MACHINE_FILES
            .iter()
            .filter_map(|(name, path)| Some(((*name).to_owned(), beginning(&place(path))?)));
        let variables = every_mark()
            .flat_map(|mark| mark.variables.keys())
            .filter_map(|name| Some((name.clone(), variable(name)?)));
        let files = every_mark().flat_map(|mark| &mark.files).filter(|path| place(path).exists());
        Self {
            machine: machine.collect(),
            variables: variables.collect(),
            files: files.cloned().collect(),
        }
    }
}

fn every_mark() -> impl Iterator<Item = &'static Mark> {
    PROVIDERS.iter().flat_map(|provider| &provider.marks)
}

/// The text at the beginning of a file, without the white space around it.
fn beginning(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// One way to recognise an environment: everything that it asks for has to be so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    #[serde(default)]
    pub(super) machine: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) files: Vec<String>,
}

impl Mark {
    /// Whether these marks have all of it.
    pub(super) fn fits(&self, marks: &Marks) -> bool {
        let all = |wanted: &BTreeMap<String, String>, seen: &BTreeMap<String, String>| {
            wanted.iter().all(|(name, pattern)| {
                seen.get(name).is_some_and(|value| matches_pattern(pattern, value))
            })
        };
        all(&self.machine, &marks.machine)
            && all(&self.variables, &marks.variables)
            && self.files.iter().all(|path| marks.files.contains(path))
    }
}

/// Whether a value fits a pattern, in which `*` stands for any text. An empty value fits none: a
/// variable that is set to nothing is how one is unset.
fn matches_pattern(pattern: &str, value: &str) -> bool {
    let Some((beginning, rest)) = pattern.split_once('*') else {
        return !value.is_empty() && value == pattern;
    };
    let Some(mut value) = value.strip_prefix(beginning).filter(|_| !value.is_empty()) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    // `split` gives at least one piece: what comes after the last star.
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match value.split_once(piece) {
            Some((_, after)) => value = after,
            None => return false,
        }
    }
    value.ends_with(end)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, value, fits) in [
            ("Hetzner", "Hetzner", true),
            ("Hetzner", "Hetzner Online", false),
            ("Hetzner", "hetzner", false),
            ("*", "x", true),
            ("*", "", false),
            ("", "", false),
            ("ec2*", "ec2e1916-9099-7caf-fd21-012345abcdef", true),
            ("ec2*", "4dec2", false),
            ("*.example*", "a.example/default", true),
            ("*.example*", "a.test", false),
            ("20*/*", "2026/08/01/[$LATEST]abc", true),
            ("20*/*", "$LATEST", false),
            // What a star ate is not eaten twice.
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("a*b*b", "abcb", true),
        ] {
            assert_eq!(matches_pattern(pattern, value), fits, "{pattern} {value}");
        }
    }

    #[test]
    fn the_beginning_of_a_file_is_bounded_and_trimmed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sys_vendor");
        assert_eq!(beginning(&path), None);
        fs::write(&path, "Hetzner \n").expect("written");
        assert_eq!(beginning(&path).as_deref(), Some("Hetzner"));
        fs::write(&path, " \n").expect("written");
        assert_eq!(beginning(&path), None);
        fs::write(&path, b"\xff\xfe").expect("written");
        assert_eq!(beginning(&path).as_deref(), Some("\u{fffd}\u{fffd}"));
        fs::write(&path, "x".repeat(5000)).expect("written");
        assert_eq!(beginning(&path).map(|text| text.len()), Some(256));
        // A folder in the place of a file is nothing to fail on.
        assert_eq!(beginning(folder.path()), None);
    }

    #[test]
    fn what_the_data_names_is_found_and_nothing_else() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        let nothing = |_: &str| None;
        assert_eq!(Marks::below(root.path(), nothing), Marks::default());

        write("sys/class/dmi/id/sys_vendor", "QEMU\n");
        write("sys/class/dmi/id/product_name", "Standard PC\n");
        write("sys/class/dmi/id/chassis_asset_tag", "OracleCloud.com\n");
        write("sys/class/dmi/id/bios_vendor", "SeaBIOS\n");
        write("sys/class/dmi/id/product_serial", "secret\n");
        write("sys/hypervisor/uuid", "ec2e1916\n");
        write(".dockerenv", "");
        write("etc/hosts", "");
        let variable = |name: &str| (name == "CIRCLECI").then(|| "true".to_owned());
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let expected = Marks {
            machine: pairs(&[
                ("sys_vendor", "QEMU"),
                ("product_name", "Standard PC"),
                ("chassis_asset_tag", "OracleCloud.com"),
                ("bios_vendor", "SeaBIOS"),
                ("hypervisor_uuid", "ec2e1916"),
            ]),
            variables: pairs(&[("CIRCLECI", "true")]),
            files: ["/.dockerenv".to_owned()].into(),
        };
        assert_eq!(Marks::below(root.path(), variable), expected);
    }

    #[test]
    fn this_machine_is_looked_at_where_the_data_says() {
        let seen = Marks::system();
        let is_asked_for =
            |name: &String| every_mark().any(|mark| mark.variables.contains_key(name));
        assert!(seen.variables.keys().all(is_asked_for), "{seen:?}");
        for (name, path) in MACHINE_FILES {
            assert_eq!(seen.machine.get(name), beginning(Path::new(path)).as_ref(), "{name}");
        }
        for path in every_mark().flat_map(|mark| &mark.files) {
            assert_eq!(seen.files.contains(path), Path::new(path).exists(), "{path}");
        }
    }

    #[test]
    fn the_data_asks_for_what_is_looked_at() {
        for name in every_mark().flat_map(|mark| mark.machine.keys()) {
            assert!(MACHINE_FILES.iter().any(|(known, _)| known == name), "{name} is never read");
        }
    }
}
