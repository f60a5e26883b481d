//! `-v`: the facts of every endpoint, good ones too, and where the time went.
//!
//! Knows which facts a mail administrator asks for next. Judges nothing: what is wrong was said
//! before, by the findings.

use time::OffsetDateTime;
use unicode_width::UnicodeWidthStr;

use super::layout::{Line, Page};
use super::problems::{culprit, label};
use super::style::Tone;
use super::transcript;
use crate::diagnosis::finding::Status;
use crate::diagnosis::software;
use crate::observation::{
    CertificateFacts, Keyword, Millis, Timings, UntrustedBecause, WiderOffer,
};
use crate::port::Mode;
use crate::report::{
    ConnectReport, ConnectWord, EndpointReport, Report, StarttlsReport, TargetReport, TlsReport,
};

/// How far facts are set in.
const INDENT: usize = 3;
/// Where the facts stand, behind their names.
const FACT: usize = 16;
/// The most lines of a greeting and names of a certificate that are shown: servers send any number.
const MOST: usize = 8;

/// Shows every endpoint of a target.
pub(super) fn show(page: &mut Page<'_>, report: &Report, target: &TargetReport) {
    let short = |endpoint: &EndpointReport| {
        endpoint.smtp.is_none()
            && endpoint.tls.is_none()
            && (page.verbosity() < 2 || endpoint.transcript.is_empty())
    };
    let slowest = target
        .endpoints
        .iter()
        .filter(|e| !short(e))
        .filter_map(|e| e.timings_ms.as_ref())
        .map(|t| t.total.0)
        .fold(0.0, f64::max);
    let shorts: Vec<bool> = target.endpoints.iter().map(short).collect();
    let names = target.endpoints.iter().zip(&shorts).filter(|(_, short)| **short);
    let names = names.map(|(e, _)| page.safe(&label(e)).width() + 2);
    // Aligned where that leaves room for what is said of them.
    let column = names.max().filter(|column| column * 2 <= page.width).unwrap_or(0);
    let mut after_short = false;
    for (endpoint, short) in target.endpoints.iter().zip(shorts) {
        if !(short && after_short) {
            page.gap();
        }
        after_short = short;
        if short {
            unanswered(page, endpoint, column);
        } else {
            answered(page, report, endpoint, slowest);
        }
    }
}

fn tone(endpoint: &EndpointReport) -> Tone {
    match (endpoint.status, endpoint.required) {
        (Status::Open, _) => Tone::Good,
        (Status::Skipped | Status::Closed | Status::Silent, false) => Tone::Quiet,
        (_, true) => Tone::Bad,
        (_, false) => Tone::Warn,
    }
}

/// An endpoint without a conversation, in one line.
fn unanswered(page: &mut Page<'_>, endpoint: &EndpointReport, column: usize) {
    let required = if endpoint.required { "required" } else { "optional" };
    let status = format!("{},", endpoint.status);
    let how = match &endpoint.connect {
        Some(connect) if connect.outcome != ConnectWord::Connected => connection(connect),
        _ => page.safe(&endpoint.summary),
    };
    let culprit = endpoint.block.as_ref().and_then(culprit);
    let said = match &culprit {
        Some(culprit) => format!("{required}: {how}. {culprit}"),
        None => format!("{required}: {how}"),
    };
    let spans = [(tone(endpoint), &*status), (Tone::Plain, &*said)];
    let mut first = name(page, endpoint);
    first.pad_to(column);
    page.paragraph(first, INDENT, &spans);
}

fn name(page: &Page<'_>, endpoint: &EndpointReport) -> Line {
    let mut line = Line::default();
    line.push(Tone::Strong, &page.safe(&label(endpoint)));
    line.push(Tone::Plain, "  ");
    line
}

fn connection(connect: &ConnectReport) -> String {
    let outcome = match (connect.outcome, connect.icmp) {
        (ConnectWord::Connected, _) => "connected".to_owned(),
        (ConnectWord::Refused, _) => "refused".to_owned(),
        (ConnectWord::TimedOut, _) => "no answer".to_owned(),
        (ConnectWord::IcmpUnreachable, Some(icmp)) => {
            format!("ICMP type {} code {} from {}", icmp.kind, icmp.code, icmp.from)
        }
        (ConnectWord::IcmpUnreachable, None) => "ICMP unreachable".to_owned(),
        (ConnectWord::NoRoute, _) => return "no route".to_owned(),
        (ConnectWord::DeniedLocally, _) => return "denied by this machine".to_owned(),
    };
    let waited = if connect.outcome == ConnectWord::TimedOut { "in" } else { "after" };
    format!("{outcome} {waited} {}", span(connect.elapsed_ms))
}

