//! Observations and Diagnosis → Report: every fact finds its place in the published shape.

use time::OffsetDateTime;

use super::build_trace::path;
use super::{
    ConnectReport, ConnectWord, ControlReport, DnsReport, EndpointReport, GreetingReport, MxReport,
    MxSource, Network, Outbound, PortReport, Report, SCHEMA_VERSION, SkippedBecause, SmtpReport,
    StarttlsReport, SubmissionReport, TargetReport, TlsReport, Tool,
};
use crate::diagnosis::finding::{Block, Status, Verdict};
use crate::diagnosis::{
    Diagnosis, EndpointDiagnosis, PortOutlook, TargetDiagnosis, not_followed, notes, port_outlook,
    software,
};
use crate::names::Exchange;
use crate::observation::{
    AddressSource, Capabilities, ConnectOutcome, ControlObservation, Conversation, DnsObservation,
    EndpointObservation, HostObservation, Keyword, LocalNetwork, Lookup, LookupOutcome, Millis,
    MxObservation, MxRecord, Observations, SecondLook, Skip, TargetObservation,
};
use crate::plan::{Entry, Plan};

impl Report {
    /// Joins what was seen with what was made of it. The plan gives the asked ports, and the
    /// lines of a list that are no targets.
    pub fn new(plan: &Plan, run: &Observations, diagnosis: &Diagnosis) -> Self {
        Self::of_targets(plan, &plan.targets, run, diagnosis)
    }

    /// As [`new`](Self::new), of these targets alone; they are those of the observations.
    pub fn of_targets(
        plan: &Plan,
        entries: &[Entry],
        run: &Observations,
        diagnosis: &Diagnosis,
    ) -> Self {
        let mut reports = run.targets.iter().zip(&diagnosis.targets).map(|(s, d)| target(s, d));
        let targets = entries
            .iter()
            .filter_map(|(input, understood)| match understood {
                Ok(_) => reports.next(),
                Err(why) => Some(unreadable(input, &why.to_string())),
            })
            .collect();
        let ports = plan
            .ports_asked_of(entries)
            .into_iter()
            .map(|port| {
                let (outbound, block) = outbound(port_outlook(run, diagnosis, port));
                PortReport::plain(port, outbound, block)
            })
            .collect();
        let network = Network {
            ports,
            environment: run.network.environment.clone(),
            controls: run.network.controls.iter().map(control).collect(),
            paths: run.network.paths.iter().map(path).collect(),
            notes: notes::of_gaps(&run.network.gaps),
            ..Network::of(run.local, Vec::new())
        };
        Self { targets, ..Self::without_targets(run.started_at, run.duration, network) }
    }

    /// What every report begins with.
    pub(super) fn without_targets(
        started_at: OffsetDateTime,
        duration_ms: Millis,
        network: Network,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool::this(),
            // Nobody needs more of it, and eyes are spared nine digits.
            started_at: started_at.truncate_to_millisecond(),
            duration_ms,
            network,
            targets: Vec::new(),
        }
    }
}

impl Network {
    /// This machine and its ports, where no control was contacted and no path traced.
    pub(super) fn of(local: LocalNetwork, ports: Vec<PortReport>) -> Self {
        Self {
            ipv4: local.ipv4,
            ipv6: local.ipv6,
            environment: None,
            ports,
            controls: Vec::new(),
            paths: Vec::new(),
            interrupted: false,
            notes: Vec::new(),
            traces: Vec::new(),
        }
    }
}

/// The published words of an outlook.
pub(super) fn outbound(outlook: PortOutlook) -> (Outbound, Option<Block>) {
    match outlook {
        PortOutlook::Open => (Outbound::Open, None),
        PortOutlook::Blocked(block) => (Outbound::Blocked, Some(block)),
        PortOutlook::Unknown => (Outbound::Unknown, None),
    }
}

impl PortReport {
    /// A port without words of its own.
    pub(super) fn plain(port: u16, outbound: Outbound, block: Option<Block>) -> Self {
        Self { port, outbound, block, summary: String::new(), advice: String::new() }
    }
}

