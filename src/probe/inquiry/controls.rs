//! Asks controls: whom, how far, and not twice.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::state::{HTTPS, PortState};
use super::{PortKey, Subject};
use crate::control::Control;
use crate::names::Host;
use crate::observation::{AddressLookup, ControlObservation, Conversation, Gap, Skip};
use crate::port::{Mode, PortMode, RELAY, Role, SUBMISSION};
use crate::probe::endpoint::{Manner, Spot, Unfinished};
use crate::probe::find::forbidden;
use crate::probe::progress::Step;
use crate::probe::{FAULT, Probing, lock};

/// Controls that are asked about one port in one family: two unrelated operators are a second
/// opinion, more are a burden on people who have no part in this.
const ASKED: usize = 2;

/// A control answers soon; this is far beyond what a good server's greeting takes.
const LIMIT: Duration = Duration::from_secs(10);

/// How far a control's conversation goes: as far as the target's did, and no farther.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The greeting, then QUIT: whether the port lets a connection through.
    Greeting,
    /// To the EHLO inside TLS, then QUIT.
    Everything,
}

/// A control, and where it is dialled.
#[derive(Clone, Debug)]
pub struct Place {
    /// The server.
    pub host: Host,
    /// Who runs it.
    pub operator: String,
    /// What is dialled.
    pub to: SocketAddr,
    /// `--connect-to` leads there.
    pub redirected: bool,
}

impl Probing {
    /// Asks the controls of a subject's port and family, once for everybody. Those that were asked
    /// for their greeting only are not asked again: one conversation is what they are good for.
    pub(super) async fn ask_controls(self: &Arc<Self>, subject: &Subject, depth: Depth) {
        let state = self.inquiry.port(subject.key());
        let asked = match depth {
            Depth::Greeting if state.talked.initialized() => return,
            Depth::Greeting => &state.greeted,
            Depth::Everything => &state.talked,
        };
        asked
            .get_or_init(|| async {
                let places = self.control_places(subject).await;
                let fresh: Vec<Place> = match depth {
                    Depth::Greeting => places.iter().take(ASKED).cloned().collect(),
                    Depth::Everything => {
                        let asked = if state.greeted.initialized() { ASKED } else { 0 };
                        places.iter().skip(asked).take(ASKED).cloned().collect()
                    }
                };
                self.talk_to_all(fresh, subject.key(), subject.mode, depth, &state).await;
            })
            .await;
    }

    /// Asks the controls of a port although no target has failed. What was asked in this way is not
    /// asked again.
    pub(in crate::probe) async fn ask_controls_for_themselves(
        self: &Arc<Self>,
        subject: &Subject,
        depth: Depth,
    ) {
        let state = self.inquiry.port(subject.key());
        state
            .greeted
            .get_or_init(|| async {
                let places = state.places.get_or_init(|| self.find_controls(subject.key())).await;
                let asked = places.iter().take(ASKED).cloned().collect();
                self.talk_to_all(asked, subject.key(), subject.mode, depth, &state).await;
            })
            .await;
        // Whoever wants to know more of them has all that there is.
        let _ = state.talked.set(());
    }

    async fn talk_to_all(
        self: &Arc<Self>,
        places: Vec<Place>,
        (port, _): PortKey,
        mode: Mode,
        depth: Depth,
        state: &Arc<PortState>,
    ) {
        let each = places.into_iter().map(|place| async {
            let host = place.host.clone();
            let talk = self.talk_to(place, port, mode, depth, state);
            AssertUnwindSafe(talk).catch_unwind().await.unwrap_or_else(|_| {
                let why = FAULT.to_owned();
                self.inquiry.add_gap(Gap::ControlNotDialled { host, port, why });
                None
            })
        });
        let seen = join_all(each).await.into_iter().flatten();
        self.inquiry.add(|facts| facts.controls.extend(seen));
    }

    async fn talk_to(
        self: &Arc<Self>,
        place: Place,
        port: u16,
        mode: Mode,
        depth: Depth,
        state: &Arc<PortState>,
    ) -> Option<ControlObservation> {
        let Place { host, operator, to, redirected } = place;
        {
            // Whoever was asked on this port, for whatever reason, is not asked again.
            let mut asked = lock(&state.dialled_at);
            if asked.contains(&to) {
                return None;
            }
            asked.push(to);
        }
        self.inquiry.dials(&host, to.ip());
        lock(&state.dialled).push(Instant::now());
        let spot = Spot { host: host.clone(), to, port, redirected, mode };
        let timeout = self.plan.timeout.min(LIMIT);
        let only_greeting = depth == Depth::Greeting;
        // Two SYNs are a control's chance, and the conclusion has waited for them.
        let own_silence = Duration::ZERO;
        let usual = Manner::of(self);
        let manner = Manner { only_greeting, timeout, own_silence, ..usual };
        let under_way = self.effects.progress.begin(Step::Waiting, || spot.label());
        let seen = match self.one_conversation(&spot, manner, &under_way).await {
            Ok(seen) => seen,
            Err(Unfinished::GivenUp(seen)) => *seen,
            Err(unfinished) => {
                let why = unfinished.why();
                let gap = Gap::ControlNotDialled { host, port, why };
                self.inquiry.add_gap(gap);
                return None;
            }
        };
        // What a transcript of strangers' servers is kept for nobody asked.
        let conversation = Box::new(Conversation { transcript: Vec::new(), ..seen });
        Some(ControlObservation { host, operator, address: to.ip(), port, mode, conversation })
    }