fn answered(page: &mut Page<'_>, report: &Report, endpoint: &EndpointReport, slowest: f64) {
    let status = format!("{},", endpoint.status);
    let required = if endpoint.required { "required" } else { "optional" };
    let rest = format!("{required}, {}", endpoint.mode);
    let spans = [(tone(endpoint), &*status), (Tone::Plain, &*rest)];
    page.paragraph(name(page, endpoint), INDENT, &spans);
    if endpoint.summary != endpoint.status.to_string() {
        fact(page, "result", &endpoint.summary);
    }
    if let Some(smtp) = &endpoint.smtp {
        if let Some(greeting) = &smtp.greeting {
            let lines = greeting.lines.iter().take(MOST);
            for (i, text) in lines.enumerate() {
                let text = format!("{} {text}", greeting.code);
                fact(page, if i == 0 { "greeting" } else { "" }, &text);
            }
            more(page, greeting.lines.len(), "lines");
        }
        if let Some(software) = &smtp.software {
            let name = software::find(software).map_or(software.as_str(), |known| &known.name);
            fact(page, "software", name);
        }
        keywords(page, "EHLO", smtp.ehlo.as_deref());
        match smtp.starttls {
            Some(StarttlsReport { offered: false, .. }) => fact(page, "STARTTLS", "not offered"),
            Some(StarttlsReport { accepted: false, .. }) => {
                fact(page, "STARTTLS", "offered, not accepted");
            }
            _ => {}
        }
    }
    if let Some(tls) = &endpoint.tls {
        handshake(page, report, tls);
    }
    keywords(page, "EHLO in TLS", endpoint.smtp.as_ref().and_then(|s| s.ehlo_after_tls.as_deref()));
    if let Some(timings) = &endpoint.timings_ms {
        waterfall(page, endpoint.mode, timings, slowest);
    }
    if page.verbosity() > 1 && !endpoint.transcript.is_empty() {
        page.gap();
        transcript::show(page, endpoint);
    }
}

fn row(name: &str) -> Line {
    let mut line = Line::default();
    line.pad_to(INDENT);
    line.push(Tone::Quiet, name);
    line.pad_to(FACT);
    line
}

fn fact(page: &mut Page<'_>, name: &str, text: &str) {
    if !text.is_empty() {
        page.paragraph(row(name), FACT, &[(Tone::Plain, &page.safe(text))]);
    }
}

fn more(page: &mut Page<'_>, count: usize, what: &str) {
    if count > MOST {
        fact(page, "", &format!("and {} more {what}", count - MOST));
    }
}

fn keywords(page: &mut Page<'_>, name: &str, keywords: Option<&[Keyword]>) {
    let Some(keywords) = keywords else { return };
    if keywords.is_empty() {
        return fact(page, name, "no keywords");
    }
    let list: Vec<String> = keywords
        .iter()
        .map(|k| match k.parameters.is_empty() {
            true => k.keyword.clone(),
            false => format!("{} {}", k.keyword, k.parameters),
        })
        .collect();
    fact(page, name, &list.join(", "));
}

fn handshake(page: &mut Page<'_>, report: &Report, tls: &TlsReport) {
    let parts: Vec<&str> = [&tls.version, &tls.cipher_suite, &tls.key_exchange]
        .into_iter()
        .filter_map(|part| part.as_deref())
        .collect();
    fact(page, "TLS", &parts.join(", "));
    if let Some(error) = &tls.error {
        fact(page, if parts.is_empty() { "TLS" } else { "" }, &format!("failed: {}", error.text));
    }
    match &tls.wider_offer {
        Some(WiderOffer::Refused(alert)) => {
            fact(page, "wider offer", &format!("refused with {alert}"));
        }
        Some(WiderOffer::Chosen(choice)) => {
            fact(page, "wider offer", &choice.parts().join(", "));
        }
        None => {}
    }
    if let Some(leaf) = tls.chain.first() {
        certificate(page, leaf, report.started_at);
        if tls.chain.len() > 1 {
            fact(page, "", &format!("{} certificates sent", tls.chain.len()));
        }
    }
    let trusted = match (tls.trusted, tls.untrusted_because) {
        (Some(true), _) => "trusted",
        (Some(false), None) => "not trusted",
        (Some(false), Some(why)) => match why {
            UntrustedBecause::Expired => "not trusted: expired",
            UntrustedBecause::NotYetValid => "not trusted: not yet valid",
            UntrustedBecause::SelfSigned => "not trusted: self-signed",
            UntrustedBecause::ChainIncomplete => "not trusted: the chain is incomplete",
            UntrustedBecause::UnknownIssuer => "not trusted: the issuer is unknown",
            UntrustedBecause::BadSignature => "not trusted: a signature is wrong",
            UntrustedBecause::WrongPurpose => "not trusted: it is not for servers",
            UntrustedBecause::Other => "not trusted",
        },
        (None, _) => "",
    };
    let named = match tls.name_matches {
        Some(true) => "names the server",
        Some(false) => "does not name the server",
        None => "",
    };
    let both: Vec<&str> = [trusted, named].into_iter().filter(|s| !s.is_empty()).collect();
    fact(page, "trust", &both.join("; "));
}