/// A control.
pub(super) fn control(seen: &ControlObservation) -> ControlReport {
    ControlReport {
        host: seen.host.to_string(),
        address: seen.address,
        port: seen.port,
        outcome: connect(&seen.conversation).outcome,
    }
}

/// A line of a list that is no target is reported in its place.
fn unreadable(input: &str, why: &str) -> TargetReport {
    TargetReport {
        target: input.to_owned(),
        input: input.to_owned(),
        verdict: Verdict::Undetermined,
        summary: format!("this cannot be a target: {why}"),
        closing: String::new(),
        duration_ms: Millis::default(),
        error: Some(why.to_owned()),
        interrupted: false,
        unfinished: Vec::new(),
        dns: DnsReport::default(),
        endpoints: Vec::new(),
        findings: Vec::new(),
    }
}

fn target(seen: &TargetObservation, made: &TargetDiagnosis) -> TargetReport {
    TargetReport {
        target: seen.target.to_string(),
        input: seen.input.clone(),
        verdict: made.verdict,
        summary: made.summary.clone(),
        closing: made.closing.clone(),
        duration_ms: seen.duration,
        error: None,
        interrupted: !seen.complete,
        unfinished: notes::of_unfinished(&seen.unfinished),
        dns: dns(&seen.dns, &seen.target.to_string()),
        endpoints: seen
            .endpoints
            .iter()
            .zip(&made.endpoints)
            .map(|(s, d)| endpoint(s, d))
            .collect(),
        findings: made.findings.clone(),
    }
}

fn dns(seen: &DnsObservation, domain: &str) -> DnsReport {
    let mut mx: Vec<MxReport> = Vec::new();
    if let Some(observed) = &seen.mx {
        mx.extend(observed.records.iter().filter_map(|record| mail_exchanger(seen, record)));
        let own = seen.hosts.iter().find(|host| host.host.as_str() == domain);
        let is_there = |host: &&HostObservation| {
            !host.addresses.is_empty() || host.source == AddressSource::ConnectTo
        };
        if let (true, Some(host)) = (observed.implicit, own.filter(is_there)) {
            // RFC 5321 §5.1: the implicit MX has preference 0.
            let addresses = host.addresses.clone();
            mx.push(MxReport { host: domain.to_owned(), preference: 0, addresses });
        }
    }
    DnsReport {
        mx_source: seen.mx.as_ref().and_then(|observed| mx_source(observed, &mx)),
        mx,
        submission: seen
            .submission
            .iter()
            .map(|server| SubmissionReport {
                host: server.host.to_string(),
                port: server.port,
                source: server.source,
            })
            .collect(),
        failures: seen.lookups().filter_map(failure).collect(),
        left_out: seen.left_out.iter().map(not_followed).collect(),
    }
}

fn mail_exchanger(seen: &DnsObservation, record: &MxRecord) -> Option<MxReport> {
    let (host, addresses) = match &record.exchange {
        Exchange::Null => return None,
        Exchange::Host(name) => {
            let addresses = seen.host(name).map(|host| host.addresses.clone());
            (name.to_string(), addresses.unwrap_or_default())
        }
        Exchange::Address(address) => (address.to_string(), Vec::new()),
        Exchange::Malformed(_) => {
            (record.raw.strip_suffix('.').unwrap_or(&record.raw).to_owned(), Vec::new())
        }
    };
    Some(MxReport { host, preference: record.preference, addresses })
}

fn mx_source(observed: &MxObservation, mx: &[MxReport]) -> Option<MxSource> {
    match observed.lookup.outcome {
        LookupOutcome::Found if mx.is_empty() => Some(MxSource::NullMx),
        LookupOutcome::Found => Some(MxSource::Mx),
        LookupOutcome::NoData if !mx.is_empty() => Some(MxSource::Implicit),
        LookupOutcome::NoData | LookupOutcome::NxDomain => Some(MxSource::None),
        _ => None,
    }
}

/// A look-up that gave no answer, as a sentence.
fn failure(lookup: &Lookup) -> Option<String> {
    let why = lookup.no_answer()?;
    Some(format!("{} of {}: {why}", lookup.record_type, lookup.name))
}

