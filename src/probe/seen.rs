//! What was seen of one target so far.
//!
//! Knows which facts come twice and in what order they are told. Must not know what any of them
//! means. [`find`](super::find) fills it.

use super::unfinished::{self, Part};
use crate::names::Target;
use crate::observation::{
    DnsObservation, EndpointObservation, HostObservation, LeftOut, MxObservation, SrvObservation,
    SubmissionServer, Unfinished,
};

/// One thing that was seen of a target.
pub enum Fact {
    /// The MX look-up.
    Mx(MxObservation),
    /// The SRV look-ups.
    Srv(Vec<SrvObservation>),
    /// The submission servers.
    Submission(Vec<SubmissionServer>),
    /// Submission servers were not to be looked for.
    SubmissionNotAsked,
    /// A host's addresses.
    Host(HostObservation),
    /// There was too much of something.
    LeftOut(LeftOut),
    /// What is to be seen of a server.
    Wanted(Part),
    /// An endpoint.
    Endpoint(Box<EndpointObservation>),
}

/// The facts of a target.
#[derive(Default)]
pub struct Seen {
    dns: DnsObservation,
    endpoints: Vec<EndpointObservation>,
    wanted: Vec<Part>,
}

impl Seen {
    /// Adds a fact.
    pub fn learn(&mut self, fact: Fact) {
        let Self { dns, endpoints, wanted } = self;
        match fact {
            Fact::Mx(mx) => dns.mx = Some(mx),
            Fact::Srv(srv) => dns.srv = srv,
            Fact::Submission(servers) => dns.submission = servers,
            Fact::SubmissionNotAsked => dns.submission_not_asked = true,
            // A host in two roles has its addresses twice.
            Fact::LeftOut(left_out) if dns.left_out.contains(&left_out) => {}
            Fact::LeftOut(left_out) => dns.left_out.push(left_out),
            // A host in two roles is looked up once and reported once.
            Fact::Host(host)
                if dns.sources(&host.host).any(|known| known.source == host.source) => {}
            Fact::Host(host) => dns.hosts.push(host),
            Fact::Endpoint(endpoint) => endpoints.push(*endpoint),
            Fact::Wanted(part) => wanted.push(part),
        }
    }

    /// What is missing where it ended before everything was seen.
    pub fn unfinished(&self, target: &Target) -> Vec<Unfinished> {
        unfinished::of(target, &self.wanted, &self.dns, &self.endpoints)
    }

    /// Everything, in an order that does not depend on who was the first to answer.
    pub fn in_order(mut self) -> (DnsObservation, Vec<EndpointObservation>) {
        let Self { dns, endpoints, .. } = &mut self;
        dns.left_out.sort_by(|a, b| (&a.name, &a.record_type).cmp(&(&b.name, &b.record_type)));
        dns.hosts.sort_by(|a, b| a.host.cmp(&b.host));
        endpoints.sort_by(|a, b| order(a).cmp(&order(b)));
        (self.dns, self.endpoints)
    }
}

/// By role, preference, host, address and port: the order in which a sender would try them.
fn order(endpoint: &EndpointObservation) -> impl Ord + '_ {
    (endpoint.role, endpoint.preference, &endpoint.host, endpoint.address, endpoint.port)
}
