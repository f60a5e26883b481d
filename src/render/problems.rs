//! Which findings are one problem, and in what words a place, a culprit and a proof are told.
//!
//! Knows how findings of several endpoints belong together, for every format alike. Must not know
//! how a problem is laid out. Severities and their order come from the report; what comes out of
//! here is not sanitised yet.

use crate::diagnosis::finding::{Block, BlockedBy, BlockedHow, Confidence, Finding, Status};
use crate::report::{EndpointReport, TargetReport};

/// One problem and every place where it shows.
pub(super) struct Problem<'a> {
    /// What stands for all of them.
    pub(super) finding: &'a Finding,
    /// Each place, the first one that of `finding`.
    pub(super) cases: Vec<Case<'a>>,
}

/// One finding and the endpoint that it is about; none for the target as a whole.
pub(super) struct Case<'a> {
    /// What was found.
    pub(super) finding: &'a Finding,
    /// Where.
    pub(super) endpoint: Option<&'a EndpointReport>,
    /// Who stops it, where that is what was found.
    pub(super) block: Option<&'a Block>,
}

/// Brings together findings of one code, severity and remedy, the worst first, otherwise in the
/// report's order: causes before their consequences.
pub(super) fn gather(target: &TargetReport) -> Vec<Problem<'_>> {
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

/// A case's message with every form of its endpoint's name taken out.
pub(super) fn without_place(case: &Case<'_>) -> String {
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
pub(super) fn labels(cases: &[&Case<'_>], target: &TargetReport) -> Vec<String> {
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

/// How sure a culprit is, for behind the message; empty where nobody is accused.
pub(super) fn sure(block: &Block) -> &'static str {
    match (block.by, block.confidence) {
        (BlockedBy::Unknown, _) => "",
        (_, Confidence::Certain) => "(certain)",
        (_, Confidence::Likely) => "(likely)",
        (_, Confidence::Guess) => "(a guess)",
    }
}

/// The proofs of some cases, each once: the culprit, then what shows it.
pub(super) fn proofs_of(cases: &[Case<'_>]) -> Vec<String> {
    let mut proofs: Vec<String> = Vec::new();
    for case in cases {
        let culprit = case.block.and_then(culprit);
        let block = case.block.map_or(&[][..], |block| &block.evidence);
        for sentence in culprit.iter().chain(block).chain(&case.finding.evidence) {
            // A message often quotes its proof already.
            if !case.finding.message.contains(sentence.as_str()) && !proofs.contains(sentence) {
                proofs.push(sentence.clone());
            }
        }
    }
    proofs
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
