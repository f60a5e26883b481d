//! The report for Prometheus: the text exposition format, for node_exporter's textfile collector.
//!
//! Names and labels are interface. Every value is a gauge. What has one of several words is a family
//! of zeros and a one, so that a query can ask for any word and never finds a gap. A fact that was
//! not observed has no sample.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::plain;
use super::sanitize::sanitize_capped;
use crate::diagnosis::finding::{Finding, Severity, Status, Verdict};
use crate::observation::{Millis, Timings};
use crate::port::Mode;
use crate::report::{EndpointReport, Outbound, Report, TargetReport};

/// The longest value of a label, in characters.
const LONGEST: usize = 300;

const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Note];
const VERDICTS: [(Verdict, &str); 3] =
    [(Verdict::Ok, "ok"), (Verdict::Problems, "problems"), (Verdict::Undetermined, "undetermined")];
const OUTBOUND: [Outbound; 3] = [Outbound::Open, Outbound::Blocked, Outbound::Unknown];

type Labels = Vec<(&'static str, String)>;

/// One metric with all its samples.
struct Family {
    name: &'static str,
    help: &'static str,
    samples: String,
    known: HashSet<String>,
}

impl Family {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: String::new(), known: HashSet::new() }
    }

    /// A second sample with the same labels would spoil the whole file: a target may be named twice.
    fn add(&mut self, labels: &Labels, value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = labels.join(",");
        if self.known.insert(labels.clone()) {
            let braces = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            // Writing to a String cannot fail.
            let _ = writeln!(self.samples, "{}{braces} {value}", self.name);
        }
    }

    fn write(&self, out: &mut String) {
        if !self.samples.is_empty() {
            let Self { name, help, samples, .. } = self;
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{samples}");
        }
    }
}

