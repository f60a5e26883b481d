//! `smtpcheck explain`: one finding in full, or all of them in a list.
//!
//! Knows headings, indents and columns. Everything that it shows was written by us, and passes
//! through the page's sanitising like the rest.

use super::layout::{Line, Page};
use super::style::Tone;
use super::text::TextOptions;
use crate::diagnosis::finding::Severity;
use crate::report::explanation::{
    Explanation, Explanations, ListedFinding, Section, SeverityByPort, SoftwareFix,
};

/// How far a section is set in.
const INDENT: usize = 3;
/// The section that the fixes by software belong to.
const FIX: &str = "How to fix it";

/// One finding in full.
pub fn explanation(told: &Explanation, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let Explanation { finding, sections, fixes, references, .. } = told;
    let code = format!("{}:", page.safe(&finding.code));
    let summary = page.safe(&finding.summary);
    page.paragraph(
        Line::default(),
        INDENT,
        &[(Tone::Strong, &code), (Tone::Plain, summary.as_str())],
    );
    let severity = severity_in_words(finding.severity);
    let about = format!("{}; {severity}", finding.group.title());
    page.paragraph(Line::default(), INDENT, &[(Tone::Quiet, &about)]);
    for Section { title, text } in sections {
        heading(&mut page, title);
        for (i, paragraph) in text.split("\n\n").enumerate() {
            if i > 0 {
                page.gap();
            }
            prose(&mut page, paragraph);
        }
        if title == FIX {
            by_software(&mut page, fixes);
        }
    }
    if !references.is_empty() {
        heading(&mut page, "References");
        prose(&mut page, &references.join(", "));
    }
    page.finish()
}

fn heading(page: &mut Page<'_>, title: &str) {
    page.gap();
    let title = page.safe(title);
    page.paragraph(Line::default(), 0, &[(Tone::Strong, &title)]);
}

fn prose(page: &mut Page<'_>, text: &str) {
    let mut first = Line::default();
    first.pad_to(INDENT);
    let text = page.safe(text);
    page.paragraph(first, INDENT, &[(Tone::Plain, &text)]);
}

/// What to set in each server software, one paragraph each.
fn by_software(page: &mut Page<'_>, fixes: &[SoftwareFix]) {
    if fixes.is_empty() {
        return;
    }
    page.gap();
    for SoftwareFix { name, fix, .. } in fixes {
        let mut first = Line::default();
        first.pad_to(INDENT);
        let name = format!("{}:", page.safe(name));
        let fix = page.safe(fix);
        page.paragraph(first, INDENT + 2, &[(Tone::Strong, &name), (Tone::Plain, &fix)]);
    }
}

fn severity_in_words(SeverityByPort { port_25, elsewhere }: SeverityByPort) -> String {
    match (port_25, elsewhere) {
        (Some(here), Some(there)) if here == there => here.to_string(),
        (Some(here), Some(there)) => format!("{here} on port 25, {there} on every other port"),
        (Some(here), None) => format!("{here}, on port 25 only"),
        (None, Some(there)) => format!("{there}, on every port but 25"),
        (None, None) => "never told by itself".to_owned(),
    }
}

/// Every finding, by group.
pub fn explanations(all: &Explanations, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    let longest = all.findings.iter().map(|finding| finding.code.len()).max().unwrap_or(0);
    let mut group = None;
    for finding in &all.findings {
        if group != Some(finding.group) {
            heading(&mut page, finding.group.title());
            group = Some(finding.group);
        }
        listed(&mut page, finding, longest);
    }
    page.gap();
    let legend = "E error, W warning, n note: on port 25 / on every other port, where they differ. \
                  `smtpcheck explain CODE` says what each checks, why it matters and how to fix it.";
    page.paragraph(Line::default(), 0, &[(Tone::Plain, legend)]);
    page.finish()
}

/// A line of the list; on a narrow page what it says stands below its code.
fn listed(page: &mut Page<'_>, finding: &ListedFinding, longest: usize) {
    let severity_at = INDENT + longest + 2;
    let summary_at = severity_at + "E / W".len() + 2;
    let severity = letters(finding.severity);
    let summary = page.safe(&finding.summary);
    let mut line = Line::default();
    line.pad_to(INDENT);
    line.push(Tone::Strong, &page.safe(&finding.code));
    line.pad_to(severity_at);
    line.push(Tone::Plain, &severity);
    // Half of the page is the least that a sentence is read in.
    let hanging = if summary_at * 2 <= page.width { summary_at } else { INDENT + 3 };
    if hanging == summary_at {
        line.pad_to(summary_at);
    } else {
        page.line(std::mem::take(&mut line));
        line.pad_to(hanging);
    }
    page.paragraph(line, hanging, &[(Tone::Plain, &summary)]);
}

fn letters(SeverityByPort { port_25, elsewhere }: SeverityByPort) -> String {
    let letter = |severity: Option<Severity>| match severity {
        Some(Severity::Error) => "E",
        Some(Severity::Warning) => "W",
        Some(Severity::Note) => "n",
        None => "-",
    };
    match (letter(port_25), letter(elsewhere)) {
        (here, there) if here == there => here.to_owned(),
        (here, there) => format!("{here} / {there}"),
    }
}
