//! Looks into why a required port fails: asks controls, walks ladders, tries this machine itself.
//!
//! Knows when evidence is worth its packets, and what is polite towards those who had no part in
//! it: a control sees one conversation an address and port, and few paths are traced. Must not know
//! what the evidence means for the user; that is for [`diagnosis`](crate::diagnosis). Begin with
//! [`Probing::look_into`]; the facts that all of it shares are in [`Inquiry`].

mod conclusion;
mod controls;
mod dates;
mod ladders;
mod others;
mod state;
mod trouble;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::Probing;
use super::endpoint::{Manner, Spot};
use super::progress::Step;
use crate::address;
use crate::names::Host;
use crate::net::connect::Dialling;
use crate::observation::{ConnectOutcome, Gap, Reply, SelfProbe};
use crate::path::Rail;
use crate::plan::TraceWhen;
use crate::port::Mode;
use crate::resolve::BoxFuture;

pub use self::controls::Depth;
pub use self::dates::Dates;
pub use self::state::Inquiry;
pub use self::trouble::{Trouble, handshake_stalled, of_conversation as trouble_of};

/// A required port that has been silent for this long is looked into while it is still waited for:
/// the first repeated SYN of every system has left by then, so one lost packet starts nothing.
pub const SUSPICIOUS: Duration = Duration::from_millis(1200);

/// How long a connection to this machine's own address may take. It needs no network, so an answer
/// is there at once; and the kernel does not repeat the SYN before.
const SELF_PROBE: Duration = Duration::from_millis(900);

/// How long this machine's own mail server, if it is one, may take to greet.
const SELF_GREETING: Duration = Duration::from_secs(5);

/// A port that fails.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The server.
    pub host: Host,
    /// What is dialled.
    pub to: SocketAddr,
    /// The port that is meant.
    pub port: u16,
    /// How TLS begins there.
    pub mode: Mode,
}

/// A port in one address family: what is blocked is mostly that.
pub type PortKey = (u16, bool);

impl Subject {
    /// The port and the family.
    pub fn key(&self) -> PortKey {
        (self.port, self.to.is_ipv4())
    }
}

impl Probing {
    /// Gathers what bears on why a port fails, once for everybody who asks. Returns when all of it
    /// is in.
    pub(super) async fn look_into(self: &Arc<Self>, subject: &Subject, trouble: Trouble) {
        let looked = self.inquiry.looked_into(subject.to, trouble);
        looked
            .get_or_init(|| async {
                match trouble {
                    Trouble::Silence => self.look_into_silence(subject).await,
                    Trouble::Refusal => self.look_into_refusal(subject).await,
                    Trouble::Dialogue => self.look_into_dialogue(subject).await,
                }
            })
            .await;
    }

