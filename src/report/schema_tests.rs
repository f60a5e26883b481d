//! The published JSON Schemas, held to the types: `schema.json` and its relatives beside this file.

use schemars::Schema;
use serde_json::Value;

use super::explanation::{Explanation, Explanations};
use super::{Line, Report};

/// Each published schema: its file, and what the types and their doc comments make of it.
fn generated() -> [(&'static str, Schema); 4] {
    let titled = |mut schema: Schema, title: &str| {
        schema.insert("title".to_owned(), title.into());
        schema
    };
    let report = titled(schemars::schema_for!(Report), "The report of smtpcheck");
    let line = titled(schemars::schema_for!(Line), "A line of smtpcheck's jsonl report");
    let told = titled(schemars::schema_for!(Explanation), "What smtpcheck explain CODE tells");
    let all = titled(schemars::schema_for!(Explanations), "What smtpcheck explain lists");
    [
        ("schema.json", report),
        ("schema-line.json", line),
        ("schema-explain.json", told),
        ("schema-explain-all.json", all),
    ]
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (file, schema) in generated() {
        let mut text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
        text.push('\n');
        let path = format!("{}/src/report/{file}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).expect("the schema can be written");
        }
        let published = std::fs::read_to_string(&path).expect("the schema is published");
        let same = published == text;
        assert!(same, "UPDATE_GOLDEN=1 cargo test --lib schema_tests writes {file} anew");
    }
}

#[test]
fn every_field_is_described() {
    fn undescribed(value: &Value, path: &str, found: &mut Vec<String>) {
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
    let mut found = Vec::new();
    for (file, schema) in generated() {
        undescribed(schema.as_value(), file, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}
