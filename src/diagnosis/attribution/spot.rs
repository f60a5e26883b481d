//! One port of one address, and what its conversation shows by itself.
//!
//! Must not know any other port: [`evidence`](super::evidence) compares them.

use std::net::IpAddr;

use super::signs::Broken;
use crate::address;
use crate::diagnosis::stop::{Break, Stop};
use crate::names::Host;
use crate::observation::{
    ConnectOutcome, Conversation, EndpointObservation, Phase, Reply, SecondLook, SmtpFacts,
};
use crate::port::Mode;

/// One port of one address, and what was seen there.
#[derive(Clone, Copy)]
pub struct Spot<'a> {
    pub host: &'a Host,
    pub address: IpAddr,
    pub port: u16,
    pub mode: Mode,
    pub seen: &'a Conversation,
    /// It is a control, and this is who runs it.
    pub control: Option<&'a str>,
}

impl<'a> Spot<'a> {
    /// An endpoint that was dialled.
    pub fn of(endpoint: &'a EndpointObservation) -> Option<Self> {
        let seen = endpoint.conversation()?;
        let EndpointObservation { host, address, port, mode, .. } = endpoint;
        Some(Self { host, address: *address, port: *port, mode: *mode, seen, control: None })
    }

    pub(super) fn outcome(&self) -> &'a ConnectOutcome {
        &self.seen.connect.outcome
    }

    pub(super) fn place(&self) -> (&'a Host, IpAddr) {
        (self.host, self.address)
    }

    /// The same port in the same family.
    pub(super) fn is_like(&self, other: &Spot<'_>) -> bool {
        self.port == other.port && self.address.is_ipv4() == other.address.is_ipv4()
    }

    /// Both lie in the public network, or neither does: what stops packets on their way out says
    /// nothing of a server in the same network, and the other way round.
    pub(super) fn goes_out_like(&self, other: &Spot<'_>) -> bool {
        self.goes_out() == other.goes_out()
    }

    /// It lies in the public network, and is not this machine.
    pub(super) fn goes_out(&self) -> bool {
        let own = self.seen.connect.local.is_some_and(|local| local.ip() == self.address);
        !own && address::is_public(self.address)
    }

    /// The form in which people quote an endpoint: `name[address]:port`.
    pub fn label(&self) -> String {
        crate::observation::label(self.host, self.address, self.port)
    }

    /// `name[address]`, for sentences about a server as a whole.
    pub fn server(&self) -> String {
        match self.host {
            Host::Name(name) => format!("{name}[{}]", self.address),
            Host::Address(address) => address.to_string(),
        }
    }
}

/// What was wrong with a conversation, as far as the way can be the reason.
pub(super) fn broken(spot: Spot<'_>) -> Broken {
    let looked = spot.seen.second_look.as_ref();
    match Stop::of_conversation(spot.mode, spot.seen) {
        Stop::GreetingMissing => Broken::Dialogue,
        Stop::Dropped { how: Break::TooMuch(_) | Break::Failed(_), .. } => Broken::Not,
        Stop::Dropped { step: Phase::Tls, .. }
            if looked == Some(&SecondLook::SmallSegmentsPass) =>
        {
            Broken::LargePackets
        }
        Stop::Dropped { step: Phase::Tls, .. } => Broken::Handshake,
        Stop::Dropped { step: Phase::Greeting | Phase::Ehlo | Phase::Starttls, .. } => {
            Broken::Dialogue
        }
        _ => Broken::Not,
    }
}

/// The step at which a conversation broke off.
pub(super) fn step(spot: Spot<'_>) -> Option<Phase> {
    match Stop::of_conversation(spot.mode, spot.seen) {
        Stop::GreetingMissing => Some(Phase::Greeting),
        Stop::Dropped { step, .. } => Some(step),
        _ => None,
    }
}

pub(super) fn got_farther(spot: Spot<'_>, than: Option<Phase>) -> bool {
    let smtp = &spot.seen.smtp;
    match than {
        Some(Phase::Greeting) => smtp.greeting.is_some(),
        Some(Phase::Ehlo) => smtp.capabilities.is_some(),
        Some(Phase::Starttls) => smtp.starttls.as_ref().is_some_and(|s| s.reply.is_some()),
        _ => false,
    }
}

pub(super) fn offers_starttls(smtp: &SmtpFacts) -> Option<bool> {
    smtp.capabilities.as_ref().map(|capabilities| capabilities.offers("STARTTLS"))
}

/// The host that a greeting names (RFC 5321 §4.2: it stands first).
pub(super) fn greets_as(spot: Spot<'_>) -> Option<Host> {
    greeted_host(spot.seen.smtp.greeting.as_ref()?)
}

pub(super) fn greeted_host(greeting: &Reply) -> Option<Host> {
    let first = greeting.lines.first()?;
    let word = first.split_whitespace().next()?.trim_end_matches('.');
    let host = Host::parse(&word.to_ascii_lowercase()).ok()?;
    host.name().is_some_and(|name| name.as_str().contains('.')).then_some(host)
}
