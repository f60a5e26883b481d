//! What could not be looked at, in sentences: a verdict that does without it says so.

use super::words::list;
use crate::names::Host;
use crate::observation::{Gap, Lookup, LookupOutcome, Unfinished};

/// The most servers that are named together.
const NAMED: usize = 12;

/// Keys with what belongs to each, in the order in which they came.
type Groups<K, V> = Vec<(K, Vec<V>)>;

/// The gaps in the evidence in sentences. What keeps several controls from being asked, in the same
/// way, is told once: where no name can be looked up, there is a gap for every name and family.
pub fn of_gaps(gaps: &[Gap]) -> Vec<String> {
    let mut of_control: Groups<(&Host, &str, String), String> = Vec::new();
    let mut paths: Vec<String> = Vec::new();
    for gap in gaps {
        match gap {
            Gap::ControlWithoutAddress { host, ipv4, lookup } => {
                let family = if *ipv4 { "IPv4" } else { "IPv6" };
                let why = without_address(lookup.as_ref());
                add(&mut of_control, (host, "over", why), family.to_owned());
            }
            Gap::ControlNotDialled { host, port, why } => {
                add(&mut of_control, (host, "on", why.clone()), format!("port {port}"));
            }
            Gap::NotTraced { address, port, why } => {
                paths.push(format!("The path to port {port} of {address} was not traced: {why}."));
            }
            Gap::EnoughTraced { address, port } => paths.push(format!(
                "The path to port {port} of {address} was not traced: enough others were in this \
                 run."
            )),
        }
    }
    let mut alike: Groups<(&str, String, Vec<String>), String> = Vec::new();
    for ((host, how, why), mut places) in of_control {
        // They were found out about in any order.
        places.sort_by_key(|place| (place.len(), place.clone()));
        add(&mut alike, (how, why, places), host.to_string());
    }
    let of_controls = alike.into_iter().map(|((how, why, places), mut hosts)| {
        hosts.sort();
        let controls = if hosts.len() == 1 { "control" } else { "controls" };
        let were = if hosts.len() == 1 { "was" } else { "were" };
        let (hosts, places) = (list(&hosts), list(&places));
        format!("The {controls} {hosts} {were} not asked {how} {places}: {why}.")
    });
    of_controls.chain(paths).collect()
}

/// Adds a value to those of a key, each once.
fn add<K: PartialEq, V: PartialEq>(groups: &mut Groups<K, V>, key: K, value: V) {
    match groups.iter_mut().find(|(known, _)| *known == key) {
        None => groups.push((key, vec![value])),
        Some((_, values)) if values.contains(&value) => {}
        Some((_, values)) => values.push(value),
    }
}

/// Why there is no address to ask a control at.
fn without_address(lookup: Option<&Lookup>) -> String {
    match lookup.map(|lookup| (lookup.no_answer(), &lookup.outcome)) {
        Some((Some(why), _)) => why.to_owned(),
        Some((None, LookupOutcome::NxDomain)) => "the name does not exist".to_owned(),
        _ => "there is no such address".to_owned(),
    }
}

/// What an interrupted run left open, each a fragment, with servers of the same ports in one.
pub fn of_unfinished(missing: &[Unfinished]) -> Vec<String> {
    let mut fragments = Vec::new();
    let mut servers: Groups<&[u16], &Host> = Vec::new();
    for part in missing {
        match part {
            Unfinished::Everything => fragments.push("nothing of it was begun".to_owned()),
            Unfinished::MailExchangers => {
                fragments.push("which mail exchangers there are".to_owned());
            }
            Unfinished::SubmissionServers => {
                fragments.push("which submission servers there are".to_owned());
            }
            Unfinished::Server { host, ports, .. } => {
                add(&mut servers, ports.as_slice(), host);
            }
        }
    }
    fragments.extend(servers.iter().map(|(ports, hosts)| {
        let word = if ports.len() == 1 { "port" } else { "ports" };
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let mut names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let more = names.len().saturating_sub(NAMED);
        if more > 1 {
            names.truncate(NAMED);
            names.push(format!("{more} more"));
        }
        format!("{word} {} of {}", list(&ports), list(&names))
    }));
    fragments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Role;

    #[test]
    fn what_keeps_controls_from_being_asked_is_told_once() {
        let host = |name: &str| Host::parse(name).expect("a host");
        let lookup = |outcome: &LookupOutcome| {
            let (name, record_type) = ("mx.a.example".to_owned(), "A".to_owned());
            Some(Lookup { name, record_type, outcome: outcome.clone(), aliases: Vec::new() })
        };
        let without = |name: &str, ipv4, outcome: &LookupOutcome| Gap::ControlWithoutAddress {
            host: host(name),
            ipv4,
            lookup: lookup(outcome),
        };
        let not_dialled = |name: &str, port| {
            let why = "this machine has no IPv6".to_owned();
            Gap::ControlNotDialled { host: host(name), port, why }
        };
        let address = [192, 0, 2, 1].into();
        let down = LookupOutcome::Failed("no name server is running at 192.0.2.53:53".to_owned());
        let mut gaps = Vec::new();
        for _port in [25, 465, 587, 2525] {
            for name in ["mx.b.example", "mx.a.example"] {
                gaps.extend([without(name, false, &down), without(name, true, &down)]);
            }
        }
        gaps.push(without("mx.c.example", false, &LookupOutcome::NoData));
        gaps.push(without("mx.d.example", true, &LookupOutcome::NxDomain));
        for port in [2525, 25] {
            gaps.extend([not_dialled("mx.a.example", port), not_dialled("mx.b.example", port)]);
        }
        gaps.push(not_dialled("mx.c.example", 25));
        gaps.push(Gap::EnoughTraced { address, port: 25 });
        assert_eq!(
            of_gaps(&gaps),
            [
                "The controls mx.a.example and mx.b.example were not asked over IPv4 and IPv6: no \
                 name server is running at 192.0.2.53:53.",
                "The control mx.c.example was not asked over IPv6: there is no such address.",
                "The control mx.d.example was not asked over IPv4: the name does not exist.",
                "The controls mx.a.example and mx.b.example were not asked on port 25 and port \
                 2525: this machine has no IPv6.",
                "The control mx.c.example was not asked on port 25: this machine has no IPv6.",
                "The path to port 25 of 192.0.2.1 was not traced: enough others were in this run.",
            ]
        );
    }

    #[test]
    fn servers_of_which_the_same_is_missing_are_named_together() {
        let server = |name: &str, ports: &[u16]| Unfinished::Server {
            role: Role::Mx,
            host: Host::parse(name).expect("a host"),
            ports: ports.to_vec(),
        };
        let missing = [
            Unfinished::SubmissionServers,
            server("mx1.example", &[25, 465]),
            server("mx2.example", &[25]),
            server("mx3.example", &[25, 465]),
            server("mx3.example", &[25, 465]),
        ];
        assert_eq!(
            of_unfinished(&missing),
            [
                "which submission servers there are",
                "ports 25 and 465 of mx1.example and mx3.example",
                "port 25 of mx2.example",
            ]
        );
        let many: Vec<Unfinished> =
            (0..40).map(|n| server(&format!("mx{n}.example"), &[25])).collect();
        assert!(of_unfinished(&many)[0].ends_with("mx11.example and 28 more"));
    }
}
