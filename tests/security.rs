//! SECURITY.md states limits: each number is held to the constant that it names.

use std::fs;
use std::path::Path;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The rows of the table: number, unit, file, constant.
fn rows(text: &str) -> Vec<(u64, String, String, String)> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && line.contains("` `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, limit, place] = cells[..] else { panic!("three cells: {line}") };
        let (number, unit) = limit.split_once(' ').unwrap_or_else(|| panic!("a unit: {line}"));
        let mut words = place.split('`').map(str::trim).filter(|word| !word.is_empty());
        let (Some(file), Some(constant)) = (words.next(), words.next()) else {
            panic!("a place: {line}");
        };
        let number = number.parse().unwrap_or_else(|_| panic!("a number: {line}"));
        (number, unit.to_owned(), file.to_owned(), constant.to_owned())
    };
    rows.map(row).collect()
}

/// The value of a constant: a product of numbers, or a duration in milliseconds.
fn value(source: &str, constant: &str) -> Option<u64> {
    let line = source.lines().find(|line| {
        let words = line.trim_start().trim_start_matches("pub(super) ").trim_start_matches("pub ");
        words.starts_with(&format!("const {constant}: "))
    })?;
    let text = line.split_once(" = ")?.1.trim_end_matches(';');
    let (factor, text) = match text {
        text if text.starts_with("Duration::from_secs(") => (1000, &text[20..text.len() - 1]),
        text if text.starts_with("Duration::from_millis(") => (1, &text[22..text.len() - 1]),
        text if text.starts_with("NonZeroUsize::new(") => {
            (1, text[18..].trim_end_matches(").unwrap()"))
        }
        text => (1, text),
    };
    let factors = text.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>());
    factors.into_iter().try_fold(factor, |product, factor| Some(product * factor.ok()?))
}

#[test]
fn the_limits_are_those_of_the_code() {
    let rows = rows(&file("SECURITY.md"));
    assert!(rows.len() >= 20, "only {} limits: was the table changed?", rows.len());
    for (number, unit, place, constant) in rows {
        let found = value(&file(&place), &constant);
        assert_eq!(found, Some(number), "{place} {constant}, in {unit}");
    }
}

#[test]
fn a_constant_that_is_not_there_has_no_value() {
    assert_eq!(value("const A: usize = 2 * 1_024;", "A"), Some(2048));
    assert_eq!(value("pub const B: Duration = Duration::from_secs(3);", "B"), Some(3000));
    assert_eq!(value("const C: NonZeroUsize = NonZeroUsize::new(64).unwrap();", "C"), Some(64));
    assert_eq!(value("const AB: usize = 1;", "A"), None);
}
