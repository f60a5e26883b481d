//! What could not be looked at, in sentences: a verdict that does without it says so.

use super::words::list;
use crate::names::Host;
use crate::observation::{Gap, LookupOutcome, Unfinished};

/// The most servers that are named together.
const NAMED: usize = 12;

/// A gap in the evidence as a sentence.
pub fn of_gap(gap: &Gap) -> String {
    match gap {
        Gap::ControlWithoutAddress { host, ipv4, lookup } => {
            let family = if *ipv4 { "IPv4" } else { "IPv6" };
            let why = match lookup {
                Some(lookup) => match (lookup.no_answer(), &lookup.outcome) {
                    (Some(why), _) => format!(": {why}"),
                    (None, LookupOutcome::NxDomain) => ": the name does not exist".to_owned(),
                    _ => String::new(),
                },
                None => String::new(),
            };
            format!("The control {host} was not asked over {family}: it has no such address{why}.")
        }
        Gap::ControlNotDialled { host, port, why } => {
            format!("The control {host} was not asked on port {port}: {why}.")
        }
        Gap::NotTraced { address, port, why } => {
            format!("The path to port {port} of {address} was not traced: {why}.")
        }
        Gap::EnoughTraced { address, port } => format!(
            "The path to port {port} of {address} was not traced: enough others were in this run."
        ),
    }
}

/// What an interrupted run left open, each a fragment, with servers of the same ports in one.
pub fn of_unfinished(missing: &[Unfinished]) -> Vec<String> {
    let mut fragments = Vec::new();
    let mut servers: Vec<(&[u16], Vec<&Host>)> = Vec::new();
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
                match servers.iter_mut().find(|(known, _)| known == ports) {
                    None => servers.push((ports, vec![host])),
                    Some((_, hosts)) if hosts.contains(&host) => {}
                    Some((_, hosts)) => hosts.push(host),
                }
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
