//! From an address to its endpoints: what is probed there, for how long it is waited, and what is
//! looked into when it fails.
//!
//! Knows which addresses nobody may dial, and what one endpoint's result means for how long others
//! are waited for. Must not know how names lead to addresses ([`find`](super)), nor how a conversation
//! is held ([`endpoint`](crate::probe::endpoint)).

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::{Asked, Finder, Wanted, Work, all};
use crate::address::{self, AddressKind};
use crate::observation::{EndpointObservation, LocalNetwork, Probe, Skip};
use crate::plan::{Plan, TraceWhen};
use crate::port::{PortMode, Requirement, Role};
use crate::probe::endpoint::{GivenUp, Spot};
use crate::probe::patience::{Group, Patience, Token};
use crate::probe::seen::Fact;
use crate::probe::{Effects, FAULT, Probing, inquiry};

impl Finder<'_> {
    /// Probes every asked port of addresses.
    pub(super) async fn addresses(&self, wanted: &Wanted, addresses: &[IpAddr], token: Token) {
        let work = Work::new();
        for address in addresses.iter().filter(|address| self.may_use(**address)) {
            let group = group_of(&wanted.ports);
            for asked in &wanted.ports {
                let instead = self.probing.plan.instead_of(&wanted.host, asked.0.port);
                let to = instead.unwrap_or(SocketAddr::new(*address, asked.0.port));
                let dialled = (to, instead.is_some());
                let (group, token) = (group.clone(), token.clone());
                work.push(self.endpoint(wanted, *asked, dialled, group, token).boxed());
            }
        }
        drop(token);
        all(work).await;
    }

    pub(super) async fn endpoint(
        &self,
        wanted: &Wanted,
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
        let host = wanted.host.clone();
        let spot = Spot { host, to, port: port.port, redirected, mode: port.mode };
        let probe = match self.forbidden(wanted.role, to.ip(), redirected) {
            Some(skip) => Probe::Skipped(skip),
            None => {
                let patience = self.patience_with(wanted.role, port, requirement, &group, token);
                self.probe(&spot, patience).await
            }
        };
        if let Probe::Dialled(conversation) = &probe {
            group.learn(port.port, conversation);
        }
        if requirement == Requirement::OneOf {
            group.one_is_done();
        }
        let seen = observation(probe);
        // Whoever interrupts what follows has this result all the same.
        self.tell(Fact::Endpoint(Box::new(seen.clone())));
        // A fault of this program in it leaves gaps in the evidence, and takes no result away.
        let _ = AssertUnwindSafe(self.look_into(&spot, &group, &seen)).catch_unwind().await;
    }

    fn patience_with(
        &self,
        role: Role,
        port: PortMode,
        requirement: Requirement,
        group: &Group,
        token: Token,
    ) -> Patience {
        let expected = self.probing.plan.expected_ports(self.target, role);
        // Nobody may be told that an expectation is broken because we did not wait.
        let patient = match expected.iter().any(|expected| expected.port == port.port) {
            true => Requirement::Required,
            false => requirement,
        };
        Patience::new(patient, self.gate.clone(), token, group.clone(), self.probing.three_syns)
    }

    /// Probes a spot. A fault of this program in one conversation takes nothing from the others, and
    /// is no verdict. The patience ends with it: what follows gathers evidence.
    async fn probe(&self, spot: &Spot, mut patience: Patience) -> Probe {
        let probed = AssertUnwindSafe(self.probe_once(spot, &mut patience)).catch_unwind().await;
        probed.unwrap_or_else(|_| Probe::Skipped(Skip::NotDialled(FAULT.to_owned())))
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
            // Most endpoints never come here, and none has to make room for it.
            Box::pin(self.probing.look_into(&spot.subject(), trouble)).await;
        }
        let silent = trouble == Some(inquiry::Trouble::Silence);
        if self.probing.plan.trace == TraceWhen::Always && (required || silent) {
            Box::pin(self.probing.trace(&spot.subject())).await;
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

    fn forbidden(&self, role: Role, address: IpAddr, redirected: bool) -> Option<Skip> {
        let Probing { plan, effects, local, .. } = &**self.probing;
        forbidden(plan, effects, local, role, address, redirected)
    }
}

/// The group of those ports of which one has to work.
pub(super) fn group_of(ports: &[Asked]) -> Group {
    Group::of(ports.iter().filter(|(_, r)| *r == Requirement::OneOf).count())
}

/// Why an address is not dialled, if it is not. Every address passes through here on its way to a
/// connection, however it was found.
pub(in crate::probe) fn forbidden(
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
        return Some(Skip::Forbidden(why.to_owned()));
    }
    let (available, skip) = match address {
        IpAddr::V4(_) => (local.ipv4, Skip::NoIpv4Here),
        IpAddr::V6(_) => (local.ipv6, Skip::NoIpv6Here),
    };
    (!available && !effects.connector.has_route(address)).then_some(skip)
}
