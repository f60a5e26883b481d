//! From a target to its endpoints: each is probed as soon as its address is known.
//!
//! Knows where names lead and what is asked of each server. Must not know how an endpoint is probed
//! ([`addresses`] goes on from here). All of a target's work is done side by side in one task: a task
//! for each piece of it costs more than the piece itself where a list is long.

mod addresses;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

pub(super) use self::addresses::forbidden;
use self::addresses::group_of;
use super::patience::{Gate, Token};
use super::progress::{Step, UnderWay};
use super::seen::{Fact, Seen};
use super::unfinished::Part;
use super::{Probing, bounds, lock};
use crate::names::{Domain, Exchange, Host, HostName, Server, Target};
use crate::observation::{
    AddressLookup, AddressSource, HostObservation, LeftOut, SubmissionServer, SubmissionSource,
};
use crate::plan::Submission;
use crate::port::{PortMode, Requirement, Role};
use crate::resolve::{BoxFuture, is_implicit, submission_servers};

/// A port of a server and what is required of it.
type Asked = (PortMode, Requirement);

/// Finds a target's endpoints and has them probed.
pub struct Finder<'a> {
    probing: &'a Arc<Probing>,
    /// The target that the endpoints belong to.
    target: &'a Target,
    gate: Gate,
    /// What there was to be seen so far.
    seen: Mutex<Seen>,
}

/// A server that is to be probed.
struct Wanted {
    role: Role,
    host: Host,
    preference: Option<u16>,
    ports: Vec<Asked>,
    /// The user named the server, so this machine's hosts file counts.
    named: bool,
    /// Addresses of one family that are dialled at most.
    addresses: usize,
}

impl<'a> Finder<'a> {
    /// Nothing is seen yet.
    pub fn new(probing: &'a Arc<Probing>, target: &'a Target, gate: Gate) -> Self {
        Self { probing, target, gate, seen: Mutex::default() }
    }

