//! Whole sentences about endpoints and targets: the summary at the top and the closing advice.

use std::cmp::Reverse;

use super::cause::{Cause, Place};
use super::finding::{Block, BlockedBy, Confidence, Finding, Severity, Status, Verdict};
use super::reach::Reach;
use super::words::{awaited, list};
use super::{EndpointDiagnosis, Judged, advice, checks, status};
use crate::names::{Host, Server, Target};
use crate::observation::{
    Conversation, Ending, EndpointObservation, LeftOut, Skip, TargetObservation,
};
use crate::port::{Mode, RELAY, Role};

/// An endpoint's status in one sentence, without its full stop.
pub fn of_endpoint(endpoint: &EndpointObservation, judged: &Judged) -> String {
    let Some(conversation) = endpoint.conversation() else {
        return not_checked(endpoint);
    };
    match (&judged.reach, judged.status) {
        (Reach::Closed(_), _) => "the connection is refused".to_owned(),
        (Reach::Blocked { found, .. }, _) => found.message.clone(),
        _ if judged.status == Status::Open => open(conversation),
        // The first of the worst: causes stand before their consequences.
        _ => judged
            .drafts
            .iter()
            .min_by_key(|draft| Reverse(draft.severity))
            .map_or_else(|| ended(conversation), |draft| draft.found.message.clone()),
    }
}

/// Why nothing is known of an endpoint, as a sentence that names it.
pub fn not_tested(endpoint: &EndpointObservation, judged: &Judged) -> String {
    match judged.is_blocked_on_this_side() {
        true => {
            let (label, port) = (endpoint.label(), endpoint.port);
            format!("{label} was not checked: port {port} is blocked on this side")
        }
        false => not_checked(endpoint),
    }
}

/// Why an endpoint was not checked, as a sentence that names it.
pub fn not_checked(endpoint: &EndpointObservation) -> String {
    let why = match endpoint.probe.skip() {
        Some(Skip::NoIpv4Here) => "this machine has no IPv4",
        Some(Skip::NoIpv6Here) => "this machine has no IPv6",
        Some(Skip::NotPublic) => "its address is not public, and --public-only forbids others",
        Some(Skip::Forbidden(why) | Skip::NotDialled(why)) => why,
        None => return format!("{} gives no answer for now", endpoint.label()),
    };
    format!("{} was not checked: {why}", endpoint.label())
}

/// What of a set was not looked at, as a sentence without its full stop.
pub fn not_followed(left_out: &LeftOut) -> String {
    let LeftOut { name, record_type, seen, kept } = left_out;
    let what = if left_out.is_of_servers() { "followed" } else { "dialled" };
    format!("of the {seen} {record_type} records of {name} only {kept} were {what}")
}

fn open(conversation: &Conversation) -> String {
    let Some(tls) = conversation.tls.as_ref().filter(|tls| tls.error.is_none()) else {
        return "open, without encryption".to_owned();
    };
    let version = tls.version.as_deref().unwrap_or("TLS").replace("TLSv", "TLS ");
    let trusted = tls.path.as_ref().is_some_and(|path| path.trusted);
    let certificate = match (trusted, tls.name_matches) {
        (true, Some(false)) => "a certificate for another name",
        (true, _) => "a trusted certificate",
        (false, _) => "a certificate that is not trusted",
    };
    format!("open, {version} with {certificate}")
}

fn ended(conversation: &Conversation) -> String {
    match &conversation.ending {
        Some(Ending::Closed(phase)) => {
            format!("the server closed the connection before {}", awaited(*phase))
        }
        Some(Ending::Reset(phase)) => {
            format!("the connection was reset before {}", awaited(*phase))
        }
        Some(Ending::TimedOut { phase, .. }) => format!("{} did not come in time", awaited(*phase)),
        _ => "the conversation did not come to its end".to_owned(),
    }
}

