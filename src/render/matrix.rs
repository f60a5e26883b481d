//! The matrix: hosts and addresses against ports, to see where.
//!
//! Knows the word of each status and how the columns share a line. A name or an address that is too
//! long gets a line of its own; columns do not move for it.

use unicode_width::UnicodeWidthStr;

use super::layout::{Line, Page};
use super::style::Tone;
use crate::diagnosis::finding::Status;
use crate::observation::SubmissionSource;
use crate::port::Role;
use crate::report::{EndpointReport, MxSource, Report, TargetReport};

/// Between two columns.
const GAP: usize = 2;
/// A host column narrower than this is none: the hosts then stand above their addresses.
const NARROWEST_HOST: usize = 14;

/// One line of the matrix, or two where it has to wrap.
pub(super) struct Row {
    /// What the server is to the target.
    pub(super) role: Role,
    /// Its preference, where that means anything.
    pub(super) preference: Option<u16>,
    /// Its name; empty where it is known by its address only.
    pub(super) host: String,
    /// The address, or why there is none.
    pub(super) address: String,
    /// A word for each port; none where it was not asked.
    pub(super) cells: Vec<Option<(Tone, &'static str)>>,
}

/// Where the columns are.
struct Columns {
    prefix: usize,
    /// The width of the host column; none where hosts stand above their addresses.
    host: Option<usize>,
    address: usize,
    cells: Vec<usize>,
}

impl Columns {
    fn address_at(&self) -> usize {
        self.prefix + self.host.map_or(GAP, |host| if host == 0 { 0 } else { host + GAP })
    }

    fn cells_at(&self) -> usize {
        self.address_at() + self.address + GAP + 1
    }

    fn width(&self) -> usize {
        self.cells_at() + self.cells.iter().sum::<usize>() + GAP * self.cells.len()
    }
}

/// Shows the matrix of a target; nothing where no server is known.
pub(super) fn show(page: &mut Page<'_>, report: &Report, target: &TargetReport) {
    let ports = ports(report, target);
    let rows = rows(&|text| page.safe(text), target, &ports);
    if rows.is_empty() || ports.is_empty() {
        return;
    }
    let columns = columns(page.table_width, &rows, &ports);
    page.gap();
    let mut header = Line::default();
    header.pad_to(columns.cells_at());
    let names: Vec<String> = ports.iter().map(u16::to_string).collect();
    push_cells(&mut header, &columns, names.iter().map(|n| Some((Tone::Strong, n.as_str()))));
    page.line(header);

    let mut above: Option<&Row> = None;
    for row in &rows {
        let new_role = above.is_none_or(|a| a.role != row.role);
        let named_above = |a: &Row| (&a.host, a.preference) == (&row.host, row.preference);
        let new_host = new_role || row.host.is_empty() || !above.is_some_and(named_above);
        if new_role && row.role == Role::Submission {
            let mut heading = Line::default();
            heading.push(Tone::Strong, submission_heading(target));
            page.line(heading);
        }
        show_row(page, &columns, row, new_role, new_host);
        above = Some(row);
    }
}

fn show_row(page: &mut Page<'_>, columns: &Columns, row: &Row, new_role: bool, new_host: bool) {
    let mut line = Line::default();
    if new_host {
        push_prefix(&mut line, row, new_role, columns.prefix);
    }
    line.pad_to(columns.prefix);
    if new_host && !row.host.is_empty() {
        line.push(Tone::Plain, &row.host);
        if columns.host.is_none_or(|room| row.host.width() > room) {
            page.line(std::mem::take(&mut line));
        }
    }
    line.pad_to(columns.address_at());
    line.push(Tone::Plain, &row.address);
    if line.width() > columns.cells_at() - GAP {
        page.line(std::mem::take(&mut line));
    }
    line.pad_to(columns.cells_at());
    push_cells(&mut line, columns, row.cells.iter().copied());
    page.line(line);
}

fn push_cells<'a>(
    line: &mut Line,
    columns: &Columns,
    cells: impl Iterator<Item = Option<(Tone, &'a str)>>,
) {
    let mut at = line.width();
    for (cell, width) in cells.zip(&columns.cells) {
        line.pad_to(at);
        if let Some((tone, word)) = cell {
            line.push(tone, word);
        }
        at += width + GAP;
    }
}

fn push_prefix(line: &mut Line, row: &Row, new_role: bool, width: usize) {
    match (row.role, row.preference) {
        (Role::Mx, preference) => {
            if new_role {
                line.push(Tone::Strong, "MX");
            }
            if let Some(preference) = preference {
                let number = preference.to_string();
                line.pad_to(width.saturating_sub(number.len() + GAP));
                line.push(Tone::Plain, &number);
            }
        }
        (Role::Host, _) if new_role => line.push(Tone::Strong, "Host"),
        _ => {}
    }
}

/// What stands above the submission servers: how they were found.
pub(super) fn submission_heading(target: &TargetReport) -> &'static str {
    match target.dns.submission.first().map(|s| s.source) {
        Some(SubmissionSource::Srv) => "Submission (SRV)",
        Some(SubmissionSource::Option) => "Submission (-s)",
        None => "Submission",
    }
}