fn endpoint(seen: &EndpointObservation, made: &EndpointDiagnosis) -> EndpointReport {
    let conversation = seen.conversation();
    EndpointReport {
        role: seen.role,
        host: seen.host.to_string(),
        preference: seen.preference,
        address: seen.address,
        port: seen.port,
        mode: seen.mode,
        required: made.required,
        status: made.status,
        skipped_because: skipped_because(seen, made),
        skipped_by_rule: matches!(seen.probe.skip(), Some(Skip::Forbidden(_))),
        summary: made.summary.clone(),
        connect: conversation.map(connect),
        smtp: conversation.and_then(smtp),
        tls: conversation.and_then(tls),
        timings_ms: conversation.map(|c| c.timings.clone()),
        block: made.block.clone().filter(|_| made.status == Status::Blocked),
        findings: made.findings.clone(),
        transcript: conversation.map(|c| c.transcript.clone()).unwrap_or_default(),
    }
}

fn skipped_because(seen: &EndpointObservation, made: &EndpointDiagnosis) -> Option<SkippedBecause> {
    match seen.probe.skip() {
        Some(Skip::NoIpv4Here) => Some(SkippedBecause::NoIpv4Here),
        Some(Skip::NoIpv6Here) => Some(SkippedBecause::NoIpv6Here),
        Some(Skip::NotPublic) => Some(SkippedBecause::NotPublic),
        Some(Skip::Forbidden(_) | Skip::NotDialled(_)) => Some(SkippedBecause::NotDialled),
        // It was dialled, and the user leaves out what is blocked on this side.
        None => (made.status == Status::Skipped).then_some(SkippedBecause::BlockedHere),
    }
}

fn connect(conversation: &Conversation) -> ConnectReport {
    let (outcome, icmp) = match &conversation.connect.outcome {
        ConnectOutcome::Connected => (ConnectWord::Connected, None),
        ConnectOutcome::Refused => (ConnectWord::Refused, None),
        ConnectOutcome::TimedOut => (ConnectWord::TimedOut, None),
        ConnectOutcome::IcmpUnreachable(icmp) => (ConnectWord::IcmpUnreachable, Some(*icmp)),
        ConnectOutcome::NoRoute => (ConnectWord::NoRoute, None),
        ConnectOutcome::DeniedLocally { .. } => (ConnectWord::DeniedLocally, None),
    };
    ConnectReport { outcome, icmp, elapsed_ms: conversation.connect.elapsed }
}

/// What was said; absent where nothing was.
fn smtp(conversation: &Conversation) -> Option<SmtpReport> {
    let facts = &conversation.smtp;
    let keywords = |capabilities: &Option<Capabilities>| -> Option<Vec<Keyword>> {
        capabilities.as_ref().map(|c| c.keywords.clone())
    };
    let report = SmtpReport {
        greeting: facts
            .greeting
            .as_ref()
            .map(|greeting| GreetingReport { code: greeting.code, lines: greeting.lines.clone() }),
        software: software::recognise(conversation).map(|software| software.id.clone()),
        ehlo: keywords(&facts.capabilities),
        starttls: facts.starttls.as_ref().map(|starttls| StarttlsReport {
            offered: starttls.offered,
            accepted: starttls.reply.as_ref().is_some_and(|reply| reply.is_positive()),
        }),
        ehlo_after_tls: keywords(&facts.capabilities_after_tls),
    };
    (report != SmtpReport::default()).then_some(report)
}

fn tls(conversation: &Conversation) -> Option<TlsReport> {
    let facts = conversation.tls.as_ref()?;
    Some(TlsReport {
        version: facts.version.clone(),
        cipher_suite: facts.cipher_suite.clone(),
        key_exchange: facts.key_exchange.clone(),
        trusted: facts.path.as_ref().map(|path| path.trusted),
        untrusted_because: facts.path.as_ref().and_then(|path| path.untrusted_because),
        name_matches: facts.name_matches,
        error: facts.error.clone(),
        wider_offer: match &conversation.second_look {
            Some(SecondLook::WiderOffer(offer)) => Some(offer.clone()),
            _ => None,
        },
        chain: facts.chain.clone(),
    })
}