fn certificate(page: &mut Page<'_>, leaf: &CertificateFacts, now: OffsetDateTime) {
    match &leaf.error {
        Some(error) => fact(page, "certificate", &format!("cannot be read: {error}")),
        None => fact(page, "certificate", &leaf.subject),
    }
    if !leaf.names.is_empty() {
        let names: Vec<&str> = leaf.names.iter().take(MOST).map(String::as_str).collect();
        fact(page, "", &format!("for {}", names.join(", ")));
        more(page, leaf.names.len(), "names");
    }
    if !leaf.issuer.is_empty() {
        fact(page, "", &format!("issued by {}", leaf.issuer));
    }
    if let (Some(from), Some(to)) = (leaf.not_before, leaf.not_after) {
        let days = (to - now).whole_days();
        let left = match days {
            _ if from > now => "not yet valid".to_owned(),
            _ if to < now => format!("ended {} ago", counted(-days)),
            days => format!("{} left", counted(days)),
        };
        fact(page, "", &format!("valid {} to {}, {left}", from.date(), to.date()));
    }
    let parts: Vec<&str> =
        [&*leaf.key, &*leaf.signature].into_iter().filter(|s| !s.is_empty()).collect();
    fact(page, "", &parts.join(", "));
}

fn counted(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// A span for people.
fn span(millis: Millis) -> String {
    if millis.0 < 999.95 {
        format!("{:.1} ms", millis.0)
    } else {
        format!("{:.1} s", millis.as_secs())
    }
}

/// Where the time went: one bar a phase, each beginning where the one before it ends. One scale
/// for all endpoints of a target, so that bars can be compared.
fn waterfall(page: &mut Page<'_>, mode: Mode, timings: &Timings, slowest: f64) {
    let Timings { connect, greeting, ehlo, starttls, tls, ehlo_after_tls, total } = timings;
    let phases = match mode {
        Mode::Starttls => [
            ("connect", connect),
            ("greeting", greeting),
            ("EHLO", ehlo),
            ("STARTTLS", starttls),
            ("TLS", tls),
            ("EHLO in TLS", ehlo_after_tls),
        ],
        Mode::Implicit => [
            ("connect", connect),
            ("TLS", tls),
            ("greeting", greeting),
            ("EHLO in TLS", ehlo_after_tls),
            // Neither occurs under implicit TLS; shown if a report has it all the same.
            ("EHLO", ehlo),
            ("STARTTLS", starttls),
        ],
    };
    let bars_at = FACT + 25;
    let room = page.width.saturating_sub(bars_at);
    let scale = room as f64 / slowest.max(total.0).max(0.01);
    let mut at = 0.0;
    let mut name = "time";
    for (phase, took) in phases {
        let Some(took) = took else { continue };
        let mut line = row(name);
        line.push(Tone::Plain, &format!("{phase:<12}{:>10}", span(*took)));
        if room > 0 {
            // Rounding both ends keeps the bars in step; a phase of no time is still seen.
            let from = ((at * scale).round() as usize).min(room - 1);
            let to = (((at + took.0) * scale).round() as usize).clamp(from + 1, room);
            line.pad_to(bars_at + from);
            line.push(Tone::Good, &page.glyphs.bar.repeat(to - from));
        }
        page.line(line);
        at += took.0;
        name = "";
    }
    let mut line = row(name);
    line.push(Tone::Plain, &format!("{:<12}{:>10}", "total", span(*total)));
    page.line(line);
}
