//! What `smtpcheck explain` tells: the documentation of the checks, in its published shape.
//!
//! Knows how a check's documentation is divided. Must not know how it is shown.

use serde::{Deserialize, Serialize};

use super::{SCHEMA_VERSION, Tool};
use crate::diagnosis::check::{Check, Group};
use crate::diagnosis::finding::Severity;
use crate::diagnosis::{checks, software};

/// Everything that there is to say about one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanation {
    /// The version of this shape.
    pub schema_version: String,
    /// What made it.
    pub tool: Tool,
    /// The finding in a line.
    #[serde(flatten)]
    pub finding: ListedFinding,
    /// What it checks, why it matters, how to fix it, and when it may be wrong, in this order.
    pub sections: Vec<Section>,
    /// How to fix it in the words of each server software that has some.
    pub fixes: Vec<SoftwareFix>,
    /// The standards that it goes by.
    pub references: Vec<String>,
}

/// Every finding that there is, in the order in which they are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanations {
    /// The version of this shape.
    pub schema_version: String,
    /// What made it.
    pub tool: Tool,
    /// Each finding in a line.
    pub findings: Vec<ListedFinding>,
}

/// One finding in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ListedFinding {
    /// The stable code.
    pub code: String,
    /// The family.
    pub group: Group,
    /// What is so, in a few words.
    pub summary: String,
    /// How bad it is, by port.
    pub severity: SeverityByPort,
}

/// How bad a finding is; absent where it does not occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SeverityByPort {
    /// On port 25, and of a target as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port_25: Option<Severity>,
    /// On every other port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Severity>,
}

/// One part of an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// Its paragraphs, with an empty line between them.
    pub text: String,
}

/// How to fix it in one server software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SoftwareFix {
    /// Its id, as in `smtp.software`.
    pub software: String,
    /// Its name.
    pub name: String,
    /// What to do, in sentences that stand behind the name and a colon.
    pub fix: String,
}

impl Explanation {
    /// The explanation of a finding.
    pub fn of(check: &Check) -> Self {
        let mut sections = sections(check.doc);
        let references = sections.pop_if(|section| section.title == "References");
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool::this(),
            finding: ListedFinding::of(check),
            sections,
            fixes: check.settings.iter().map(SoftwareFix::of).collect(),
            references: references
                .iter()
                .flat_map(|section| section.text.split(','))
                .map(|reference| reference.trim().to_owned())
                .collect(),
        }
    }
}

impl Explanations {
    /// Every finding that there is.
    pub fn all() -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool::this(),
            findings: checks::ALL.iter().map(|check| ListedFinding::of(check)).collect(),
        }
    }
}

impl ListedFinding {
    fn of(check: &Check) -> Self {
        Self {
            code: check.code.to_owned(),
            group: check.group,
            summary: check.summary.to_owned(),
            severity: SeverityByPort { port_25: check.relay, elsewhere: check.elsewhere },
        }
    }
}

impl SoftwareFix {
    fn of((id, text): &(&str, &str)) -> Self {
        let name = software::find(id).map_or(*id, |known| &known.name);
        Self { software: (*id).to_owned(), name: name.to_owned(), fix: (*text).to_owned() }
    }
}

/// A check's documentation: `## ` begins a section, an empty line ends a paragraph, and where a line
/// of the source ends means nothing.
fn sections(doc: &str) -> Vec<Section> {
    let parts = doc.split("## ").skip(1);
    parts
        .map(|part| {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            let mut paragraphs: Vec<String> = Vec::new();
            let mut open = false;
            for line in body.lines().map(str::trim) {
                match paragraphs.last_mut().filter(|_| open) {
                    _ if line.is_empty() => open = false,
                    Some(paragraph) => {
                        paragraph.push(' ');
                        paragraph.push_str(line);
                    }
                    None => {
                        paragraphs.push(line.to_owned());
                        open = true;
                    }
                }
            }
            Section { title: title.trim().to_owned(), text: paragraphs.join("\n\n") }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_source_ends_no_paragraph() {
        let read = sections(" ## One\n\n a b\n c\n\n d\n\n ## Two\n e\n");
        let section = |title: &str, text: &str| Section { title: title.into(), text: text.into() };
        assert_eq!(read, [section("One", "a b c\n\nd"), section("Two", "e")]);
    }

    #[test]
    fn every_explanation_has_all_its_sections() {
        for check in checks::ALL {
            let told = Explanation::of(check);
            let titles: Vec<&str> = told.sections.iter().map(|s| s.title.as_str()).collect();
            let expected =
                ["What it checks", "Why it matters", "How to fix it", "When it may be wrong"];
            assert_eq!(titles, expected, "{}", check.code);
            for Section { title, text } in &told.sections {
                let ends = text.ends_with(['.', '`']);
                assert!(text.len() >= 40 && ends, "{}, {title}: {text}", check.code);
                // What is laid out as prose has to be prose.
                let odd = ["- ", "* ", "|", "```", "#", "1."];
                let starts = text.split("\n\n").any(|p| odd.iter().any(|o| p.starts_with(o)));
                assert!(!starts && !text.contains(" - "), "{}, {title}: {text}", check.code);
            }
            assert!(told.references.iter().all(|r| r.starts_with("RFC ")), "{}", check.code);
            assert_eq!(told.fixes.len(), check.settings.len());
        }
    }

    #[test]
    fn one_explanation_as_programs_read_it() {
        let check = checks::find("auth-not-offered").expect("a check");
        let json = serde_json::to_value(Explanation::of(check)).expect("JSON");
        assert_eq!(json["code"], "auth-not-offered");
        assert_eq!(json["group"], "dialogue");
        assert_eq!(json["severity"], serde_json::json!({"elsewhere": "error"}));
        assert_eq!(json["sections"][0]["title"], "What it checks");
        assert_eq!(json["fixes"][0]["software"], "postfix");
        assert_eq!(json["fixes"][0]["name"], "Postfix");
        assert_eq!(json["references"], serde_json::json!(["RFC 6409 §4.3", "RFC 4954 §3"]));
    }
}
