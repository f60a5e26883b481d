//! The traces: the ladders of an address side by side, to see where they part.
//!
//! Knows one line a hop and one column a port. A TTL at which the ports see different routers takes
//! a line for each; ports that do not fit beside the others get a table of their own.

use std::net::IpAddr;

use unicode_width::UnicodeWidthStr;

use super::layout::{Line, Page};
use super::style::Tone;
use crate::observation::Millis;
use crate::report::{HopReport, PathEnd, PathReport, Report, TraceReport, TraceState};

/// Between two columns.
const GAP: usize = 2;
/// The widest word of a column: `connected`.
const CELL: usize = 9;
/// The column of TTLs, `hop`.
const TTL: usize = 3;
/// No answer, as every traceroute writes it.
const SILENT: &str = "*";

/// Shows every trace of the report; nothing where there is none.
pub(super) fn show(page: &mut Page<'_>, report: &Report) {
    let mut host = None;
    for trace in &report.network.traces {
        let paths: Vec<&PathReport> = report
            .network
            .paths
            .iter()
            .filter(|path| Some(path.address) == trace.address)
            .filter(|path| path.host.as_ref() == Some(&trace.host))
            .collect();
        page.gap();
        // What is said of a host as a whole stands below its addresses without its name again.
        if trace.address.is_some() || host != Some(&trace.host) {
            heading(page, trace);
        }
        host = Some(&trace.host);
        table(page, &paths);
        let tone = match trace.state {
            TraceState::Traced | TraceState::Skipped => Tone::Plain,
            TraceState::Failed | TraceState::Interrupted => Tone::Warn,
        };
        page.paragraph(Line::default(), 0, &[(tone, &page.safe(&trace.summary))]);
    }
}

fn heading(page: &mut Page<'_>, trace: &TraceReport) {
    let host = page.safe(&trace.host);
    match trace.address.map(|address| address.to_string()) {
        Some(address) if address != trace.host => {
            let spans = [(Tone::Strong, host.as_str()), (Tone::Plain, &address)];
            page.paragraph(Line::default(), GAP, &spans);
        }
        _ => page.paragraph(Line::default(), GAP, &[(Tone::Strong, &host)]),
    }
}

fn table(page: &mut Page<'_>, paths: &[&PathReport]) {
    let heard = paths.iter().flat_map(|path| &path.hops).filter_map(|hop| hop.address);
    let widest = heard.map(|address| address.to_string().width()).max().unwrap_or(0);
    let fit = |gap: usize, address: usize| {
        page.table_width.saturating_sub(TTL + gap + address) / (gap + CELL)
    };
    // Side by side counts more than one line a hop: rather than tear the ports apart, columns move
    // together, and after that addresses get lines of their own.
    let ways = [(GAP, widest), (1, widest), (GAP, 0)];
    let (gap, address) = ways
        .into_iter()
        .find(|(gap, address)| fit(*gap, *address) >= paths.len())
        .unwrap_or(if fit(GAP, 0) > fit(GAP, widest) { ways[2] } else { ways[0] });
    for some in paths.chunks(fit(gap, address).max(1)) {
        page.gap();
        columns(page, some, Columns { gap, cells_at: TTL + gap + address + gap });
        page.gap();
    }
}

/// Where the columns are.
#[derive(Clone, Copy)]
struct Columns {
    gap: usize,
    cells_at: usize,
}

fn columns(page: &mut Page<'_>, paths: &[&PathReport], columns: Columns) {
    let ports: Vec<String> = paths.iter().map(|path| path.port.to_string()).collect();
    let ports = ports.iter().map(|port| Some((Tone::Strong, port.clone())));
    row(page, columns, (Tone::Strong, "hop"), "", ports);
    for Hop { ttl, router, cells } in hops(paths) {
        let number = ttl.map(|ttl| format!("{ttl:>TTL$}")).unwrap_or_default();
        let router = router.map(|address| address.to_string()).unwrap_or_default();
        row(page, columns, (Tone::Quiet, &number), &router, cells.into_iter());
    }
    let ends = paths.iter().map(|path| Some(end(path.end)));
    row(page, columns, (Tone::Strong, "end"), "", ends);
}

/// One line of a table of paths.
pub(super) struct Hop {
    /// The distance; none where the line above has it.
    pub(super) ttl: Option<u8>,
    /// Who answered; none where nobody did.
    pub(super) router: Option<IpAddr>,
    /// What each path saw there; none where it saw nothing of this router.
    pub(super) cells: Vec<Option<(Tone, String)>>,
}

/// The lines of a table with one column a path: each TTL, and each router that answered at it.
pub(super) fn hops(paths: &[&PathReport]) -> Vec<Hop> {
    let mut lines = Vec::new();
    // Silence behind the last hop that anybody heard is shown once, and behind the server not.
    let heard = paths.iter().flat_map(|path| &path.hops).filter(|hop| hop.address.is_some());
    let last = heard.map(|hop| hop.ttl).max().unwrap_or(0);
    let is_end = paths.iter().any(|path| {
        path.end != PathEnd::Silence && path.hops.last().is_some_and(|hop| hop.ttl == last)
    });
    for ttl in 1..=last + u8::from(!is_end) {
        let hops: Vec<Option<&HopReport>> =
            paths.iter().map(|path| path.hops.iter().find(|hop| hop.ttl == ttl)).collect();
        if hops.iter().all(Option::is_none) {
            break;
        }
        let mut routers: Vec<Option<IpAddr>> = Vec::new();
        for router in hops.iter().flatten().filter_map(|hop| hop.address) {
            if !routers.contains(&Some(router)) {
                routers.push(Some(router));
            }
        }
        if routers.is_empty() {
            routers.push(None);
        }
        for (line, router) in routers.iter().enumerate() {
            let cells = hops.iter().map(|hop| {
                let hop = (*hop)?;
                match hop.address {
                    None if line == 0 => Some((Tone::Quiet, SILENT.to_owned())),
                    Some(_) if hop.address == *router => {
                        Some((Tone::Plain, hop.rtt_ms.map(rtt).unwrap_or_default()))
                    }
                    _ => None,
                }
            });
            let ttl = (line == 0).then_some(ttl);
            lines.push(Hop { ttl, router: *router, cells: cells.collect() });
        }
    }
    lines
}

fn row(
    page: &mut Page<'_>,
    Columns { gap, cells_at }: Columns,
    first: (Tone, &str),
    router: &str,
    cells: impl Iterator<Item = Option<(Tone, String)>>,
) {
    let mut line = Line::default();
    line.push(first.0, first.1);
    line.pad_to(TTL + gap);
    line.push(Tone::Plain, router);
    if line.width() > cells_at - gap {
        page.line(std::mem::take(&mut line));
    }
    for (at, cell) in cells.enumerate() {
        line.pad_to(cells_at + at * (CELL + gap));
        if let Some((tone, word)) = cell {
            line.push(tone, &word);
        }
    }
    page.line(line);
}

fn rtt(took: Millis) -> String {
    match took.0 {
        short if short < 99.95 => format!("{short:.1} ms"),
        long => format!("{long:.0} ms"),
    }
}

/// The word for how a path ended.
pub(super) fn end(end: PathEnd) -> (Tone, String) {
    let (tone, word) = match end {
        PathEnd::Connected => (Tone::Good, "connected"),
        PathEnd::Refused => (Tone::Warn, "refused"),
        PathEnd::IcmpUnreachable => (Tone::Bad, "ICMP"),
        PathEnd::Silence => (Tone::Bad, "silence"),
    };
    (tone, word.to_owned())
}
