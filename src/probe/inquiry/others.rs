//! What bears on one target, where each is judged by itself because nothing waits for the last.
//!
//! Knows which few endpoints of a run are worth remembering for all its targets: the first that got
//! through on each port, since what answers anywhere is not blocked on this side; and those whose
//! ways out were looked at, since what stops one may stop the others. Must not know what they prove.

use std::net::SocketAddr;

use time::OffsetDateTime;

use super::dates::{is_out_of_date, is_valid, states_the_time};
use super::state::Inquiry;
use super::trouble::{is_healthy, of_conversation};
use crate::observation::{
    Conversation, EndpointObservation, Gap, NetworkObservation, OtherEndpoint, Probe,
    TargetObservation,
};
use crate::probe::lock;

/// Endpoints of one port and family that are remembered because they got through, each at an address
/// of its own.
const PASSING: usize = 4;

/// Endpoints of one port and family that are remembered because they fail; so many addresses of a
/// family are traced.
const FAILING: usize = 9;

/// Ports that are remembered at all.
const PORTS: usize = 32;

/// Endpoints of targets that bear on other targets.
#[derive(Default)]
pub struct Others {
    /// Those that got through and those that fail.
    endpoints: Vec<OtherEndpoint>,
    /// One that states the same time as this machine's clock.
    same_time: Option<OtherEndpoint>,
    /// One with a trusted certificate that is valid by this clock. Both are kept for the whole run:
    /// without them a few certificates that are out of date would excuse all that follow.
    valid: Option<OtherEndpoint>,
}

impl Others {
    /// Each once.
    fn iter(&self) -> impl Iterator<Item = &OtherEndpoint> {
        let of_the_time = self.same_time.iter().chain(&self.valid);
        let more = of_the_time.filter(|other| !self.endpoints.contains(other));
        self.endpoints.iter().chain(more)
    }
}

impl Inquiry {
    /// Remembers an endpoint that may bear on other targets, where each is judged by itself.
    pub fn remember(&self, endpoint: &EndpointObservation, now: fn() -> OffsetDateTime) {
        let (Some(others), Some(seen)) = (&self.others, endpoint.conversation()) else { return };
        let mut others = lock(others);
        let at = now();
        let other =
            || OtherEndpoint { observed_at: at, endpoint: without_transcript(endpoint, seen) };
        if others.same_time.is_none() && states_the_time(endpoint, at) {
            others.same_time = Some(other());
        }
        if others.valid.is_none() && is_valid(endpoint, at) {
            others.valid = Some(other());
        }
        let fails = !endpoint.is_connected();
        let is_like = |other: &OtherEndpoint| {
            let other = &other.endpoint;
            (other.port, other.address.is_ipv4()) == (endpoint.port, endpoint.address.is_ipv4())
                && other.is_connected() != fails
        };
        let alike = || others.endpoints.iter().filter(|other| is_like(other));
        if alike().any(|other| other.endpoint.address == endpoint.address) {
            return;
        }
        let to = seen.connect.dialled;
        let to = to.unwrap_or(SocketAddr::new(endpoint.address, endpoint.port));
        let room = if fails { FAILING } else { PASSING };
        let displaced = match alike().count() {
            0 if others.endpoints.len() >= PORTS * (PASSING + FAILING) => return,
            known if known < room => None,
            // What went well to its end shows more than what merely began, and the one that was
            // looked into first more than what followed.
            _ if fails && !self.port((endpoint.port, to.is_ipv4())).is_led_by(to) => return,
            _ if !fails && !is_healthy(seen) => return,
            _ => {
                let lesser = |other: &OtherEndpoint| {
                    is_like(other)
                        && (fails || !other.endpoint.conversation().is_some_and(is_healthy))
                };
                match others.endpoints.iter().position(lesser) {
                    None => return,
                    at => at,
                }
            }
        };
        if let Some(at) = displaced {
            others.endpoints.remove(at);
        }
        let other = other();
        others.endpoints.push(other);
    }

