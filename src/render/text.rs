//! The report for people: what comes first and what comes after it.
//!
//! Knows the order of thought: the verdict; the matrix, to see where; what could not be checked;
//! each problem once, with its proof and what to do; facts and conversations where they were asked
//! for; one closing sentence. Must not know how any of these is laid out: go on with `matrix`,
//! `findings`, `detail` and `transcript`.

use super::layout::{Line, Page, wrap};
use super::style::{Styles, Tone};
use super::{detail, findings, matrix, network, plain, trace};
use crate::diagnosis::checks;
use crate::diagnosis::finding::{Severity, Verdict};
use crate::observation::Millis;
use crate::report::{Report, TargetReport};

/// The most names of targets that are told of each verdict at the end.
const MOST_NAMES: usize = 12;

/// How the text report is to look.
#[derive(Clone, Debug)]
pub struct TextOptions {
    /// The width of the page in columns. It is laid out for 40 at least; paragraphs take 100 at
    /// most and the matrix 160.
    pub width: usize,
    /// Characters outside ASCII may be used. Without it every byte of the report is ASCII.
    pub unicode: bool,
    /// The colours.
    pub styles: Styles,
    /// 0: the answer. 1: the facts and timings of every endpoint too. 2: every conversation too.
    pub verbosity: u8,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self { width: 80, unicode: true, styles: Styles::default(), verbosity: 0 }
    }
}

/// The report as text for people, with a newline at its end; empty for a report without targets and
/// traces.
pub fn text(report: &Report, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    trace::show(&mut page, report);
    network::show(&mut page, report);
    for (i, one) in report.targets.iter().enumerate() {
        if i > 0 {
            page.gap();
            page.rule();
        }
        target(&mut page, report, one);
    }
    if report.targets.len() > 1 {
        page.gap();
        page.rule();
        totals(&mut page, report);
    }
    network::gaps(&mut page, report);
    pointer(&mut page, report);
    page.finish()
}

/// Where to read on about what was found, once for the whole report.
fn pointer(page: &mut Page<'_>, report: &Report) {
    let targets = report.targets.iter();
    let findings =
        targets.flat_map(|t| t.endpoints.iter().flat_map(|e| &e.findings).chain(&t.findings));
    let mut codes: Vec<&str> = findings
        .filter(|finding| finding.severity > Severity::Note)
        .filter_map(|finding| checks::find(&finding.code))
        .map(|check| check.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let more = match codes.as_slice() {
        [] => return,
        [code] => format!("`smtpcheck explain {code}` says more."),
        _ => "`smtpcheck explain CODE` says more about each of these findings.".to_owned(),
    };
    page.gap();
    page.paragraph(Line::default(), 0, &[(Tone::Quiet, &more)]);
}

fn target(page: &mut Page<'_>, report: &Report, target: &TargetReport) {
    let name = page.safe(&plain::name(target));
    let tone = match target.verdict {
        Verdict::Ok if plain::warns(target) => Tone::Warn,
        Verdict::Ok => Tone::Good,
        Verdict::Problems => Tone::Bad,
        Verdict::Undetermined => Tone::Warn,
    };
    headline(page, &name, (tone, &page.safe(&target.summary)), target.duration_ms);
    matrix::show(page, report, target);
    not_checked(page, target);
    findings::show(page, &report.network, target);
    if page.verbosity() > 0 {
        detail::show(page, report, target);
    }
    if !target.closing.is_empty() {
        page.gap();
        page.paragraph(Line::default(), 0, &[(Tone::Plain, &page.safe(&target.closing))]);
    }
}

/// The verdict at the left, how long it took at the right.
pub(super) fn headline(page: &mut Page<'_>, name: &str, verdict: (Tone, &str), duration: Millis) {
    let took = plain::took(duration);
    let room = page.width.saturating_sub(took.len() + 2);
    let name = format!("{name}:");
    let mut lines = wrap(Line::default(), 3, room, &[(Tone::Strong, &name), verdict]).into_iter();
    let mut first = lines.next().unwrap_or_default();
    first.push(Tone::Plain, "  ");
    first.pad_to(page.width.saturating_sub(took.len()));
    first.push(Tone::Quiet, &took);
    page.line(first);
    lines.for_each(|line| page.line(line));
}

/// What keeps the report from being complete: look-ups without an answer, servers not dialled.
fn not_checked(page: &mut Page<'_>, target: &TargetReport) {
    let sentences = plain::not_checked(target);
    if sentences.is_empty() {
        return;
    }
    page.gap();
    page.paragraph(Line::default(), 0, &[(Tone::Warn, "not checked:")]);
    for sentence in sentences {
        findings::bullet(page, &page.safe(sentence));
    }
}

fn totals(page: &mut Page<'_>, report: &Report) {
    let count = |verdict| report.targets.iter().filter(|t| t.verdict == verdict).count();
    let name = format!("{} targets", report.targets.len());
    let tone = match (count(Verdict::Problems), count(Verdict::Undetermined)) {
        (0, 0) => Tone::Good,
        (0, _) => Tone::Warn,
        _ => Tone::Bad,
    };
    headline(page, &name, (tone, &plain::totals(report)), report.duration_ms);
    // Nobody scrolls through a hundred reports for the one that matters.
    for (verdict, words, tone) in [
        (Verdict::Problems, "with problems:", Tone::Bad),
        (Verdict::Undetermined, "undetermined:", Tone::Warn),
    ] {
        let of = report.targets.iter().filter(|t| t.verdict == verdict);
        let mut names: Vec<String> = of.map(|t| page.safe(&plain::name(t))).collect();
        if names.is_empty() {
            continue;
        }
        let more = names.len().saturating_sub(MOST_NAMES);
        if more > 1 && page.verbosity() == 0 {
            names.truncate(MOST_NAMES);
            names.push(format!("and {more} more"));
        }
        let names = names.join(", ");
        let mut first = Line::default();
        first.pad_to(3);
        page.paragraph(first, 6, &[(tone, words), (Tone::Plain, &names)]);
    }
}