/// The asked ports in their order, then any other that an endpoint has.
pub(super) fn ports(report: &Report, target: &TargetReport) -> Vec<u16> {
    let probed = |port: u16| target.endpoints.iter().any(|e| e.port == port);
    let mut ports: Vec<u16> =
        report.network.ports.iter().map(|p| p.port).filter(|p| probed(*p)).collect();
    for endpoint in &target.endpoints {
        if !ports.contains(&endpoint.port) {
            ports.push(endpoint.port);
        }
    }
    ports
}

/// The lines of the matrix, with texts that `safe` has made safe to show.
pub(super) fn rows(
    safe: &dyn Fn(&str) -> String,
    target: &TargetReport,
    ports: &[u16],
) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let implicit = target.dns.mx_source == Some(MxSource::Implicit);
    for endpoint in &target.endpoints {
        let address = safe(&endpoint.address.to_string());
        // A server that is known by its address only is shown once.
        let host = safe(&endpoint.host);
        let host = if host == address { String::new() } else { host };
        let preference = endpoint.preference.filter(|_| !implicit);
        let at = rows.iter().position(|r| {
            (r.role, r.preference, &r.host, &r.address)
                == (endpoint.role, preference, &host, &address)
        });
        let at = at.unwrap_or_else(|| {
            let cells = vec![None; ports.len()];
            rows.push(Row { role: endpoint.role, preference, host, address, cells });
            rows.len() - 1
        });
        if let Some(column) = ports.iter().position(|p| *p == endpoint.port) {
            // One port may be asked in two modes; the cell shows the worse.
            let place = &mut rows[at].cells[column];
            let worst =
                place.iter().copied().chain([cell(endpoint)]).max_by_key(|(t, _)| weight(*t));
            *place = worst;
        }
    }
    add_undialled(safe, target, ports.len(), &mut rows);
    rows.sort_by_key(|r| (r.role, r.preference));
    rows
}

/// Hosts that DNS names and that no endpoint came of: they are part of the answer to "where".
fn add_undialled(
    safe: &dyn Fn(&str) -> String,
    target: &TargetReport,
    ports: usize,
    rows: &mut Vec<Row>,
) {
    let from_mx = matches!(target.dns.mx_source, Some(MxSource::Mx));
    let mx = target.dns.mx.iter().filter(|_| from_mx);
    let named = mx
        .map(|m| (Role::Mx, Some(m.preference), &m.host))
        .chain(target.dns.submission.iter().map(|s| (Role::Submission, None, &s.host)));
    for (role, preference, host) in named {
        // The host is an address where the user or the record gave nothing else.
        let host = safe(host);
        let known = |r: &Row| r.role == role && (r.host == host || r.address == host);
        if !rows.iter().any(known) {
            let address = "not dialled".to_owned();
            rows.push(Row { role, preference, host, address, cells: vec![None; ports] });
        }
    }
}

