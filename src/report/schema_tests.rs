//! The published JSON Schema, held to the types: `schema.json` beside this file.

use super::Report;

/// The schema of [`Report`] as its doc comments describe it.
fn generated() -> String {
    let mut schema = schemars::schema_for!(Report);
    schema.insert("title".to_owned(), "The report of smtpcheck".into());
    let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
    text.push('\n');
    text
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, generated()).expect("the schema can be written");
    }
    let published = std::fs::read_to_string(path).expect("the schema is published");
    assert_eq!(
        published,
        generated(),
        "UPDATE_GOLDEN=1 cargo test --lib schema_tests writes it anew"
    );
}

#[test]
fn every_field_is_described() {
    fn undescribed(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(|p| p.as_object()) {
            for (name, property) in properties {
                if property.get("description").is_none() {
                    found.push(format!("{path}.{name}"));
                }
            }
        }
        if let Some(children) = value.as_object() {
            for (name, child) in children {
                undescribed(child, &format!("{path}/{name}"), found);
            }
        }
    }
    let schema = serde_json::from_str(&generated()).expect("a schema is JSON");
    let mut found = Vec::new();
    undescribed(&schema, "", &mut found);
    assert_eq!(found, Vec::<String>::new());
}