    /// As [`look_into`](Self::look_into), for a port that is still waited for. Its type has a name,
    /// as the inquiry holds conversations, too, and those may raise the alarm.
    pub(super) fn look_into_later(self: Arc<Self>, subject: Subject) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.look_into(&subject, Trouble::Silence).await })
    }

    async fn look_into_silence(self: &Arc<Self>, subject: &Subject) {
        tokio::join!(
            self.ask_controls(subject, Depth::Greeting),
            self.try_own_address(subject, false),
            self.trace_silence(subject),
        );
        if !self.inquiry.has_ladder_of(subject.key()) {
            self.ask_whether_controls_are_alive(subject).await;
        }
    }

    /// The first of a port shows for all of them whether it leaves this side. Where it does, each
    /// of the others is stopped somewhere of its own.
    async fn trace_silence(self: &Arc<Self>, subject: &Subject) {
        let state = self.inquiry.port(subject.key());
        if state.leads(subject.to) {
            tokio::join!(self.trace(subject), self.trace_a_control(subject, false));
            self.conclude(subject).await;
            state.leader_is_done();
        } else {
            state.leaders_end().await;
            if !state.silence_is_conclusive() {
                self.trace(subject).await;
            }
        }
    }

    async fn look_into_refusal(self: &Arc<Self>, subject: &Subject) {
        let state = self.inquiry.port(subject.key());
        let leads = state.leads(subject.to);
        tokio::join!(self.ask_controls(subject, Depth::Greeting), async {
            if leads {
                self.trace(subject).await;
            }
        });
        match self.inquiry.some_control_connects(subject.key()) {
            // Whatever refuses it, it is not this side's rule for the port.
            true if !leads => self.trace(subject).await,
            true => self.trace_a_control(subject, false).await,
            false if leads => self.trace_a_control(subject, true).await,
            // What the leader's ladders show stands for all.
            false => state.leaders_end().await,
        }
        if leads {
            // The silent ones wait for it as well.
            state.leader_is_done();
        }
    }

    /// A proxy or a filter on this side shows itself at controls as well, so the ladders wait for
    /// those: most conversations that go wrong go wrong at their server.
    async fn look_into_dialogue(self: &Arc<Self>, subject: &Subject) {
        self.ask_controls(subject, Depth::Everything).await;
        if self.inquiry.every_control_fails(subject.key()) {
            self.try_own_address(subject, true).await;
            self.trace(subject).await;
            self.trace_a_control(subject, true).await;
        }
    }

    /// Connects to the address that the failing connections left from, on the same port: a filter
    /// for outgoing packets that names no interface swallows that, too, and a rule that redirects
    /// them takes it. With `greeting` it is waited for what is said there.
    async fn try_own_address(self: &Arc<Self>, subject: &Subject, greeting: bool) {
        let bind = self.plan.bind_for(subject.to.ip());
        let Some(own) = self.effects.connector.source(subject.to.ip(), bind) else { return };
        let forbidden = self.plan.public_only && !address::is_public(own);
        if own == subject.to.ip() || own.is_loopback() || forbidden {
            return;
        }
        let state = self.inquiry.port(subject.key());
        let once = if greeting { &state.greeted_here } else { &state.self_probe };
        once.get_or_init(|| async {
            let port = subject.port;
            let to = SocketAddr::new(own, port);
            let probe = match greeting {
                true => self.greeting_at(to, subject.mode).await,
                false => {
                    let dialling = Dialling::new(to, None, SELF_PROBE);
                    let dialled = self.effects.connector.connect(&dialling).await;
                    dialled.ok().map(|(facts, _)| (facts.outcome, None))
                }
            };
            // A shortage of this machine shows nothing, and nothing is claimed.
            if let Some((outcome, greeting)) = probe {
                let probe = SelfProbe { address: own, port, outcome, greeting };
                self.inquiry.add(|facts| facts.self_probes.push(probe));
            }
        })
        .await;
    }

    async fn greeting_at(
        self: &Arc<Self>,
        to: SocketAddr,
        mode: Mode,
    ) -> Option<(ConnectOutcome, Option<Reply>)> {
        let spot =
            Spot { host: Host::Address(to.ip()), to, port: to.port(), redirected: false, mode };
        let (connect_timeout, timeout) = (SELF_PROBE, SELF_GREETING);
        let usual = Manner::of(self);
        let manner = Manner { only_greeting: true, connect_timeout, timeout, ..usual };
        let under_way = self.effects.progress.begin(Step::Waiting, || spot.label());
        let seen = self.one_conversation(&spot, manner, &under_way).await.ok()?;
        Some((seen.connect.outcome, seen.smtp.greeting))
    }

    /// Walks the ladder to a port, and to a reference port of the same address.
    pub(super) async fn trace(&self, subject: &Subject) {
        if self.plan.trace == TraceWhen::Never {
            return;
        }
        let address = subject.to.ip();
        if !self.inquiry.may_trace(address) {
            let gap = Gap::EnoughTraced { address, port: subject.port };
            self.inquiry.add_gap(gap);
            return;
        }
        let reference = self.inquiry.reference(subject.to, subject.port);
        let own = Rail { port: subject.port, to: subject.to };
        self.walk(&[own, reference], address).await;
    }

    /// Walks a ladder to a control that is unrelated to the subject, to see which hops the ways
    /// share. `same_port` walks the port in question, too: what comes from there is compared.
    async fn trace_a_control(&self, subject: &Subject, same_port: bool) {
        if self.plan.trace == TraceWhen::Never {
            return;
        }
        let places = self.control_places(subject).await;
        let unrelated = |place: &&controls::Place| {
            let one = (&place.host, place.to.ip());
            !crate::control::are_related(one, (&subject.host, subject.to.ip()))
        };
        let Some(place) = places.iter().find(unrelated) else { return };
        let address = place.to.ip();
        let reference = self.inquiry.answering_anywhere(place.to, subject.port);
        let own = Rail { port: subject.port, to: place.to };
        match same_port {
            true => self.walk(&[own, reference], address).await,
            false => self.walk(&[reference], address).await,
        }
    }
}

/// Both addresses are of the same family.
fn same_family(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
}