fn weight(tone: Tone) -> u8 {
    match tone {
        Tone::Bad => 3,
        Tone::Warn => 2,
        Tone::Good => 1,
        _ => 0,
    }
}

/// The word of an endpoint: upper case where it has to work, lower case where it need not and is
/// worth a look, a dash where not being offered is normal.
fn cell(endpoint: &EndpointReport) -> (Tone, &'static str) {
    match (endpoint.status, endpoint.required) {
        (Status::Open, _) => (Tone::Good, "open"),
        (Status::Skipped, _) => (Tone::Quiet, "n/a"),
        (Status::Closed | Status::Silent, false) => (Tone::Quiet, "-"),
        (Status::Closed, true) => (Tone::Bad, "CLOSED"),
        (Status::Silent, true) => (Tone::Bad, "SILENT"),
        (Status::Blocked, true) => (Tone::Bad, "BLOCKED"),
        (Status::Blocked, false) => (Tone::Warn, "blocked"),
        (Status::Misconfigured, true) => (Tone::Bad, "WRONG"),
        (Status::Misconfigured, false) => (Tone::Warn, "wrong"),
        (Status::Rejected, true) => (Tone::Bad, "REJECTED"),
        (Status::Rejected, false) => (Tone::Warn, "rejected"),
    }
}

/// Shares the line out. Tried in this order: roomy cells, narrow cells, only the hosts that fit
/// beside their addresses, all hosts above their addresses.
fn columns(width: usize, rows: &[Row], ports: &[u16]) -> Columns {
    // The last cell needs no gap behind it.
    let excess = |columns: &Columns| columns.width().saturating_sub(width + GAP);
    let widest = |text: fn(&Row) -> &str| rows.iter().map(|r| text(r).width()).max().unwrap_or(0);
    let prefix = rows.iter().map(prefix_width).max().unwrap_or(0);
    let (host, address) = (widest(|r| &r.host), widest(|r| &r.address));
    let narrow: Vec<usize> = (0..ports.len())
        .map(|i| {
            let words = rows.iter().filter_map(|r| r.cells[i]).map(|(_, word)| word.len());
            words.chain([ports[i].to_string().len()]).max().unwrap_or(0)
        })
        .collect();
    let roomy = vec![narrow.iter().copied().max().unwrap_or(0).max(7); ports.len()];
    let mut columns = Columns { prefix, host: Some(host), address, cells: roomy.clone() };
    if excess(&columns) == 0 {
        return columns;
    }
    columns.cells = narrow;
    if excess(&columns) == 0 {
        return columns;
    }
    let room = host.saturating_sub(excess(&columns));
    let fit = rows.iter().filter(|r| r.host.width() <= room).count();
    if room >= NARROWEST_HOST && fit * 2 >= rows.len() {
        columns.host = rows.iter().map(|r| r.host.width()).filter(|w| *w <= room).max();
        return columns;
    }
    columns.host = None;
    let narrow = std::mem::replace(&mut columns.cells, roomy);
    if excess(&columns) == 0 {
        return columns;
    }
    columns.cells = narrow;
    let room = address.saturating_sub(excess(&columns));
    columns.address =
        rows.iter().map(|r| r.address.width()).filter(|w| *w <= room).max().unwrap_or(0);
    columns
}

fn prefix_width(row: &Row) -> usize {
    let word = match (row.role, row.preference) {
        (Role::Mx, Some(preference)) => 3 + preference.to_string().len().max(2),
        (Role::Mx, None) => 2,
        (Role::Submission, _) => 0,
        (Role::Host, _) => 4,
    };
    word + GAP
}
