//! The report to paste into an issue, or into a ticket to a provider: Markdown as GitHub and GitLab
//! read it, and readable where nobody renders it.
//!
//! Knows the order of thought of the text report. What servers say is shown as code or with its
//! signs taken away by `markup`, so that it brings no heading, link, image, mention or HTML.

use super::markup::{block, cell, text};
use super::problems::{gather, label, proofs_of};
use super::style::Tone;
use super::{matrix, plain, trace};
use crate::observation::Direction;
use crate::port::Role;
use crate::report::{ConnectWord, EndpointReport, PathReport, Report, TargetReport};

/// The report as Markdown, with a newline at its end.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    for target in &report.targets {
        heading(&mut out, 2, &plain::headline(target));
        of_target(&mut out, report, target);
    }
    if report.targets.len() > 1 {
        heading(&mut out, 2, &format!("{} targets", report.targets.len()));
        paragraph(&mut out, &text(&plain::totals(report)));
    }
    if report.targets.is_empty() && report.network.traces.is_empty() {
        heading(&mut out, 2, "Which ports leave this network");
        network(&mut out, report);
    }
    traces(&mut out, report);
    other_paths(&mut out, report);
    controls(&mut out, report);
    let (name, version) = (&report.tool.name, &report.tool.version);
    let (start, took) = (report.started_at, plain::took(report.duration_ms));
    let start = format!("{} {:02}:{:02} UTC", start.date(), start.hour(), start.minute());
    paragraph(&mut out, &text(&format!("{name} {version}, {start}, {took}")));
    out
}

fn heading(out: &mut String, level: usize, words: &str) {
    paragraph(out, &format!("{} {}", "#".repeat(level), text(words)));
}

/// A block of Markdown, apart from what stands above it.
fn paragraph(out: &mut String, markdown: &str) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(markdown);
    out.push('\n');
}

fn list<'a>(out: &mut String, items: impl IntoIterator<Item = &'a str>) {
    let items: Vec<String> = items.into_iter().map(|item| format!("- {}", text(item))).collect();
    if !items.is_empty() {
        paragraph(out, &items.join("\n"));
    }
}

/// A table; its cells are Markdown already.
fn table(out: &mut String, head: &[String], rows: &[Vec<String>]) {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let mut lines = vec![line(head), format!("|{}", "---|".repeat(head.len()))];
    lines.extend(rows.iter().map(|row| line(row)));
    paragraph(out, &lines.join("\n"));
}

fn of_target(out: &mut String, report: &Report, target: &TargetReport) {
    ports(out, report, target);
    let not_checked = plain::not_checked(target);
    if !not_checked.is_empty() {
        paragraph(out, "Not checked:");
        list(out, not_checked);
    }
    for problem in gather(target) {
        let finding = problem.finding;
        let code = text(&format!("`{}`", finding.code));
        paragraph(out, &format!("### {} {code}", finding.severity));
        paragraph(out, &sentence(&plain::message(&problem, target)));
        list(out, proofs_of(&problem.cases).iter().map(String::as_str));
        if !finding.fix.is_empty() {
            paragraph(out, &format!("**What to do:** {}", text(&finding.fix)));
        }
        if !finding.reference.is_empty() {
            paragraph(out, &format!("Standard: {}.", text(&finding.reference)));
        }
    }
    if !target.closing.is_empty() {
        paragraph(out, &text(&target.closing));
    }
    for endpoint in target.endpoints.iter().filter(|e| !e.transcript.is_empty()) {
        conversation(out, endpoint);
    }
}

/// A message as a sentence of its own. Its first word gets a capital where it is a word and no name.
fn sentence(words: &str) -> String {
    let first = words.split(' ').next().unwrap_or_default();
    let mut sentence = text(words);
    if first.bytes().all(|b| b.is_ascii_lowercase())
        && let Some(letter) = sentence.get_mut(..1)
    {
        letter.make_ascii_uppercase();
    }
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

fn ports(out: &mut String, report: &Report, target: &TargetReport) {
    let ports = matrix::ports(report, target);
    let rows = matrix::rows(&|text| text.to_owned(), target, &ports);
    if rows.is_empty() || ports.is_empty() {
        return;
    }
    let mut head = vec![String::new(), "host".to_owned(), "address".to_owned()];
    head.extend(ports.iter().map(u16::to_string));
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let role = match (row.role, row.preference) {
                (Role::Mx, Some(preference)) => format!("MX {preference}"),
                (Role::Mx, None) => "MX".to_owned(),
                (Role::Submission, _) => matrix::submission_heading(target).to_owned(),
                (Role::Host, _) => "Host".to_owned(),
            };
            let mut cells = vec![role, cell(&row.host), cell(&row.address)];
            cells.extend(row.cells.iter().map(|cell| match cell {
                Some((Tone::Bad, word)) => format!("**{word}**"),
                Some((_, word)) => (*word).to_owned(),
                None => String::new(),
            }));
            cells
        })
        .collect();
    table(out, &head, &rows);
}

