//! From a target to its endpoints: each is probed as soon as its address is known.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::endpoint::{GivenUp, Spot};
use super::inquiry;
use super::patience::{Gate, Group, Patience, Token};
use super::progress::{Step, UnderWay};
use super::unfinished::Part;
use super::{Effects, Probing, bounds};
use crate::address::{self, AddressKind};
use crate::names::{Domain, Exchange, Host, HostName, Server, Target};
use crate::observation::{
    AddressLookup, AddressSource, EndpointObservation, HostObservation, LeftOut, LocalNetwork,
    MxObservation, Probe, Skip, SrvObservation, SubmissionServer, SubmissionSource,
};
use crate::plan::{Plan, Submission, TraceWhen};
use crate::port::{PortMode, Requirement, Role};
use crate::resolve::{is_implicit, submission_servers};

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

/// A port of a server and what is required of it.
type Asked = (PortMode, Requirement);

/// Finds a target's endpoints and has them probed.
#[derive(Clone)]
pub struct Finder {
    pub(super) probing: Arc<Probing>,
    pub(super) facts: UnboundedSender<Fact>,
    pub(super) gate: Gate,
    /// The target that the endpoints belong to.
    pub(super) target: Arc<Target>,
}

/// A server that is to be probed.
#[derive(Clone)]
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

impl Finder {
    /// Finds everything; returns when all is seen. `token` keeps optional endpoints waiting until
    /// every required one is known.
    pub async fn find(self, token: Token) {
        let target = Target::clone(&self.target);
        let mut work = JoinSet::new();
        match target {
            Target::Domain(domain) => {
                work.spawn(self.clone().mail_exchangers(domain.clone(), token.clone()));
                match self.probing.plan.submission_of(&self.target) {
                    Submission::Discover => {
                        work.spawn(self.clone().announced_submission(domain, token));
                    }
                    Submission::Named(servers) => {
                        let servers = servers.clone();
                        work.spawn(self.clone().named_submission(servers, token));
                    }
                }
            }
            Target::Submission(server) => {
                work.spawn(self.clone().named_submission(vec![server], token));
            }
            Target::Server(server) => {
                match self.probing.plan.submission_of(&self.target) {
                    Submission::Discover => self.tell(Fact::SubmissionNotAsked),
                    Submission::Named(servers) => {
                        let servers = servers.clone();
                        work.spawn(self.clone().named_submission(servers, token.clone()));
                    }
                }
                let ports = self.probing.plan.ports_of_named(Role::Host, server.port);
                let wanted = Wanted {
                    role: Role::Host,
                    host: server.host,
                    preference: None,
                    ports,
                    named: true,
                    addresses: bounds::addresses_each(1),
                };
                work.spawn(self.clone().server(wanted, token));
            }
        }
        drop(self);
        work.join_all().await;
    }

    fn tell(&self, fact: Fact) {
        // Nobody listens any more once the run was interrupted.
        let _ = self.facts.send(fact);
    }

    fn looking_up(&self, what: impl FnOnce() -> String) -> UnderWay {
        self.probing.effects.progress.begin(Step::LookingUp, what)
    }

    fn tell_left_out(&self, left_out: Option<LeftOut>) {
        if let Some(left_out) = left_out {
            self.tell(Fact::LeftOut(left_out));
        }
    }