fn escaped(value: &str) -> String {
    sanitize_capped(value, LONGEST).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn with(labels: &Labels, more: &[(&'static str, &dyn ToString)]) -> Labels {
    let more = more.iter().map(|(name, value)| (*name, value.to_string()));
    labels.iter().cloned().chain(more).collect()
}

/// Seconds with microseconds, without zeros at the end.
fn seconds(seconds: f64) -> String {
    let text = format!("{seconds:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The report in the text exposition format.
pub fn prometheus(report: &Report) -> String {
    let mut out = String::new();
    let none = Labels::new();
    let mut alone = |name, help, labels: &Labels, value: String| {
        let mut family = Family::new(name, help);
        family.add(labels, value);
        family.write(&mut out);
    };
    alone(
        "smtpcheck_build_info",
        "The version that made this.",
        &vec![("version", report.tool.version.clone())],
        "1".to_owned(),
    );
    alone(
        "smtpcheck_run_start_timestamp_seconds",
        "When the run began.",
        &none,
        report.started_at.unix_timestamp().to_string(),
    );
    alone(
        "smtpcheck_run_duration_seconds",
        "How long the run took.",
        &none,
        seconds(report.duration_ms.as_secs()),
    );
    outbound(report).write(&mut out);
    targets(report).iter().for_each(|family| family.write(&mut out));
    endpoints(report).iter().for_each(|family| family.write(&mut out));
    findings(report).write(&mut out);
    out
}

fn outbound(report: &Report) -> Family {
    let mut family = Family::new(
        "smtpcheck_port_outbound",
        "Whether a port leaves this network: 1 for the state that it has.",
    );
    for port in &report.network.ports {
        for state in OUTBOUND {
            let labels =
                vec![("port", port.port.to_string()), ("state", plain::outbound(state).to_owned())];
            family.add(&labels, u8::from(port.outbound == state));
        }
    }
    family
}

fn of(target: &TargetReport) -> Labels {
    vec![("target", target.target.clone())]
}

fn at(target: &TargetReport, endpoint: &EndpointReport) -> Labels {
    // As in the JSON, not as in a sentence.
    let mode = match endpoint.mode {
        Mode::Starttls => "starttls",
        Mode::Implicit => "implicit",
    };
    with(
        &of(target),
        &[
            ("role", &endpoint.role),
            ("host", &endpoint.host),
            ("address", &endpoint.address),
            ("port", &endpoint.port),
            ("mode", &mode),
        ],
    )
}

fn targets(report: &Report) -> [Family; 3] {
    let mut verdict = Family::new(
        "smtpcheck_target_verdict",
        "The verdict on a target: 1 for the one that it has.",
    );
    let mut duration =
        Family::new("smtpcheck_target_duration_seconds", "How long checking a target took.");
    let mut count = Family::new(
        "smtpcheck_target_findings",
        "How many findings a target and its endpoints have, by severity.",
    );
    for target in &report.targets {
        let labels = of(target);
        for (word, name) in VERDICTS {
            verdict.add(&with(&labels, &[("verdict", &name)]), u8::from(target.verdict == word));
        }
        duration.add(&labels, seconds(target.duration_ms.as_secs()));
        for severity in SEVERITIES {
            let here = everything(target).filter(|(_, f)| f.severity == severity).count();
            count.add(&with(&labels, &[("severity", &severity)]), here);
        }
    }
    [verdict, duration, count]
}

fn everything(target: &TargetReport) -> impl Iterator<Item = (Option<&EndpointReport>, &Finding)> {
    let whole = target.findings.iter().map(|finding| (None, finding));
    let parts = target.endpoints.iter().flat_map(|e| e.findings.iter().map(move |f| (Some(e), f)));
    whole.chain(parts)
}

fn endpoints(report: &Report) -> [Family; 5] {
    let mut status = Family::new(
        "smtpcheck_endpoint_status",
        "The status of an endpoint: 1 for the one that it has.",
    );
    let mut required =
        Family::new("smtpcheck_endpoint_required", "1 where the endpoint has to work.");
    let mut phase = Family::new(
        "smtpcheck_endpoint_phase_seconds",
        "How long each phase of the conversation with an endpoint took.",
    );
    let mut duration = Family::new(
        "smtpcheck_endpoint_duration_seconds",
        "How long the conversation with an endpoint took, connection included.",
    );
    let mut expiry = Family::new(
        "smtpcheck_endpoint_certificate_not_after_timestamp_seconds",
        "When the certificate of an endpoint expires.",
    );
    for target in &report.targets {
        for endpoint in &target.endpoints {
            let labels = at(target, endpoint);
            for word in Status::ALL {
                let labels = with(&labels, &[("status", &word)]);
                status.add(&labels, u8::from(endpoint.status == word));
            }
            required.add(&labels, u8::from(endpoint.required));
            if let Some(timings) = &endpoint.timings_ms {
                for (name, took) in phases(timings) {
                    if let Some(took) = took {
                        phase.add(&with(&labels, &[("phase", &name)]), seconds(took.as_secs()));
                    }
                }
                duration.add(&labels, seconds(timings.total.as_secs()));
            }
            let leaf = endpoint.tls.as_ref().and_then(|tls| tls.chain.first());
            if let Some(not_after) = leaf.and_then(|leaf| leaf.not_after) {
                expiry.add(&labels, not_after.unix_timestamp());
            }
        }
    }
    [status, required, phase, duration, expiry]
}

fn phases(timings: &Timings) -> [(&'static str, Option<Millis>); 6] {
    let Timings { connect, greeting, ehlo, starttls, tls, ehlo_after_tls, total: _ } = timings;
    [
        ("connect", *connect),
        ("greeting", *greeting),
        ("ehlo", *ehlo),
        ("starttls", *starttls),
        ("tls", *tls),
        ("ehlo_after_tls", *ehlo_after_tls),
    ]
}

fn findings(report: &Report) -> Family {
    let mut family = Family::new(
        "smtpcheck_finding",
        "1 for each finding; of a target as a whole where there is no host.",
    );
    for target in &report.targets {
        for (endpoint, finding) in everything(target) {
            let labels = endpoint.map_or_else(|| of(target), |endpoint| at(target, endpoint));
            let more: [(_, &dyn ToString); 2] =
                [("code", &finding.code), ("severity", &finding.severity)];
            family.add(&with(&labels, &more), 1);
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_anything_and_a_sample_stands_once() {
        let mut family = Family::new("m", "Help.");
        let labels = vec![("host", "a\"b\\c\nd".to_owned())];
        family.add(&labels, 1);
        family.add(&labels, 2);
        let mut out = String::new();
        family.write(&mut out);
        assert_eq!(out, "# HELP m Help.\n# TYPE m gauge\nm{host=\"a\\\"b\\\\c\\\\nd\"} 1\n");
    }

    #[test]
    fn seconds_are_short() {
        assert_eq!(seconds(0.0701), "0.0701");
        assert_eq!(seconds(12.0), "12");
        assert_eq!(seconds(0.0), "0");
    }
}
