//! Each problem once: what is so, where, how that is known, and what to do.
//!
//! Knows how findings of several endpoints become one paragraph, and how much proof fits a screen.
//! Severities and their order come from the report.

use super::layout::{Line, Page};
use super::style::Tone;
use crate::diagnosis::finding::{
    Block, BlockedBy, BlockedHow, Confidence, Finding, Severity, Status,
};
use crate::report::{EndpointReport, TargetReport};

/// How far what belongs to a problem is set in.
const INDENT: usize = 3;
/// The most proofs, places or further messages that are shown unless everything is asked for.
const FEW: usize = 4;

/// One problem and every place where it shows.
struct Problem<'a> {
    finding: &'a Finding,
    cases: Vec<Case<'a>>,
}

/// One finding and the endpoint that it is about; none for the target as a whole.
struct Case<'a> {
    finding: &'a Finding,
    endpoint: Option<&'a EndpointReport>,
    block: Option<&'a Block>,
}

/// Shows every finding of a target: errors, warnings, notes.
pub(super) fn show(page: &mut Page<'_>, target: &TargetReport) {
    let mut after_note = false;
    for problem in gather(target) {
        let note = problem.finding.severity == Severity::Note;
        if !(note && after_note) || page.verbosity() > 0 {
            page.gap();
        }
        after_note = note;
        heading(page, &problem);
        places(page, &problem, target);
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

/// Brings together findings of one code, severity and remedy, the worst first, otherwise in the
/// report's order: causes before their consequences.
fn gather(target: &TargetReport) -> Vec<Problem<'_>> {
    let whole = target.findings.iter().map(|finding| Case { finding, endpoint: None, block: None });
    let parts = target.endpoints.iter().flat_map(|endpoint| {
        endpoint.findings.iter().enumerate().map(move |(i, finding)| Case {
            finding,
            endpoint: Some(endpoint),
            // Whether packets get there comes before everything else about an endpoint.
            block: endpoint.block.as_ref().filter(|_| i == 0 && endpoint.status == Status::Blocked),
        })
    });
    let mut cases: Vec<Case<'_>> = whole.chain(parts).collect();
    cases.sort_by_key(|case| std::cmp::Reverse(case.finding.severity));

    let mut problems: Vec<Problem<'_>> = Vec::new();
    for case in cases {
        // One server in two roles is two endpoints, and its fault is one.
        let told = |other: &Case<'_>| {
            other.finding.code == case.finding.code
                && other.finding.message == case.finding.message
                && other.endpoint.map(label) == case.endpoint.map(label)
        };
        if problems.iter().any(|p| p.cases.iter().any(told)) {
            continue;
        }
        let same = |p: &&mut Problem<'_>| {
            let (a, b) = (p.finding, case.finding);
            (&a.code, a.severity, &a.fix) == (&b.code, b.severity, &b.fix)
        };
        match problems.iter_mut().find(same) {
            Some(problem) => problem.cases.push(case),
            None => problems.push(Problem { finding: case.finding, cases: vec![case] }),
        }
    }
    problems
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
    let sure = match problem.cases[0].block {
        Some(Block { by: BlockedBy::Unknown, .. }) | None => "",
        Some(Block { confidence: Confidence::Certain, .. }) => "(certain)",
        Some(Block { confidence: Confidence::Likely, .. }) => "(likely)",
        Some(Block { confidence: Confidence::Guess, .. }) => "(a guess)",
    };
    let mut spans =
        vec![(tone, &*severity), (Tone::Strong, &*code), (Tone::Plain, message.as_str())];
    if !sure.is_empty() {
        spans.push((Tone::Quiet, sure));
    }
    page.paragraph(Line::default(), INDENT, &spans);
}

/// Where else: messages that differ in the place only are told by their places, the others are
/// quoted.
fn places(page: &mut Page<'_>, problem: &Problem<'_>, target: &TargetReport) {
    let mut groups: Vec<(String, Vec<&Case<'_>>)> = Vec::new();
    for case in &problem.cases {
        let key = without_place(case);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(case),
            None => groups.push((key, vec![case])),
        }
    }
    let mut others: Vec<String> = Vec::new();
    for (i, (key, group)) in groups.iter().enumerate() {
        let message = &group[0].finding.message;
        let names_itself = key != message;
        let labels = labels(&group[usize::from(names_itself)..], target);
        let place = some(page, labels);
        if i > 0 {
            let place = place.map(|p| format!(" (and at {p})")).unwrap_or_default();
            others.push(format!("also: {}{place}", page.safe(message)));
        // Where there is one endpoint in all, its name says nothing new.
        } else if let Some(place) = place.filter(|_| target.endpoints.len() > 1) {
            let also = if names_itself { "Also at" } else { "At" };
            page.paragraph(indent(), INDENT, &[(Tone::Plain, &format!("{also} {place}."))]);
        }
    }
    list(page, &others);
}