    async fn mail_exchangers(self, domain: Domain, token: Token) {
        let looking = self.looking_up(|| format!("MX of {domain}"));
        let mut mx = self.probing.effects.names.mx(&domain).await;
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
            hosts.push((domain.into(), Some(0)));
        }
        self.tell(Fact::Mx(mx));
        let ports = self.probing.plan.ports_of(Role::Mx, &[]);
        let mut work = JoinSet::new();
        let addresses = bounds::addresses_each(hosts.len());
        for (host, preference) in hosts {
            let (role, host, ports) = (Role::Mx, Host::Name(host), ports.clone());
            let wanted = Wanted { role, host, preference, ports, named: false, addresses };
            work.spawn(self.clone().server(wanted, token.clone()));
        }
        drop((self, token));
        work.join_all().await;
    }

    async fn announced_submission(self, domain: Domain, token: Token) {
        let looking = self.looking_up(|| format!("submission servers of {domain}"));
        let mut srv = self.probing.effects.names.srv(&domain).await;
        for service in &mut srv {
            let name = service.lookup.name.clone();
            self.tell_left_out(bounds::keep(&mut service.records, bounds::SERVERS, &name, "SRV"));
        }
        drop(looking);
        let servers = submission_servers(&srv);
        self.tell(Fact::Srv(srv));
        self.tell(Fact::Submission(servers.clone()));
        self.submission(servers, token).await;
    }

    async fn named_submission(self, servers: Vec<Server>, token: Token) {
        if servers.is_empty() {
            self.tell(Fact::SubmissionNotAsked);
        }
        let named = |server: Server| SubmissionServer {
            host: server.host,
            port: server.port,
            mode: None,
            source: SubmissionSource::Option,
        };
        let servers: Vec<SubmissionServer> = servers.into_iter().map(named).collect();
        self.tell(Fact::Submission(servers.clone()));
        self.submission(servers, token).await;
    }

    async fn submission(self, servers: Vec<SubmissionServer>, token: Token) {
        let plan = &self.probing.plan;
        let mut wanted: Vec<Wanted> = Vec::new();
        for server in &servers {
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
        let mut work = JoinSet::new();
        for wanted in wanted {
            work.spawn(self.clone().server(wanted, token.clone()));
        }
        drop((self, token));
        work.join_all().await;
    }

    /// Looks a server's addresses up, each family on its own, and probes each address as it comes.
    async fn server(self, mut wanted: Wanted, token: Token) {
        let mut work = JoinSet::new();
        // What is expected of a port can only be told once it was looked at.
        for port in self.probing.plan.expected_ports(&self.target, wanted.role) {
            if !wanted.ports.iter().any(|(known, _)| known.port == port.port) {
                wanted.ports.push((port, Requirement::Optional));
            }
        }
        self.tell(Fact::Wanted(Part {
            role: wanted.role,
            host: wanted.host.clone(),
            ports: wanted.ports.iter().map(|(port, _)| port.port).collect(),
        }));
        match &wanted.host {
            Host::Address(address) => self.address(&mut work, &wanted, *address, &token),
            Host::Name(name) => self.named_server(&mut work, &wanted, name, &token).await,
        }
        // Every endpoint has a token of its own by now; this one would keep the optional ones
        // waiting for themselves.
        drop((self, token));
        work.join_all().await;
    }

    async fn named_server(
        &self,
        work: &mut JoinSet<()>,
        wanted: &Wanted,
        name: &HostName,
        token: &Token,
    ) {
        let (elsewhere, ports): (Vec<Asked>, Vec<Asked>) = wanted
            .ports
            .iter()
            .partition(|(port, _)| self.probing.plan.instead_of(&wanted.host, port.port).is_some());
        let group = group_of(&elsewhere);
        for asked in elsewhere {
            if let Some(to) = self.probing.plan.instead_of(&wanted.host, asked.0.port)
                && self.may_use(to.ip())
            {
                let dialled = (to, true);
                work.spawn(self.clone().endpoint(
                    wanted.clone(),
                    asked,
                    dialled,
                    group.clone(),
                    token.clone(),
                ));
            }
        }
        if ports.is_empty() {
            self.tell(Fact::Host(not_looked_up(name.clone(), AddressSource::ConnectTo)));
            return;
        }
        let wanted = Wanted { ports, ..wanted.clone() };
        // The hosts file counts for servers that the user names, never for those that DNS names.
        let in_file = match wanted.named {
            true => self.probing.effects.names.hosts_file(name),
            false => None,
        };
        match in_file {
            Some(mut addresses) => {
                addresses.retain(|address| self.may_use(*address));
                for address in &addresses {
                    self.address(work, &wanted, *address, token);
                }
                let host = not_looked_up(name.clone(), AddressSource::HostsFile);
                self.tell(Fact::Host(HostObservation { addresses, ..host }));
            }
            None => self.looked_up(work, &wanted, name, token).await,
        }
    }

    async fn looked_up(
        &self,
        work: &mut JoinSet<()>,
        wanted: &Wanted,
        name: &HostName,
        token: &Token,
    ) {
        let names = &self.probing.effects.names;
        // Each family begins to be probed when its own answer is there.
        let begin = |found: &AddressLookup| {
            let mut work = JoinSet::new();
            for address in &found.addresses {
                self.address(&mut work, wanted, *address, token);
            }
            work
        };
        let within_bounds = |mut found: AddressLookup| {
            self.tell_left_out(bounds::keep_addresses(&mut found, wanted.addresses));
            (begin(&found), found)
        };
        let ipv4 = async { names.ipv4(name).await.map(within_bounds) };
        let ipv6 = async { names.ipv6(name).await.map(within_bounds) };
        let looking = self.looking_up(|| format!("addresses of {name}"));
        let (ipv4, ipv6) = tokio::join!(ipv4, ipv6);
        drop(looking);
        let mut host = not_looked_up(name.clone(), AddressSource::Dns);
        for (family, place) in [(ipv4, &mut host.ipv4), (ipv6, &mut host.ipv6)] {
            if let Some((mut begun, found)) = family {
                work.spawn(async move { while begun.join_next().await.is_some() {} });
                host.addresses.extend(&found.addresses);
                *place = Some(found);
            }
        }
        self.tell(Fact::Host(host));
    }

    /// Probes every asked port of one address.
    fn address(&self, work: &mut JoinSet<()>, wanted: &Wanted, address: IpAddr, token: &Token) {
        if !self.may_use(address) {
            return;
        }
        let group = group_of(&wanted.ports);
        for asked in &wanted.ports {
            let instead = self.probing.plan.instead_of(&wanted.host, asked.0.port);
            let to = instead.unwrap_or(SocketAddr::new(address, asked.0.port));
            let dialled = (to, instead.is_some());
            work.spawn(self.clone().endpoint(
                wanted.clone(),
                *asked,
                dialled,
                group.clone(),
                token.clone(),
            ));
        }
    }

    async fn endpoint(
        self,
        wanted: Wanted,
        (port, requirement): Asked,
        (to, redirected): (SocketAddr, bool),
        group: Group,
        token: Token,
    ) {
        let observation = |probe| EndpointObservation {
            role: wanted.role,
            host: wanted.host.clone(),
            preference: wanted.preference,
            address: to.ip(),
            port: port.port,
            mode: port.mode,
            requirement,
            probe,
        };
        let seen = match self.forbidden(wanted.role, to.ip(), redirected) {
            Some(skip) => {
                if requirement == Requirement::OneOf {
                    group.one_is_done();
                }
                observation(Probe::Skipped(skip))
            }
            None => {
                let expected = self.probing.plan.expected_ports(&self.target, wanted.role);
                // Nobody may be told that an expectation is broken because we did not wait.
                let patient = match expected.iter().any(|expected| expected.port == port.port) {
                    true => Requirement::Required,
                    false => requirement,
                };
                let mut patience = Patience::new(
                    patient,
                    self.gate.clone(),
                    token,
                    group.clone(),
                    self.probing.three_syns,
                );
                let spot = Spot {
                    host: wanted.host.clone(),
                    to,
                    port: port.port,
                    redirected,
                    mode: port.mode,
                };
                let probe = self.probe_once(&spot, &mut patience).await;
                // What follows gathers evidence: the endpoint has its result.
                drop(patience);
                if let Probe::Dialled(conversation) = &probe {
                    group.learn(port.port, conversation);
                }
                if requirement == Requirement::OneOf {
                    group.one_is_done();
                }
                let seen = observation(probe);
                self.look_into(&spot, &group, &seen).await;
                seen
            }
        };
        self.tell(Fact::Endpoint(Box::new(seen)));
    }

    /// Looks into why an endpoint fails that has to work, and traces what the user wants traced.
    async fn look_into(&self, spot: &Spot, group: &Group, endpoint: &EndpointObservation) {
        let Some(seen) = endpoint.conversation() else { return };
        if endpoint.is_connected() {
            self.probing.inquiry.remember(endpoint, self.probing.effects.now);
        }
        let required = match endpoint.requirement {
            Requirement::Required => true,
            Requirement::OneOf => !group.settled().await,
            Requirement::Optional => false,
        };
        let trouble = inquiry::trouble_of(spot.mode, seen);
        if required && let Some(trouble) = trouble {
            self.probing.inquiry.remember(endpoint, self.probing.effects.now);
            self.probing.look_into(&spot.subject(), trouble).await;
        }
        let silent = trouble == Some(inquiry::Trouble::Silence);
        if self.probing.plan.trace == TraceWhen::Always && (required || silent) {
            self.probing.trace(&spot.subject()).await;
        }
    }

    /// Probes a spot, or takes what somebody else has seen or is about to see of it. A port that
    /// was given up is dialled again only by somebody who is willing to wait for longer.
    async fn probe_once(&self, spot: &Spot, patience: &mut Patience) -> Probe {
        let places = &self.probing.places;
        let key = (spot.to, spot.host.clone(), spot.mode);
        let shared = places.result(key.clone());
        let probed = shared.get_or_try_init(|| async {
            if patience.has_run_out()
                && let Some(probe) = places.given_up(&key)
            {
                return Err(GivenUp(probe));
            }
            let probed = self.probing.probe_spot(spot, patience).await;
            if let Err(GivenUp(probe)) = &probed {
                places.give_up(key.clone(), probe.clone());
            }
            probed
        });
        match probed.await {
            Ok(probe) => probe.clone(),
            Err(GivenUp(probe)) => probe,
        }
    }

    fn may_use(&self, address: IpAddr) -> bool {
        self.probing.plan.may_use(address)
    }

    fn forbidden(&self, role: Role, address: IpAddr, redirected: bool) -> Option<Skip> {
        let Probing { plan, effects, local, .. } = &*self.probing;
        forbidden(plan, effects, local, role, address, redirected)
    }
}