    /// Greets the controls that are silent on a port on another one, where no ladder shows anything:
    /// a network that is down altogether stops no port.
    pub(super) async fn ask_whether_controls_are_alive(self: &Arc<Self>, subject: &Subject) {
        let state = self.inquiry.port(subject.key());
        state
            .alive
            .get_or_init(|| async {
                let places = self.control_places(subject).await;
                for place in places.into_iter().take(ASKED) {
                    let rail = self.inquiry.answering_anywhere(place.to, subject.port);
                    // Not with a mail client's manners at a web server's door.
                    let port = match rail.port {
                        HTTPS => self.another_mail_port(subject.port),
                        port => PortMode::usual(port),
                    };
                    let other = self.inquiry.port((port.port, subject.to.is_ipv4()));
                    let to = SocketAddr::new(place.to.ip(), port.port);
                    if place.redirected {
                        continue;
                    }
                    let place = Place { to, ..place };
                    let key = (port.port, subject.to.is_ipv4());
                    self.talk_to_all(vec![place], key, port.mode, Depth::Greeting, &other).await;
                }
            })
            .await;
    }

    /// A mail port that is not the one in question, of those that are asked about if possible.
    fn another_mail_port(&self, than: u16) -> PortMode {
        let asked = self.plan.ports.iter().copied().find(|port| port.port != than);
        let usual = [SUBMISSION, RELAY].into_iter().find(|port| *port != than);
        asked.unwrap_or_else(|| PortMode::usual(usual.unwrap_or(SUBMISSION)))
    }

    /// Where the controls of a subject's port and family are, those of each operator once. A control
    /// that is related to the subject is no second opinion.
    pub(super) async fn control_places(&self, subject: &Subject) -> Vec<Place> {
        let state = self.inquiry.port(subject.key());
        let places = state.places.get_or_init(|| self.find_controls(subject.key())).await;
        let own = (&subject.host, subject.to.ip());
        let unrelated =
            |place: &&Place| !crate::control::are_related((&place.host, place.to.ip()), own);
        places.iter().filter(unrelated).cloned().collect()
    }

    pub(in crate::probe) async fn find_controls(&self, key: PortKey) -> Vec<Place> {
        let (port, ipv4) = key;
        let controls = self.plan.controls.for_port(port);
        let found = controls.into_iter().map(|control| self.find_control(control, port, ipv4));
        let mut places: Vec<Place> = Vec::new();
        for place in join_all(found).await.into_iter().flatten() {
            let known = |other: &Place| other.operator == place.operator || other.to == place.to;
            if !places.iter().any(known) {
                places.push(place);
            }
        }
        places
    }

    async fn find_control(&self, control: Control, port: u16, ipv4: bool) -> Option<Place> {
        let Control { host, operator } = control;
        let instead = self.plan.instead_of(&host, port);
        let of_family = |address: &IpAddr| address.is_ipv4() == ipv4;
        let (address, lookup) = match (&host, instead) {
            (_, Some(to)) => (Some(to.ip()).filter(of_family), None),
            (Host::Address(address), None) => (Some(*address).filter(of_family), None),
            (Host::Name(name), None) => {
                let names = &self.effects.names;
                match names.hosts_file(name) {
                    Some(addresses) => (addresses.into_iter().find(of_family), None),
                    None => {
                        let found =
                            if ipv4 { names.ipv4(name).await } else { names.ipv6(name).await };
                        let AddressLookup { lookup, addresses, .. } = found?;
                        (addresses.first().copied(), Some(lookup))
                    }
                }
            }
        };
        let Some(address) = address else {
            let gap = Gap::ControlWithoutAddress { host, ipv4, lookup };
            self.inquiry.add_gap(gap);
            return None;
        };
        let redirected = instead.is_some();
        if let Some(skip) =
            forbidden(&self.plan, &self.effects, &self.local, Role::Host, address, redirected)
        {
            let why = match skip {
                Skip::Forbidden(why) | Skip::NotDialled(why) => why,
                Skip::NoIpv4Here => "this machine has no IPv4".to_owned(),
                Skip::NoIpv6Here => "this machine has no IPv6".to_owned(),
                Skip::NotPublic => format!("{address} is not a public address"),
            };
            self.inquiry.add_gap(Gap::ControlNotDialled { host, port, why });
            return None;
        }
        let to = instead.unwrap_or(SocketAddr::new(address, port));
        Some(Place { host, operator, to, redirected })
    }
}