/// The verdict on a target in one sentence, without its name and its full stop.
pub fn of_target(
    target: &TargetObservation,
    verdict: Verdict,
    reason: Option<String>,
    findings: &[Finding],
    endpoints: &[EndpointDiagnosis],
) -> String {
    let causes = |severity| causes(target, findings, endpoints, severity);
    match verdict {
        Verdict::Problems => match causes(Severity::Error).as_slice() {
            [(code, _)] => one_problem(target, endpoints, code),
            many => format!("{} problems", many.len()),
        },
        Verdict::Undetermined if !target.complete => {
            "interrupted before everything was checked".to_owned()
        }
        Verdict::Undetermined => {
            format!(
                "no verdict: {}",
                reason.unwrap_or_else(|| "not everything was checked".to_owned())
            )
        }
        Verdict::Ok => {
            let warnings = causes(Severity::Warning);
            match warnings.as_slice() {
                [] if status::takes_no_mail(target) && endpoints.is_empty() => {
                    "accepts no mail, by its own declaration".to_owned()
                }
                [] => match left_out(target, endpoints).as_slice() {
                    [] => match not_working(target, endpoints).as_slice() {
                        [] => "all is well".to_owned(),
                        [one] => format!("nothing is wrong but what is ignored at port {one}"),
                        many => format!(
                            "nothing is wrong but what is ignored at ports {}",
                            super::words::list(many)
                        ),
                    },
                    ports => format!(
                        "all else is well; left out, as blocked on this side: {}",
                        super::words::list(ports)
                    ),
                },
                [_] => "it works, with 1 warning".to_owned(),
                many => format!("it works, with {} warnings", many.len()),
            }
        }
    }
}

