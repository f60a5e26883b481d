//! What an interrupted run did not come to the end of. Pure.
//!
//! Knows what was to be seen of a target and what was seen. Must not know what either means: the
//! sentences are made in [`summary`](crate::diagnosis).

use crate::names::{Host, Target};
use crate::observation::{AddressSource, DnsObservation, EndpointObservation, Unfinished};
use crate::port::Role;

/// What is to be seen of one server.
#[derive(Clone, Debug)]
pub struct Part {
    pub role: Role,
    pub host: Host,
    pub ports: Vec<u16>,
}

/// What is missing, in the order in which it was wanted.
pub fn of(
    target: &Target,
    wanted: &[Part],
    dns: &DnsObservation,
    endpoints: &[EndpointObservation],
) -> Vec<Unfinished> {
    let is_domain = matches!(target, Target::Domain(_));
    let servers_known =
        !dns.srv.is_empty() || !dns.submission.is_empty() || dns.submission_not_asked;
    let mut missing = Vec::new();
    if is_domain && dns.mx.is_none() {
        missing.push(Unfinished::MailExchangers);
    }
    if is_domain && !servers_known {
        missing.push(Unfinished::SubmissionServers);
    }
    missing.extend(wanted.iter().filter_map(|part| {
        let ports = part.ports.iter().copied();
        let ports: Vec<u16> = ports.filter(|port| !is_done(part, *port, dns, endpoints)).collect();
        let Part { role, host, .. } = part.clone();
        (!ports.is_empty()).then_some(Unfinished::Server { role, host, ports })
    }));
    missing
}

/// Whether a port has a result at every address of the server, or at the one that is dialled in
/// their place.
fn is_done(
    part: &Part,
    port: u16,
    dns: &DnsObservation,
    endpoints: &[EndpointObservation],
) -> bool {
    let is_result =
        |e: &&EndpointObservation| (e.role, &e.host, e.port) == (part.role, &part.host, port);
    let results = || endpoints.iter().filter(is_result);
    let is_elsewhere = |e: &EndpointObservation| {
        e.conversation().is_some_and(|seen| seen.connect.dialled.is_some())
    };
    let Host::Name(name) = &part.host else { return results().next().is_some() };
    // A name that is looked up for one role may stand in the hosts file for another.
    let mut known = dns.sources(name).filter(|known| known.source != AddressSource::ConnectTo);
    results().any(is_elsewhere)
        || known.any(|known| {
            known.addresses.iter().all(|address| results().any(|e| e.address == *address))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Conversation, HostObservation, Probe, Skip};
    use crate::port::{Mode, Requirement};

    fn part(ports: &[u16]) -> Part {
        let host = Host::parse("mx.a.example").expect("a host");
        Part { role: Role::Mx, host, ports: ports.to_vec() }
    }

    fn result(address: &str, port: u16) -> EndpointObservation {
        EndpointObservation {
            role: Role::Mx,
            host: part(&[]).host,
            preference: None,
            address: address.parse().expect("an address"),
            port,
            mode: Mode::Starttls,
            requirement: Requirement::Required,
            probe: Probe::Skipped(Skip::NotPublic),
        }
    }

    fn known(addresses: &[&str]) -> DnsObservation {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        let host = part(&[]).host.name().expect("a name").clone();
        let source = AddressSource::Dns;
        let host = HostObservation { host, source, addresses, ipv4: None, ipv6: None };
        DnsObservation { hosts: vec![host], ..DnsObservation::default() }
    }

    #[track_caller]
    fn expect(dns: &DnsObservation, endpoints: &[EndpointObservation], missing: &[u16]) {
        let target = Target::parse("mx.a.example:25").expect("a target");
        let ports = |part: &Unfinished| match part {
            Unfinished::Server { ports, .. } => ports.clone(),
            other => panic!("{other:?}"),
        };
        let found = of(&target, &[part(&[25, 465])], dns, endpoints);
        assert_eq!(found.iter().flat_map(ports).collect::<Vec<_>>(), missing);
    }

    #[test]
    fn a_port_is_done_with_when_every_address_has_its_result() {
        let (one, other) = ("192.0.2.1", "192.0.2.2");
        expect(&DnsObservation::default(), &[], &[25, 465]);
        // One family's answer is there, and the other's may still come.
        expect(&DnsObservation::default(), &[result(one, 25)], &[25, 465]);
        expect(&known(&[]), &[], &[]);
        expect(&known(&[one, other]), &[result(one, 25)], &[25, 465]);
        expect(&known(&[one, other]), &[result(one, 25), result(other, 25)], &[465]);
        // What --connect-to leads elsewhere has one result, whatever addresses there are.
        let mut seen = Conversation::default();
        seen.connect.dialled = Some(([127, 0, 0, 1], 2500).into());
        let probe = Probe::Dialled(seen.into());
        let elsewhere = EndpointObservation { probe, ..result("127.0.0.1", 25) };
        expect(&known(&[one, other]), &[elsewhere], &[465]);
        let mut led_elsewhere = known(&[]);
        led_elsewhere.hosts[0].source = AddressSource::ConnectTo;
        expect(&led_elsewhere, &[], &[25, 465]);
    }

    #[test]
    fn what_was_not_looked_up_is_missing_of_a_domain() {
        let target = Target::parse("a.example").expect("a target");
        let nothing = of(&target, &[], &DnsObservation::default(), &[]);
        assert_eq!(nothing, [Unfinished::MailExchangers, Unfinished::SubmissionServers]);
        let not_asked = DnsObservation { submission_not_asked: true, ..DnsObservation::default() };
        assert_eq!(of(&target, &[], &not_asked, &[]), [Unfinished::MailExchangers]);
    }
}