/// An enumeration, cut short unless everything is asked for; nothing where there is nothing.
fn some(page: &Page<'_>, labels: Vec<String>) -> Option<String> {
    let mut labels: Vec<String> = labels.iter().map(|label| page.safe(label)).collect();
    let more = labels.len().saturating_sub(FEW);
    if more > 1 && page.verbosity() == 0 {
        labels.truncate(FEW);
        labels.push(format!("and {more} more"));
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

/// A case's message with every form of its endpoint's name taken out.
fn without_place(case: &Case<'_>) -> String {
    let message = case.finding.message.clone();
    let Some(endpoint) = case.endpoint else { return message };
    let EndpointReport { host, address, port, .. } = endpoint;
    let forms = [
        label(endpoint),
        format!("{host}[{address}]"),
        format!("{host}:{port}"),
        host.clone(),
        address.to_string(),
    ];
    // A name that is empty, which nothing should send, would be found everywhere.
    forms.iter().filter(|f| !f.is_empty()).fold(message, |text, form| text.replace(form, "\0"))
}

/// The form in which people quote an endpoint: `name[address]:port`.
pub(super) fn label(endpoint: &EndpointReport) -> String {
    let EndpointReport { host, address, port, .. } = endpoint;
    if *host == address.to_string() {
        format!("[{address}]:{port}")
    } else {
        format!("{host}[{address}]:{port}")
    }
}

/// The places of some cases; `host:port` where all addresses of a host are among them.
fn labels(cases: &[&Case<'_>], target: &TargetReport) -> Vec<String> {
    let here: Vec<&EndpointReport> = cases.iter().filter_map(|c| c.endpoint).collect();
    let mut labels: Vec<String> = Vec::new();
    for one in &here {
        let of_host = |e: &&EndpointReport| e.host == one.host && e.port == one.port;
        let mut all = target.endpoints.iter().filter(of_host);
        let whole = all.all(|e| here.iter().any(|h| h.address == e.address && of_host(h)));
        let text = if whole && one.host != one.address.to_string() {
            format!("{}:{}", one.host, one.port)
        } else {
            label(one)
        };
        if !labels.contains(&text) {
            labels.push(text);
        }
    }
    labels
}

/// The proof: of the first case, which stands for the others, or of all.
fn proofs(page: &mut Page<'_>, problem: &Problem<'_>) {
    let cases = if page.verbosity() > 0 { &problem.cases[..] } else { &problem.cases[..1] };
    let mut proofs: Vec<String> = Vec::new();
    for case in cases {
        let culprit = case.block.and_then(culprit);
        let block = case.block.map_or(&[][..], |block| &block.evidence);
        for sentence in culprit.iter().chain(block).chain(&case.finding.evidence) {
            // A message often quotes its proof already.
            let told = case.finding.message.contains(sentence.as_str());
            let sentence = page.safe(sentence);
            if !told && !proofs.contains(&sentence) {
                proofs.push(sentence);
            }
        }
    }
    list(page, &proofs);
}

/// Who stops it and how, in a sentence; nothing where nobody can be named.
pub(super) fn culprit(block: &Block) -> Option<String> {
    let who = match block.by {
        BlockedBy::ThisHost => "this machine",
        BlockedBy::YourNetwork => "your network",
        BlockedBy::Transit => "a network between yours and theirs",
        BlockedBy::TheirNetwork => "the network of the server",
        BlockedBy::Unknown => return None,
    };
    let hop = block.hop_address.map(|address| address.to_string()).unwrap_or_default();
    let told = block.evidence.iter().any(|sentence| !hop.is_empty() && sentence.contains(&hop));
    let place = match (block.how, block.hop) {
        // The evidence names the place, and better.
        _ if told => String::new(),
        (BlockedHow::Icmp, _) => String::new(),
        (_, Some(number)) if hop.is_empty() => format!(", at or just after hop {number}"),
        (_, Some(number)) => format!(", at or just after hop {number} ({hop})"),
        (_, None) if hop.is_empty() => String::new(),
        (_, None) => format!(", at or just after {hop}"),
    };
    let how = match block.how {
        BlockedHow::Silence => "packets vanish",
        BlockedHow::Reset => "connections are reset in the server's name",
        BlockedHow::Icmp if told || hop.is_empty() => "connections are refused by ICMP",
        BlockedHow::Icmp => return Some(format!("Stopped by {who}: {hop} refuses by ICMP.")),
        BlockedHow::Intercepted => "something answers in the server's place",
        BlockedHow::Denied => "the system refuses the call",
    };
    Some(format!("Stopped by {who}{place}: {how}."))
}