fn network(out: &mut String, report: &Report) {
    let head = ["port", "leaves this network"].map(str::to_owned);
    let rows: Vec<Vec<String>> = report
        .network
        .ports
        .iter()
        .map(|port| {
            let word = plain::port(port);
            let word = word.split_once(' ').map_or("", |(_, word)| word).to_owned();
            vec![port.port.to_string(), word]
        })
        .collect();
    table(out, &head, &rows);
    for port in &report.network.ports {
        let evidence = plain::port_evidence(port);
        if !evidence.is_empty() {
            heading(out, 3, &format!("Port {}", plain::port(port)));
            list(out, evidence.iter().map(String::as_str));
        }
    }
}

/// The paths that the command `trace` walked, each address with what it shows.
fn traces(out: &mut String, report: &Report) {
    for one in &report.network.traces {
        let title = match one.address {
            Some(address) if address.to_string() != one.host => {
                format!("Path to {} {address}", one.host)
            }
            _ => format!("Path to {}", one.host),
        };
        heading(out, 2, &title);
        let is_here = |path: &&PathReport| {
            Some(path.address) == one.address && path.host.as_ref() == Some(&one.host)
        };
        hops(out, &report.network.paths.iter().filter(is_here).collect::<Vec<_>>());
        paragraph(out, &text(&one.summary));
    }
}

/// The paths that a check brought in, by address.
fn other_paths(out: &mut String, report: &Report) {
    if !report.network.traces.is_empty() {
        return;
    }
    let mut addresses = Vec::new();
    for path in &report.network.paths {
        if !addresses.contains(&path.address) {
            addresses.push(path.address);
        }
    }
    for address in addresses {
        let name = host_of(report, address);
        let name = name.map(|name| format!("{name} ")).unwrap_or_default();
        heading(out, 3, &format!("Path to {name}{address}"));
        let is_here = |path: &&PathReport| path.address == address;
        hops(out, &report.network.paths.iter().filter(is_here).collect::<Vec<_>>());
    }
}

/// The name of a server by its address, where the report has one.
fn host_of(report: &Report, address: std::net::IpAddr) -> Option<&str> {
    let endpoints = report.targets.iter().flat_map(|target| &target.endpoints);
    let named = endpoints.filter(|e| e.address == address).map(|e| e.host.as_str());
    let controls = report.network.controls.iter().filter(|c| c.address == address);
    named.chain(controls.map(|c| c.host.as_str())).find(|name| *name != address.to_string())
}

fn hops(out: &mut String, paths: &[&PathReport]) {
    if paths.is_empty() {
        return;
    }
    let mut head = vec!["hop".to_owned(), "router".to_owned()];
    head.extend(paths.iter().map(|path| format!("port {}", path.port)));
    let mut rows: Vec<Vec<String>> = Vec::new();
    for hop in trace::hops(paths) {
        let ttl = hop.ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
        let router = hop.router.map(|address| cell(&address.to_string())).unwrap_or_default();
        let seen = hop.cells.into_iter().map(|cell| match cell {
            // A star by itself would be emphasis to some.
            Some((Tone::Quiet, _)) => "\\*".to_owned(),
            Some((_, word)) => word,
            None => String::new(),
        });
        rows.push([ttl, router].into_iter().chain(seen).collect());
    }
    let ends = paths.iter().map(|path| match trace::end(path.end) {
        (Tone::Good, word) => word,
        (_, word) => format!("**{word}**"),
    });
    rows.push(["end".to_owned(), String::new()].into_iter().chain(ends).collect());
    table(out, &head, &rows);
}

fn controls(out: &mut String, report: &Report) {
    if report.network.controls.is_empty() {
        return;
    }
    heading(out, 3, "Controls: mail servers that are known to be good");
    let head = ["server", "address", "port", "outcome"].map(str::to_owned);
    let rows: Vec<Vec<String>> = report
        .network
        .controls
        .iter()
        .map(|control| {
            let outcome = match control.outcome {
                ConnectWord::Connected => "connected",
                ConnectWord::Refused => "refused",
                ConnectWord::TimedOut => "**no answer**",
                ConnectWord::IcmpUnreachable => "**refused by ICMP**",
                ConnectWord::NoRoute => "**no route**",
                ConnectWord::DeniedLocally => "**denied by this machine**",
            };
            let (host, address) = (cell(&control.host), cell(&control.address.to_string()));
            vec![host, address, control.port.to_string(), outcome.to_owned()]
        })
        .collect();
    table(out, &head, &rows);
}

/// `-vv`: a conversation, with the marks of the text report.
fn conversation(out: &mut String, endpoint: &EndpointReport) {
    heading(out, 3, &format!("Conversation with {}", label(endpoint)));
    let lines = endpoint.transcript.iter().map(|line| {
        let mark = match line.direction {
            Direction::Sent => ">",
            Direction::Received => "<",
            Direction::Event => "*",
        };
        format!("{:>9.1}  {mark} {}", line.at_ms.0, line.text)
    });
    paragraph(out, &block(lines));
}