/// The ports that have to work and were not seen to, though nothing that counts was found.
fn not_working(target: &TargetObservation, endpoints: &[EndpointDiagnosis]) -> Vec<String> {
    let both = target.endpoints.iter().zip(endpoints);
    let not_working = both.filter(|(_, made)| {
        let looked_at = !matches!(made.status, Status::Open | Status::Skipped);
        made.required && looked_at && made.findings.iter().all(|f| f.severity == Severity::Note)
    });
    let mut ports: Vec<u16> = not_working.map(|(seen, _)| seen.port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.iter().map(u16::to_string).collect()
}

/// The ports that have to work and were left out, as they are blocked on this side.
fn left_out(target: &TargetObservation, endpoints: &[EndpointDiagnosis]) -> Vec<String> {
    let both = target.endpoints.iter().zip(endpoints);
    let left_out = both.filter(|(_, made)| {
        made.required && made.status == Status::Skipped && made.block.is_some()
    });
    let mut ports: Vec<u16> = left_out.map(|(seen, _)| seen.port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.into_iter().map(|port| format!("port {port}")).collect()
}

/// The different problems of one severity: one cause is one, at however many places, just as it is
/// told below.
fn causes<'a>(
    target: &TargetObservation,
    findings: &'a [Finding],
    endpoints: &'a [EndpointDiagnosis],
    severity: Severity,
) -> Vec<(&'a str, Cause)> {
    let hosts: Vec<String> = target.endpoints.iter().map(|e| e.host.to_string()).collect();
    let whole = findings.iter().map(|finding| (finding, None));
    let parts =
        target.endpoints.iter().zip(&hosts).zip(endpoints).flat_map(|((seen, host), made)| {
            let place = Place { host, address: seen.address, port: seen.port };
            made.findings.iter().map(move |finding| (finding, Some(place)))
        });
    let mut causes: Vec<(&str, Cause)> = Vec::new();
    for (finding, place) in whole.chain(parts).filter(|(f, _)| f.severity == severity) {
        let cause = Cause::of(finding, place);
        if !causes.iter().any(|(_, known)| *known == cause) {
            causes.push((&finding.code, cause));
        }
    }
    causes
}

/// The one kind of problem in few words, and where it is: the finding below has the rest.
fn one_problem(target: &TargetObservation, endpoints: &[EndpointDiagnosis], code: &str) -> String {
    if let Some(told) = one_block(target, endpoints, code) {
        return told;
    }
    let what = checks::find(code).map_or(code, |check| check.summary);
    let has = |made: &EndpointDiagnosis| {
        made.findings.iter().any(|f| f.code == code && f.severity == Severity::Error)
    };
    let mut places: Vec<String> = Vec::new();
    for (seen, _) in target.endpoints.iter().zip(endpoints).filter(|(_, made)| has(made)) {
        let place = Server { host: seen.host.clone(), port: Some(seen.port) }.to_string();
        if !places.contains(&place) {
            places.push(place);
        }
    }
    match places.as_slice() {
        [] => what.to_owned(),
        // The target is that very place.
        [_] if target.endpoints.len() == 1 => what.to_owned(),
        [one] => format!("{what} ({one})"),
        many => format!("{what} ({} ports)", many.len()),
    }
}

/// Who stops which port, where that is the one problem; in so many words it fits a headline.
fn one_block(
    target: &TargetObservation,
    endpoints: &[EndpointDiagnosis],
    code: &str,
) -> Option<String> {
    let told = target.endpoints.iter().zip(endpoints).filter(|(_, made)| {
        made.findings.iter().any(|f| f.code == code && f.severity == Severity::Error)
    });
    let (mut ports, mut culprits, mut only_guessed) = (Vec::new(), Vec::new(), true);
    for (seen, made) in told {
        let block = made.block.as_ref()?;
        if !ports.contains(&seen.port) {
            ports.push(seen.port);
        }
        only_guessed &= block.confidence == Confidence::Guess;
        if !culprits.contains(&block.by) {
            culprits.push(block.by);
        }
    }
    let numbers: Vec<String> = ports.iter().map(u16::to_string).collect();
    let (port, is) = match numbers.as_slice() {
        [one] if only_guessed => (format!("port {one}"), "seems to be"),
        [one] => (format!("port {one}"), "is"),
        many if only_guessed => (format!("ports {}", list(many)), "seem to be"),
        many => (format!("ports {}", list(many)), "are"),
    };
    match (code, culprits.as_slice()) {
        ("outbound-port-blocked", [BlockedBy::ThisHost]) => {
            Some(format!("{port} {is} blocked by this machine"))
        }
        ("outbound-port-blocked", [BlockedBy::YourNetwork]) => {
            Some(format!("{port} {is} blocked by your network"))
        }
        ("port-filtered", [BlockedBy::TheirNetwork]) => {
            Some(format!("{port} {is} blocked by the server's network"))
        }
        ("port-filtered", [BlockedBy::Transit]) => {
            Some(format!("{port} {is} blocked between your network and the server's"))
        }
        _ => None,
    }
}

/// What works from here and how to send, in whole sentences.
pub fn closing(target: &TargetObservation, endpoints: &[EndpointDiagnosis]) -> String {
    let both: Vec<(&EndpointObservation, &EndpointDiagnosis)> =
        target.endpoints.iter().zip(endpoints).collect();
    let mut sentences = Vec::new();
    sentences.extend(relay_sentence(target, &both));
    // What stops a port on this side comes with the way around it.
    let told = endpoints.iter().any(|made| {
        made.block.as_ref().is_some_and(|block| made.required && block.is_on_this_side())
            && made.findings.iter().any(|finding| finding.code == "outbound-port-blocked")
    });
    if !told {
        sentences.extend(sending_sentence(&both));
    }
    sentences.join(" ")
}

type Both<'a> = (&'a EndpointObservation, &'a EndpointDiagnosis);

fn relay_sentence(target: &TargetObservation, both: &[Both<'_>]) -> Option<String> {
    let relays: Vec<&Both<'_>> =
        both.iter().filter(|(e, _)| e.role != Role::Submission && e.port == RELAY).collect();
    let dialled: Vec<&&Both<'_>> =
        relays.iter().filter(|(_, d)| d.status != Status::Skipped).collect();
    let open: Vec<&Conversation> = dialled
        .iter()
        .filter(|(_, d)| d.status == Status::Open)
        .filter_map(|(e, _)| e.conversation())
        .collect();
    if relays.is_empty() || dialled.is_empty() {
        return None;
    }
    let (mail, nobody) = match &target.target {
        Target::Domain(domain) => {
            (format!("Mail for {domain}"), format!("no mail exchanger of {domain} takes mail"))
        }
        server => ("Mail".to_owned(), format!("{server} takes no mail")),
    };
    if open.is_empty() {
        // "Come back later" is no answer, so nothing is claimed about it.
        let required = dialled
            .iter()
            .any(|(_, made)| made.required && !is_throttled(made) && !is_excused(made));
        return required.then(|| format!("From here, {nobody} on port 25."));
    }
    let encrypted = open.iter().filter(|c| is_encrypted(c)).count();
    let trusted = open.iter().filter(|c| is_trusted(c)).count();
    let how = match (encrypted, trusted) {
        (0, _) => "without encryption",
        (e, t) if e == open.len() && t == open.len() => "encrypted, with trusted certificates",
        (e, _) if e == open.len() => "encrypted, though not every certificate can be trusted",
        _ => "encrypted at some addresses only",
    };
    let at = match (open.len(), dialled.len()) {
        (1, 1) => "on port 25".to_owned(),
        (n, all) if n == all && all < relays.len() => {
            "on port 25 at every address that was tried".to_owned()
        }
        (n, all) if n == all => "on port 25 at every address".to_owned(),
        (n, all) => format!("on port 25 at {n} of {all} addresses"),
    };
    Some(format!("{mail} is accepted {at}, {how}."))
}

fn is_throttled(made: &EndpointDiagnosis) -> bool {
    made.findings.iter().any(|finding| finding.code == status::THROTTLED)
}

/// It is blocked on this side, and that is held against nobody.
fn is_excused(made: &EndpointDiagnosis) -> bool {
    made.block.as_ref().is_some_and(Block::is_on_this_side)
        && made.findings.iter().all(|finding| finding.severity < Severity::Error)
}

fn is_encrypted(conversation: &Conversation) -> bool {
    conversation.tls.as_ref().is_some_and(|tls| tls.error.is_none() && tls.version.is_some())
}

fn is_trusted(conversation: &Conversation) -> bool {
    is_encrypted(conversation)
        && conversation.tls.as_ref().is_some_and(|tls| {
            tls.path.as_ref().is_some_and(|path| path.trusted) && tls.name_matches != Some(false)
        })
}

fn sending_sentence(both: &[Both<'_>]) -> Option<String> {
    let is_sending = |e: &EndpointObservation| match e.role {
        Role::Submission => true,
        Role::Host => e.port != RELAY,
        Role::Mx => false,
    };
    let sending: Vec<&Both<'_>> = both.iter().filter(|(e, _)| is_sending(e)).collect();
    let mut ways: Vec<(&Host, u16, Mode)> = Vec::new();
    for (endpoint, made) in &sending {
        let way = (&endpoint.host, endpoint.port, endpoint.mode);
        let is_way = endpoint.port != RELAY || made.required;
        if made.status == Status::Open && is_way && !ways.contains(&way) {
            ways.push(way);
        }
    }
    if let Some(sentence) = advice::way_to_send(&ways) {
        return Some(sentence);
    }
    let tried = || {
        let tried = sending.iter().map(|(_, made)| made);
        tried
            .filter(|m| m.required && m.status != Status::Skipped)
            .filter(|m| !is_throttled(m) && !is_excused(m))
    };
    let answers = tried().any(|made| made.status == Status::Misconfigured);
    tried().next().map(|_| match answers {
        true => "No port for sending is free of errors.".to_owned(),
        false => "No port for sending works from here.".to_owned(),
    })
}
