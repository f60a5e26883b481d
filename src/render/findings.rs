//! Each problem once: what is so, where, how that is known, and what to do.
//!
//! Knows how a problem becomes a paragraph, and how much proof fits a screen. Which findings are one
//! problem is told in `problems`.

use super::ladder;
use super::layout::{Line, Page};
use super::problems::{Case, Problem, gather, labels, proofs_of, sure, without_place};
use super::style::Tone;
use crate::diagnosis::finding::Severity;
use crate::report::{Network, TargetReport};

/// How far what belongs to a problem is set in.
const INDENT: usize = 3;
/// The most proofs or further messages that are shown unless everything is asked for.
const FEW: usize = 4;
/// The most places. Whoever has to mend ten of them wants to know which.
const PLACES: usize = 12;

/// Shows every finding of a target: errors, warnings, notes.
pub(super) fn show(page: &mut Page<'_>, network: &Network, target: &TargetReport) {
    let mut after_note = false;
    for problem in gather(target) {
        let note = problem.finding.severity == Severity::Note;
        if !(note && after_note) || page.verbosity() > 0 {
            page.gap();
        }
        after_note = note;
        heading(page, &problem);
        places(page, &problem, target);
        // Where packets stop is seen at a glance, and read only after that.
        let case = &problem.cases[0];
        if let (Some(block), Some(endpoint)) = (case.block, case.endpoint)
            && ladder::shows(block, endpoint)
        {
            ladder::show(page, network, endpoint);
        }
        if !note || page.verbosity() > 0 {
            proofs(page, &problem);
        }
        // A note of a server is told in one line; one of the target may be for the user to act on.
        let act = !note || page.verbosity() > 0 || problem.cases[0].endpoint.is_none();
        if act && !problem.finding.fix.is_empty() {
            let mut first = indent();
            first.push(Tone::Strong, page.glyphs.arrow);
            let hanging = first.width();
            page.paragraph(first, hanging, &[(Tone::Plain, &page.safe(&problem.finding.fix))]);
        }
        if page.verbosity() > 0 && !problem.finding.reference.is_empty() {
            let reference = format!("See {}.", page.safe(&problem.finding.reference));
            page.paragraph(indent(), INDENT, &[(Tone::Quiet, &reference)]);
        }
    }
}

/// One item of a list below a problem. The text is safe already.
pub(super) fn bullet(page: &mut Page<'_>, text: &str) {
    let mut first = indent();
    first.push(Tone::Plain, "- ");
    page.paragraph(first, INDENT + 2, &[(Tone::Plain, text)]);
}

fn indent() -> Line {
    let mut line = Line::default();
    line.pad_to(INDENT);
    line
}

fn heading(page: &mut Page<'_>, problem: &Problem<'_>) {
    let finding = problem.finding;
    let severity = finding.severity.to_string();
    let tone = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Note => Tone::Quiet,
    };
    let code = format!("{}:", page.safe(&finding.code));
    let message = page.safe(&finding.message);
    let sure = problem.cases[0].block.map_or("", sure);
    let mut spans =
        vec![(tone, &*severity), (Tone::Strong, &*code), (Tone::Plain, message.as_str())];
    if !sure.is_empty() {
        spans.push((Tone::Quiet, sure));
    }
    page.paragraph(Line::default(), INDENT, &spans);
}

/// Where else: messages that differ in the place only are told by their places, the others are
/// quoted. Each says how bad it is there where that is not what the heading says.
fn places(page: &mut Page<'_>, problem: &Problem<'_>, target: &TargetReport) {
    let mut groups: Vec<(String, Severity, Vec<&Case<'_>>)> = Vec::new();
    for case in &problem.cases {
        let key = (without_place(case), case.finding.severity);
        match groups.iter_mut().find(|(said, severity, _)| (said, severity) == (&key.0, &key.1)) {
            Some((.., group)) => group.push(case),
            None => groups.push((key.0, key.1, vec![case])),
        }
    }
    let mut others: Vec<String> = Vec::new();
    for (i, (said, severity, group)) in groups.iter().enumerate() {
        let message = &group[0].finding.message;
        let names_itself = said != message;
        let less = *severity != problem.finding.severity;
        if i > 0 && *said != groups[0].0 {
            let place = some(page, labels(&group[usize::from(names_itself)..], target));
            let place = place.map(|p| format!(" (and at {p})")).unwrap_or_default();
            let as_what = if less { format!(" as a {severity}") } else { String::new() };
            others.push(format!("also{as_what}: {}{place}", page.safe(message)));
            continue;
        }
        // The heading names the first place itself.
        let named = usize::from(names_itself && i == 0);
        // Where there is one endpoint in all, its name says nothing new.
        let place = some(page, labels(&group[named..], target));
        if let Some(place) = place.filter(|_| target.endpoints.len() > 1) {
            let sentence = match (less, names_itself) {
                (true, _) => format!("As a {severity} also at {place}."),
                (false, true) => format!("Also at {place}."),
                (false, false) => format!("At {place}."),
            };
            page.paragraph(indent(), INDENT, &[(Tone::Plain, &sentence)]);
        }
    }
    list(page, &others);
}

/// An enumeration, cut short unless everything is asked for; nothing where there is nothing.
fn some(page: &Page<'_>, labels: Vec<String>) -> Option<String> {
    let mut labels: Vec<String> = labels.iter().map(|label| page.safe(label)).collect();
    let more = labels.len().saturating_sub(PLACES);
    if more > 1 && page.verbosity() == 0 {
        labels.truncate(PLACES);
        labels.push(format!("and {more} more, with -v"));
    }
    (!labels.is_empty()).then(|| labels.join(", "))
}

/// A list, cut short unless everything is asked for.
fn list(page: &mut Page<'_>, items: &[String]) {
    let all = page.verbosity() > 0 || items.len() <= FEW;
    let shown = if all { items.len() } else { FEW - 1 };
    for item in &items[..shown] {
        bullet(page, item);
    }
    if !all {
        bullet(page, &format!("and {} more, with -v", items.len() - shown));
    }
}

/// The proof: of the cases that stand for the others, or of all.
fn proofs(page: &mut Page<'_>, problem: &Problem<'_>) {
    let proofs = match page.verbosity() {
        0 => proofs_of(problem.telling()),
        _ => proofs_of(&problem.cases),
    };
    let proofs: Vec<String> = proofs.iter().map(|proof| page.safe(proof)).collect();
    // Somebody is to be convinced by it, so the evidence of a block is never cut short.
    match problem.cases[0].block {
        Some(_) => proofs.iter().for_each(|proof| bullet(page, proof)),
        None => list(page, &proofs),
    }
}
