//! What ladders say, in sentences: where the paths to the ports of one address part.
//!
//! Knows the words for what [`compare`](crate::path::compare) finds. Must not name a culprit: a
//! ladder alone does not show one.

use std::net::IpAddr;

use super::attribution;
use super::words::list;
use crate::observation::{Missing, PathEnd, PathObservation, Skip, TraceObservation};
use crate::path::compare::{self, Beyond, Parting, Sender};

/// Where the paths of one address part, and why some are missing, in whole sentences.
pub fn summary(trace: &TraceObservation) -> String {
    let mut sentences = partings(&trace.paths);
    sentences.extend(trace.missing.as_ref().map(|missing| missing_words(trace, missing)));
    sentences.join(" ")
}

/// Whether a port was seen to leave this network: it was answered from the server's own distance.
pub fn leaves(trace: &TraceObservation, port: u16) -> bool {
    let mut of_port = trace.paths.iter().filter(|path| path.port == port);
    of_port.any(|path| compare::answers_itself(path, trace.paths.iter()))
}

fn partings(paths: &[PathObservation]) -> Vec<String> {
    let Some(reference) = compare::reference(paths) else {
        return Vec::new();
    };
    let answered = reference.own_distance();
    let mut groups: Vec<(Parting, Vec<u16>)> = Vec::new();
    for path in paths {
        let parting = compare::parting(path, reference);
        match groups.iter_mut().find(|(known, _)| *known == parting) {
            Some((_, ports)) => ports.push(path.port),
            None => groups.push((parting, vec![path.port])),
        }
    }
    let mut sentences = Vec::new();
    for (parting, ports) in &groups {
        match (parting, answered) {
            (Parting::Nowhere, Some(distance)) if groups.len() == 1 => {
                sentences.push(together(ports, reference.end, distance));
            }
            (Parting::Nowhere, _) => {}
            (parting, _) => sentences.push(apart(parting, ports, reference)),
        }
    }
    for path in paths {
        if let Some(ttl) = compare::rewritten_at(path, reference) {
            sentences.push(format!(
                "On the way to port {}, hop {ttl} answers under the server's own address {}: \
                 something at or before it rewrites addresses.",
                path.port, path.address
            ));
        }
    }
    if answered.is_none() {
        sentences.push(match paths {
            [_] => "No other port was traced, so nothing shows whether that is the port or the \
                    whole path."
                .to_owned(),
            _ => "No port is answered by the server, so nothing shows where they part.".to_owned(),
        });
    }
    sentences
}

fn together(ports: &[u16], end: PathEnd, distance: u8) -> String {
    match (ports, end) {
        ([port], PathEnd::Connected) => format!("Port {port} is open, at hop {distance}."),
        ([port], _) => format!("Port {port} is answered at hop {distance}, and not open."),
        _ => format!(
            "The paths do not part: {} are all answered at hop {distance}.",
            ports_words(ports)
        ),
    }
}

fn apart(parting: &Parting, ports: &[u16], reference: &PathObservation) -> String {
    let (theirs, other) = (ports_words(ports), reference.port);
    match *parting {
        Parting::Nowhere => String::new(),
        Parting::Nearer { at, reference, refused } => {
            let verb = match (ports.len(), refused) {
                (1, true) => "is refused",
                (1, false) => "is connected",
                (_, true) => "are refused",
                (_, false) => "are connected",
            };
            format!(
                "{} {verb} at hop {at}, nearer than port {other}, which is answered at hop \
                 {reference}.",
                capital(&theirs)
            )
        }
        Parting::Circle(router) => {
            format!("Packets to {theirs} go round in circles: {router} comes back again and again.")
        }
        Parting::TurnedAway(icmp, sender) => {
            let who = match sender {
                Sender::Own => "this machine itself".to_owned(),
                Sender::Target => format!("the server itself ({})", icmp.from),
                Sender::Hop(ttl) => hop((ttl, icmp.from)),
                Sender::Elsewhere => icmp.from.to_string(),
            };
            let passes = match reference.own_distance() {
                Some(_) if sender != Sender::Target => {
                    format!("; packets to port {other} get through")
                }
                _ => String::new(),
            };
            format!(
                "Packets to {theirs} are turned away by {who} with the ICMP message \"{}\" \
                 (type {}, code {}){passes}.",
                attribution::icmp_words(icmp),
                icmp.kind,
                icmp.code
            )
        }
        Parting::Silent { after, before } => silent(&theirs, after, before, other),
    }
}

