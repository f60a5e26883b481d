//! Which findings are one problem, and in what words a place, a culprit and a proof are told.
//!
//! Knows how findings of several endpoints belong together, for every format alike. Must not know
//! how a problem is laid out. Severities and their order come from the report; what comes out of
//! here is not sanitised yet.

use crate::diagnosis::cause::{Cause, Place};
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

/// Brings together findings of one cause, the worst first, otherwise in the report's order: causes
/// before their consequences.
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
    let mut causes: Vec<Cause> = Vec::new();
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
        let cause = Cause::of(case.finding, case.endpoint.map(place));
        match causes.iter().position(|known| *known == cause) {
            Some(at) => problems[at].cases.push(case),
            None => {
                problems.push(Problem { finding: case.finding, cases: vec![case] });
                causes.push(cause);
            }
        }
    }
    problems
}

impl<'a> Problem<'a> {
    /// The cases that show something of their own, by which the whole can be told: the first, and of
    /// those that say the same each that proves it by other facts.
    pub(super) fn telling(&self) -> Vec<&Case<'a>> {
        let proof = |case: &Case<'a>| -> Vec<String> {
            let proofs = proofs_of(std::slice::from_ref(case));
            proofs.iter().map(|text| taken_out(case, text)).collect()
        };
        let said = without_place(&self.cases[0]);
        let mut known: Vec<Vec<String>> = Vec::new();
        let mut telling = Vec::new();
        for case in self.cases.iter().filter(|case| without_place(case) == said) {
            let proof = proof(case);
            // Ladders and controls differ in their numbers from place to place.
            let is_new = known.is_empty() || (case.block.is_none() && !known.contains(&proof));
            if is_new {
                known.push(proof);
                telling.push(case);
            }
        }
        telling
    }
}

/// A case's message with every form of its endpoint's name taken out.
pub(super) fn without_place(case: &Case<'_>) -> String {
    taken_out(case, &case.finding.message)
}

fn taken_out(case: &Case<'_>, text: &str) -> String {
    case.endpoint.map_or_else(|| text.to_owned(), |endpoint| place(endpoint).taken_out_of(text))
}

fn place(endpoint: &EndpointReport) -> Place<'_> {
    Place { host: &endpoint.host, address: endpoint.address, port: endpoint.port }
}

/// The form in which people quote an endpoint: `name[address]:port`.
pub(super) fn label(endpoint: &EndpointReport) -> String {
    place(endpoint).label()
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
pub(super) fn proofs_of<'a, 'b: 'a>(cases: impl IntoIterator<Item = &'a Case<'b>>) -> Vec<String> {
    let mut proofs: Vec<String> = Vec::new();
    for case in cases {
        // A finding that is about the block says so itself.
        let about_it = |block: &&Block| block.evidence != case.finding.evidence;
        let culprit = case.block.filter(about_it).and_then(culprit);
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