/// The group of those ports of which one has to work.
fn group_of(ports: &[Asked]) -> Group {
    Group::of(ports.iter().filter(|(_, r)| *r == Requirement::OneOf).count())
}

/// Why an address is not dialled, if it is not. Every address passes through here on its way to a
/// connection, however it was found.
pub(super) fn forbidden(
    plan: &Plan,
    effects: &Effects,
    local: &LocalNetwork,
    role: Role,
    address: IpAddr,
    redirected: bool,
) -> Option<Skip> {
    if plan.public_only && !address::is_public(address) {
        return Some(Skip::NotPublic);
    }
    let why = match address::kind(address) {
        AddressKind::Loopback | AddressKind::Unspecified if role == Role::Mx && !redirected => {
            Some("an MX host at a loopback or unspecified address is this machine itself")
        }
        AddressKind::NoHost => Some("a multicast or reserved address is no host"),
        AddressKind::LinkLocal if address.is_ipv6() => {
            Some("a link-local IPv6 address means nothing without an interface")
        }
        _ => None,
    };
    if let Some(why) = why {
        return Some(Skip::NotDialled(why.to_owned()));
    }
    let (available, skip) = match address {
        IpAddr::V4(_) => (local.ipv4, Skip::NoIpv4Here),
        IpAddr::V6(_) => (local.ipv6, Skip::NoIpv6Here),
    };
    (!available && !effects.connector.has_route(address)).then_some(skip)
}

fn not_looked_up(host: HostName, source: AddressSource) -> HostObservation {
    HostObservation { host, source, ipv4: None, ipv6: None, addresses: Vec::new() }
}