fn silent(theirs: &str, after: Option<(u8, IpAddr)>, before: Option<Beyond>, other: u16) -> String {
    match (after, before) {
        (None, None) => format!("Nothing on the way answers packets to {theirs}."),
        (Some(last), None) => format!(
            "Packets to {theirs} get as far as {}, and nothing beyond it answers.",
            hop(last)
        ),
        (None, Some(Beyond { heard, is_end: false })) => format!(
            "Nothing on the way answers packets to {theirs}: they stop on this machine or not \
             later than {}; packets to port {other} pass it.",
            hop(heard)
        ),
        (None, Some(Beyond { heard, is_end: true })) => format!(
            "Nothing on the way answers packets to {theirs}: they stop somewhere between this \
             machine and the server at hop {}, where port {other} is answered.",
            heard.0
        ),
        (Some(last), Some(next)) if next.heard.0 > last.0 + 1 => format!(
            "Packets to {theirs} stop between {} and {}, which packets to port {other} reach; no \
             hop between those answers.",
            hop(last),
            match next.is_end {
                true => format!("the server at hop {}", next.heard.0),
                false => hop(next.heard),
            }
        ),
        (Some(last), Some(next)) if next.is_end => format!(
            "Packets to {theirs} stop at or just after {}, the last hop before the server, or at \
             the server itself; packets to port {other} are answered there.",
            hop(last)
        ),
        (Some(last), Some(_)) => format!(
            "Packets to {theirs} stop at or just after {}; packets to port {other} pass it.",
            hop(last)
        ),
    }
}

fn missing_words(trace: &TraceObservation, missing: &Missing) -> String {
    let host = &trace.host;
    let others = if trace.paths.is_empty() { "It was not" } else { "Not every port was" };
    match missing {
        Missing::NoAddress(lookups) if lookups.is_empty() => {
            format!("{host} has no address of the family that was asked for.")
        }
        Missing::NoAddress(lookups) => {
            let told: Vec<String> = lookups
                .iter()
                .map(|lookup| match lookup.no_answer() {
                    Some(why) => format!("{} of {}: {why}", lookup.record_type, lookup.name),
                    None => format!("{} of {}: there is none", lookup.record_type, lookup.name),
                })
                .collect();
            format!("No address was found ({}).", told.join("; "))
        }
        Missing::Represented(1) => {
            "1 more address of this host was not traced; those above stand for it.".to_owned()
        }
        Missing::Represented(n) => {
            format!("{n} more addresses of this host were not traced; those above stand for them.")
        }
        Missing::Skipped(Skip::NoIpv4Here) => "Not traced: this machine has no IPv4.".to_owned(),
        Missing::Skipped(Skip::NoIpv6Here) => "Not traced: this machine has no IPv6.".to_owned(),
        Missing::Skipped(Skip::NotPublic) => {
            "Not traced: the address is not public, and --public-only forbids others.".to_owned()
        }
        Missing::Skipped(Skip::Forbidden(why) | Skip::NotDialled(why)) => {
            format!("Not traced: {why}.")
        }
        Missing::Failed(why) => format!("{others} traced: {why}."),
        Missing::Interrupted => format!("{others} traced to the end: interrupted."),
    }
}

fn ports_words(ports: &[u16]) -> String {
    let numbers: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("{} {}", if ports.len() == 1 { "port" } else { "ports" }, list(&numbers))
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn hop((ttl, address): (u8, IpAddr)) -> String {
    format!("hop {ttl} ({address})")
}

#[cfg(test)]
mod tests;