    /// What there was to be seen.
    pub fn into_seen(self) -> Seen {
        self.seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds everything; returns when all is seen. `token` keeps optional endpoints waiting until
    /// every required one is known.
    pub async fn find(&self, token: Token) {
        let submission = self.probing.plan.submission_of(self.target);
        match self.target {
            Target::Domain(domain) => {
                let mail = self.mail_exchangers(domain, token.clone());
                let submission = async {
                    match submission {
                        Submission::Discover => self.announced_submission(domain, token).await,
                        Submission::Named(servers) => self.named_submission(servers, token).await,
                    }
                };
                tokio::join!(mail, submission);
            }
            Target::Submission(server) => {
                self.named_submission(std::slice::from_ref(server), token).await;
            }
            Target::Server(server) => {
                let wanted = Wanted {
                    role: Role::Host,
                    host: server.host.clone(),
                    preference: None,
                    ports: self.probing.plan.ports_of_named(Role::Host, server.port),
                    named: true,
                    addresses: bounds::addresses_each(1),
                };
                match submission {
                    Submission::Discover => {
                        self.tell(Fact::SubmissionNotAsked);
                        self.server(wanted, token).await;
                    }
                    Submission::Named(servers) => {
                        let submission = self.named_submission(servers, token.clone());
                        tokio::join!(submission, self.server(wanted, token));
                    }
                }
            }
        }
    }

    fn tell(&self, fact: Fact) {
        lock(&self.seen).learn(fact);
    }

    fn looking_up(&self, what: impl FnOnce() -> String) -> UnderWay {
        self.probing.effects.progress.begin(Step::LookingUp, what)
    }

    fn tell_left_out(&self, left_out: Option<LeftOut>) {
        if let Some(left_out) = left_out {
            self.tell(Fact::LeftOut(left_out));
        }
    }

    async fn mail_exchangers(&self, domain: &Domain, token: Token) {
        let looking = self.looking_up(|| format!("MX of {domain}"));
        let mut mx = self.probing.effects.names.mx(domain).await;
        self.tell_left_out(bounds::keep(&mut mx.records, bounds::SERVERS, domain.as_str(), "MX"));
        drop(looking);
        let mut hosts: Vec<(HostName, Option<u16>)> = Vec::new();
        for record in &mx.records {
            if let Exchange::Host(host) = &record.exchange
                && !hosts.iter().any(|(known, _)| known == host)
            {
                hosts.push((host.clone(), Some(record.preference)));
            }
        }
        if is_implicit(&mx) {
            mx.implicit = true;
            // RFC 5321 §5.1: as if an MX with preference 0 named it.
            hosts.push((domain.clone().into(), Some(0)));
        }
        self.tell(Fact::Mx(mx));
        let ports = self.probing.plan.ports_of(Role::Mx, &[]);
        let addresses = bounds::addresses_each(hosts.len());
        let wanted = hosts.into_iter().map(|(host, preference)| {
            let (role, host, ports) = (Role::Mx, Host::Name(host), ports.clone());
            Wanted { role, host, preference, ports, named: false, addresses }
        });
        self.servers(wanted, token).await;
    }

    async fn announced_submission(&self, domain: &Domain, token: Token) {
        let looking = self.looking_up(|| format!("submission servers of {domain}"));
        let mut srv = self.probing.effects.names.srv(domain).await;
        for service in &mut srv {
            let name = service.lookup.name.clone();
            self.tell_left_out(bounds::keep(&mut service.records, bounds::SERVERS, &name, "SRV"));
        }
        drop(looking);
        let servers = submission_servers(&srv);
        self.tell(Fact::Srv(srv));
        self.submission(servers, token).await;
    }

    async fn named_submission(&self, servers: &[Server], token: Token) {
        if servers.is_empty() {
            self.tell(Fact::SubmissionNotAsked);
        }
        let named = |server: &Server| SubmissionServer {
            host: server.host.clone(),
            port: server.port,
            mode: None,
            source: SubmissionSource::Option,
        };
        self.submission(servers.iter().map(named).collect(), token).await;
    }

    async fn submission(&self, servers: Vec<SubmissionServer>, token: Token) {
        let wanted = self.wanted_of(&servers);
        self.tell(Fact::Submission(servers));
        self.servers(wanted, token).await;
    }

    /// What is asked of submission servers, each host once.
    fn wanted_of(&self, servers: &[SubmissionServer]) -> Vec<Wanted> {
        let plan = &self.probing.plan;
        let mut wanted: Vec<Wanted> = Vec::new();
        for server in servers {
            if wanted.iter().any(|known| known.host == server.host) {
                continue;
            }
            let same_host = servers.iter().filter(|other| other.host == server.host);
            let ports = match server.source {
                SubmissionSource::Srv => {
                    let announced =
                        |s: &SubmissionServer| Some(PortMode { port: s.port?, mode: s.mode? });
                    let announced: Vec<PortMode> = same_host.filter_map(announced).collect();
                    plan.ports_of(Role::Submission, &announced)
                }
                SubmissionSource::Option => {
                    let mut ports: Vec<Asked> = Vec::new();
                    for asked in
                        same_host.flat_map(|s| plan.ports_of_named(Role::Submission, s.port))
                    {
                        // A port that is named beats the same port among those of `--ports`.
                        match ports.iter_mut().find(|(port, _)| port.port == asked.0.port) {
                            None => ports.push(asked),
                            Some(known) if asked.1 == Requirement::Required => *known = asked,
                            Some(_) => {}
                        }
                    }
                    ports
                }
            };
            let host = server.host.clone();
            let named = server.source == SubmissionSource::Option;
            let (role, preference) = (Role::Submission, None);
            let addresses = bounds::addresses_each(1);
            wanted.push(Wanted { role, host, preference, ports, named, addresses });
        }
        let announced = wanted.iter().filter(|wanted| !wanted.named).count();
        for wanted in wanted.iter_mut().filter(|wanted| !wanted.named) {
            wanted.addresses = bounds::addresses_each(announced);
        }
        wanted
    }

    /// Probes servers side by side.
    async fn servers(&self, wanted: impl IntoIterator<Item = Wanted>, token: Token) {
        let each = |wanted| self.server(wanted, token.clone());
        let work: Work<'_> = wanted.into_iter().map(|wanted| each(wanted).boxed()).collect();
        // Each of them has a token of its own by now; this one would keep the optional endpoints
        // waiting for themselves.
        drop(token);
        all(work).await;
    }

    /// Probes a server at all of its addresses.
    async fn server(&self, mut wanted: Wanted, token: Token) {
        // What is expected of a port can only be told once it was looked at.
        for port in self.probing.plan.expected_ports(self.target, wanted.role) {
            if !wanted.ports.iter().any(|(known, _)| known.port == port.port) {
                wanted.ports.push((port, Requirement::Optional));
            }
        }
        self.tell(Fact::Wanted(Part {
            role: wanted.role,
            host: wanted.host.clone(),
            ports: wanted.ports.iter().map(|(port, _)| port.port).collect(),
        }));
        match wanted.host.clone() {
            Host::Address(address) => self.addresses(&wanted, &[address], token).await,
            Host::Name(name) => self.named_server(wanted, &name, token).await,
        }
    }

    async fn named_server(&self, mut wanted: Wanted, name: &HostName, token: Token) {
        let ports = std::mem::take(&mut wanted.ports);
        let (elsewhere, ports): (Vec<Asked>, Vec<Asked>) = ports
            .into_iter()
            .partition(|(port, _)| self.probing.plan.instead_of(&wanted.host, port.port).is_some());
        wanted.ports = ports;
        let group = group_of(&elsewhere);
        let redirected: Work<'_> = elsewhere
            .into_iter()
            .filter_map(|asked| {
                let to = self.probing.plan.instead_of(&wanted.host, asked.0.port)?;
                let dialled = (to, true);
                let (group, token) = (group.clone(), token.clone());
                let endpoint = || self.endpoint(&wanted, asked, dialled, group, token).boxed();
                self.may_use(to.ip()).then(endpoint)
            })
            .collect();
        let ordinary = async {
            if wanted.ports.is_empty() {
                self.tell(Fact::Host(not_looked_up(name.clone(), AddressSource::ConnectTo)));
                drop(token);
            } else {
                self.at_its_addresses(&wanted, name, token).await;
            }
        };
        tokio::join!(all(redirected), ordinary);
    }

    /// The hosts file counts for servers that the user names, never for those that DNS names.
    async fn at_its_addresses(&self, wanted: &Wanted, name: &HostName, token: Token) {
        let in_file = match wanted.named {
            true => self.probing.effects.names.hosts_file(name),
            false => None,
        };
        match in_file {
            Some(mut addresses) => {
                addresses.retain(|address| self.may_use(*address));
                let host = not_looked_up(name.clone(), AddressSource::HostsFile);
                self.tell(Fact::Host(HostObservation { addresses: addresses.clone(), ..host }));
                self.addresses(wanted, &addresses, token).await;
            }
            None => self.looked_up(wanted, name, token).await,
        }
    }

    /// Looks a server's addresses up. Each family is probed as soon as its own answer is there, and
    /// the host is told of when both are.
    async fn looked_up(&self, wanted: &Wanted, name: &HostName, token: Token) {
        let names = &self.probing.effects.names;
        let looking = self.looking_up(|| format!("addresses of {name}"));
        let ipv4 = async { self.within_bounds(wanted, names.ipv4(name).await) }.shared();
        let ipv6 = async { self.within_bounds(wanted, names.ipv6(name).await) }.shared();
        let told = async {
            let (ipv4, ipv6) = tokio::join!(ipv4.clone(), ipv6.clone());
            drop(looking);
            let found = [&ipv4, &ipv6].into_iter().flatten();
            let addresses = found.flat_map(|found| found.addresses.clone()).collect();
            let host = not_looked_up(name.clone(), AddressSource::Dns);
            self.tell(Fact::Host(HostObservation { ipv4, ipv6, addresses, ..host }));
        };
        let probed = |found: Option<AddressLookup>, token| async move {
            let addresses = found.map(|found| found.addresses).unwrap_or_default();
            self.addresses(wanted, &addresses, token).await;
        };
        let other = token.clone();
        tokio::join!(told, async { probed(ipv4.clone().await, token).await }, async {
            probed(ipv6.clone().await, other).await
        });
    }

    fn within_bounds(
        &self,
        wanted: &Wanted,
        mut found: Option<AddressLookup>,
    ) -> Option<AddressLookup> {
        if let Some(found) = &mut found {
            self.tell_left_out(bounds::keep_addresses(found, wanted.addresses));
        }
        found
    }

    fn may_use(&self, address: IpAddr) -> bool {
        self.probing.plan.may_use(address)
    }
}

/// Pieces of work side by side, each in a box: the set moves what it is given several times over, and
/// has room for one more of the same size.
type Work<'a> = FuturesUnordered<BoxFuture<'a, ()>>;

/// Waits until all of it is done.
async fn all(mut work: Work<'_>) {
    while work.next().await.is_some() {}
}

fn not_looked_up(host: HostName, source: AddressSource) -> HostObservation {
    HostObservation { host, source, ipv4: None, ipv6: None, addresses: Vec::new() }
}
