//! The page of the command `network`: which ports leave this network, one line each, and what stops
//! the others.
//!
//! Knows the order of thought, as in the report on a target: the verdict, the ports, each block with
//! its proof and what to do. Must not decide anything.

use super::findings::bullet;
use super::ladder;
use super::layout::{Line, Page};
use super::problems::sure;
use super::style::Tone;
use super::text::headline;
use crate::diagnosis::finding::Confidence;
use crate::report::{Network, Outbound, PortReport, Report};

/// The most notes of a report on targets that are told unasked.
const MOST_NOTES: usize = 4;

/// Where the words of a port begin.
const WORDS: usize = 22;

/// Shows the ports; nothing where the report is of another command.
pub(super) fn show(page: &mut Page<'_>, report: &Report) {
    let network = &report.network;
    if !report.targets.is_empty() || !network.traces.is_empty() {
        return;
    }
    let ports = |outbound| -> Vec<String> {
        let of_kind = network.ports.iter().filter(|port| port.outbound == outbound);
        of_kind.map(|port| port.port.to_string()).collect()
    };
    let (blocked, unknown) = (ports(Outbound::Blocked), ports(Outbound::Unknown));
    let verdict = match (blocked.as_slice(), unknown.as_slice()) {
        _ if network.interrupted => {
            (Tone::Warn, "interrupted before every port was tried".to_owned())
        }
        ([], []) => (Tone::Good, "every port gets out".to_owned()),
        ([], _) => (Tone::Warn, format!("nothing is known of port {}", unknown.join(", "))),
        ([one], _) => (Tone::Bad, format!("port {one} does not get out")),
        (many, _) => (Tone::Bad, format!("ports {} do not get out", many.join(", "))),
    };
    headline(page, "this network", (verdict.0, &verdict.1), report.duration_ms);
    page.gap();
    for port in &network.ports {
        line(page, port);
    }
    for port in network.ports.iter().filter(|port| port.block.is_some()) {
        block(page, report, port);
    }
    if !unknown.is_empty() || page.verbosity() > 0 {
        notes(page, network, usize::MAX);
    }
}

/// Shows what could not be compared in a report on targets, where a verdict would be surer with it,
/// or where everything is to be seen.
pub(super) fn gaps(page: &mut Page<'_>, report: &Report) {
    let endpoints = report.targets.iter().flat_map(|target| &target.endpoints);
    let mut blocks = endpoints.filter_map(|endpoint| endpoint.block.as_ref());
    let most = match page.verbosity() {
        0 if blocks.any(|block| block.confidence == Confidence::Guess) => MOST_NOTES,
        0 => return,
        _ => usize::MAX,
    };
    if !report.targets.is_empty() {
        notes(page, &report.network, most);
    }
}

fn notes(page: &mut Page<'_>, network: &Network, most: usize) {
    if network.notes.is_empty() {
        return;
    }
    page.gap();
    page.paragraph(Line::default(), 0, &[(Tone::Warn, "not checked:")]);
    for note in network.notes.iter().take(most) {
        bullet(page, &page.safe(note));
    }
    if network.notes.len() > most {
        bullet(page, &format!("and {} more, which -v shows", network.notes.len() - most));
    }
}

fn line(page: &mut Page<'_>, port: &PortReport) {
    let (tone, word) = match port.outbound {
        Outbound::Open => (Tone::Good, "open"),
        Outbound::Blocked => (Tone::Bad, "BLOCKED"),
        Outbound::Unknown => (Tone::Warn, "unknown"),
    };
    let mut first = Line::default();
    first.push(Tone::Strong, &format!("port {:>5}", port.port));
    first.pad_to(12);
    first.push(tone, word);
    first.pad_to(WORDS);
    page.paragraph(first, WORDS, &[(Tone::Plain, &page.safe(&port.summary))]);
}

fn block(page: &mut Page<'_>, report: &Report, port: &PortReport) {
    let Some(block) = &port.block else { return };
    page.gap();
    let heading = format!("port {} is blocked", port.port);
    let sure = sure(block);
    let mut spans = vec![(Tone::Bad, heading.as_str())];
    if !sure.is_empty() {
        spans.push((Tone::Quiet, sure));
    }
    page.paragraph(Line::default(), 3, &spans);
    // A ladder that ended like this block shows more than one that was answered.
    let of_port = report.network.paths.iter().filter(|path| path.port == port.port);
    if let Some(path) = of_port.min_by_key(|path| path.hops.iter().flat_map(|h| h.address).count())
    {
        ladder::draw(page, &report.network, path);
    }
    for sentence in &block.evidence {
        bullet(page, &page.safe(sentence));
    }
    let mut first = Line::default();
    first.pad_to(3);
    first.push(Tone::Strong, page.glyphs.arrow);
    let hanging = first.width();
    page.paragraph(first, hanging, &[(Tone::Plain, &page.safe(&port.advice))]);
}