    /// What was seen of the way out that bears on a target; nothing but the environment where
    /// nothing of it failed.
    pub fn bearing_on(
        &self,
        target: &TargetObservation,
        environment: Option<String>,
    ) -> NetworkObservation {
        let mut network = NetworkObservation { environment, ..NetworkObservation::default() };
        let failing = |endpoint: &&EndpointObservation| {
            let trouble = |seen| of_conversation(endpoint.mode, seen).is_some();
            endpoint.conversation().is_some_and(|seen| !endpoint.is_connected() || trouble(seen))
        };
        let dialled = || target.endpoints.iter().filter(|e| e.conversation().is_some());
        let fails = dialled().any(|endpoint| failing(&endpoint));
        // Certificates that are out of date may be this machine's clock's fault.
        let dates = dialled().any(|endpoint| is_out_of_date(endpoint, target.observed_at));
        if let Some(others) = &self.others
            && (fails || dates)
        {
            let own = |other: &&OtherEndpoint| {
                let is_it = |e: &EndpointObservation| {
                    (e.address, e.port) == (other.endpoint.address, other.endpoint.port)
                };
                target.endpoints.iter().any(is_it)
            };
            network.others = lock(others).iter().filter(|other| !own(other)).cloned().collect();
        }
        if !fails {
            return network;
        }
        let facts = self.facts();
        // A handshake that fails is compared with those of controls on any port.
        let is_at = |e: &EndpointObservation, port| e.port == port || e.is_connected();
        let at_port = |port| dialled().filter(failing).any(|endpoint| is_at(endpoint, port));
        let is_own = |address| target.endpoints.iter().any(|endpoint| endpoint.address == address);
        // What the same control showed on another port tells whether it is alive.
        let asked = |address| {
            let of_address = facts.controls.iter().filter(|control| control.address == address);
            of_address.map(|control| control.port).any(at_port)
        };
        let controls = facts.controls.iter().filter(|control| asked(control.address));
        network.controls = controls.cloned().collect();
        let bears = |address| {
            is_own(address)
                || network.controls.iter().any(|control| control.address == address)
                || network.others.iter().any(|other| other.endpoint.address == address)
        };
        network.paths = facts.paths.iter().filter(|path| bears(path.address)).cloned().collect();
        let probes = facts.self_probes.iter().filter(|probe| at_port(probe.port));
        network.self_probes = probes.cloned().collect();
        let concerns = |gap: &&Gap| match gap {
            Gap::ControlWithoutAddress { .. } => true,
            Gap::ControlNotDialled { port, .. } => at_port(*port),
            Gap::NotTraced { address, .. } | Gap::EnoughTraced { address, .. } => is_own(*address),
        };
        network.gaps = facts.gaps.iter().filter(concerns).cloned().collect();
        network
    }
}

/// What a transcript is kept of one target for others have no use for.
fn without_transcript(endpoint: &EndpointObservation, seen: &Conversation) -> EndpointObservation {
    let mut endpoint = endpoint.clone();
    if !seen.transcript.is_empty() {
        let conversation = Conversation { transcript: Vec::new(), ..seen.clone() };
        endpoint.probe = Probe::Dialled(conversation.into());
    }
    endpoint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::inquiry::dates::tests::{NOW, target};

    #[test]
    fn what_speaks_for_the_clock_is_told_however_much_else_is_remembered() {
        let inquiry = Inquiry::new(true);
        let seen_at = |days, last: u8| {
            let address = [192, 0, 2, last].into();
            EndpointObservation { address, ..target(days).endpoints.remove(0) }
        };
        for last in 10..30 {
            inquiry.remember(&seen_at(-1, last), || NOW);
        }
        let told = |what: fn(&EndpointObservation) -> bool| {
            let others = inquiry.bearing_on(&target(-1), None).others;
            others.iter().filter(|other| what(&other.endpoint)).count()
        };
        assert_eq!(told(|_| true), PASSING);
        inquiry.remember(&seen_at(90, 30), || NOW);
        let mut states_the_time = seen_at(-1, 31);
        let Probe::Dialled(seen) = states_the_time.probe else { panic!("it was not dialled") };
        let mut seen = Conversation::clone(&seen);
        seen.smtp.stated_time = Some(NOW);
        states_the_time.probe = Probe::Dialled(seen.into());
        inquiry.remember(&states_the_time, || NOW);
        for last in 40..60 {
            inquiry.remember(&seen_at(-1, last), || NOW);
            inquiry.remember(&seen_at(90, last + 100), || NOW);
        }
        assert_eq!(told(|endpoint| super::is_valid(endpoint, NOW)), 1);
        assert_eq!(told(|endpoint| super::states_the_time(endpoint, NOW)), 1);
        assert_eq!(told(|_| true), PASSING + 2);
    }
}
