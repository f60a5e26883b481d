//! Runs a plan: what is asked when, how much at once, and how long is waited.
//!
//! Knows order, concurrency, deadlines and politeness. Must not know what any answer means for
//! the user: it returns [`Observations`], and [`diagnosis`](crate::diagnosis) goes on from there.

pub(crate) mod bounds;
mod endpoint;
mod find;
mod inquiry;
mod network;
mod patience;
mod places;
mod progress;
mod trace;
mod wider;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::find::{Fact, Finder};
use self::inquiry::Inquiry;
use self::patience::Gate;
use self::places::Places;
use crate::names::Target;
use crate::net::connector::Connector;
use crate::observation::{
    DnsObservation, EndpointObservation, LocalNetwork, Observations, TargetObservation,
};
use crate::path::Hops;
use crate::plan::Plan;
use crate::resolve::Names;
use crate::tls::Trust;

pub use self::network::run as network;
pub use self::progress::{Onlooker, Progress, Step};
pub use self::trace::run as trace;

/// The world, as far as a run touches it. Scenario tests replace every part.
pub struct Effects {
    /// Name resolution.
    pub names: Names,
    /// Connections.
    pub connector: Arc<dyn Connector>,
    /// Connections whose packets live for a few hops only.
    pub hops: Arc<dyn Hops>,
    /// What certificates are judged against.
    pub trust: Trust,
    /// The wall clock.
    pub now: fn() -> OffsetDateTime,
    /// This host's own full name, where it has one.
    pub own_name: Option<String>,
    /// The id of the cloud, container or CI service that this machine gives itself away to be in.
    pub environment: Option<String>,
    /// Where progress is told.
    pub progress: Progress,
}

/// One run under way.
struct Probing {
    plan: Plan,
    effects: Effects,
    local: LocalNetwork,
    places: Places,
    jobs: Arc<Semaphore>,
    three_syns: Duration,
    inquiry: Inquiry,
}

/// Targets under way at once. Each has mostly a few dozen probes; `--jobs` bounds them all.
const TARGETS_AT_ONCE: usize = 64;

/// This program and its trust anchors are of this day (2026-11-01T00:00:00Z). It moves forward with
/// the releases; with an old value only fewer wrong clocks are noticed.
const RELEASED: i64 = 1_793_491_200;

/// Carries a plan out and returns what was seen.
///
/// `stop` becomes true when the user interrupts: what is finished by then is returned, and each
/// target that was not says so.
pub async fn run(plan: Plan, effects: Effects, stop: watch::Receiver<bool>) -> Observations {
    let started_at = (effects.now)();
    let start = Instant::now();
    let probing = Arc::new(Probing::new(plan, effects));
    let slots = Arc::new(Semaphore::new(TARGETS_AT_ONCE));
    let mut work = JoinSet::new();
    for (at, (input, target)) in probing.plan.targets.iter().enumerate() {
        let Ok(target) = target else { continue };
        let (probing, slots, stop) = (Arc::clone(&probing), Arc::clone(&slots), stop.clone());
        let (input, target) = (input.clone(), target.clone());
        work.spawn(async move {
            let mut wait = stop.clone();
            let slot = tokio::select! {
                slot = slots.acquire_owned() => slot.ok(),
                () = interrupted(&mut wait) => None,
            };
            let observed = probing.clone().observe(input, target, stop).await;
            probing.effects.progress.target_done();
            drop(slot);
            (at, observed)
        });
    }
    let mut targets: Vec<(usize, TargetObservation)> = work.join_all().await;
    targets.sort_by_key(|(at, _)| *at);
    Observations {
        started_at,
        duration: start.elapsed().into(),
        released_at: OffsetDateTime::from_unix_timestamp(RELEASED).ok(),
        local: probing.local,
        network: probing.inquiry.take(probing.effects.environment.clone()),
        targets: targets.into_iter().map(|(_, target)| target).collect(),
    }
}

impl Probing {
    fn new(plan: Plan, effects: Effects) -> Self {
        Self {
            local: effects.connector.local_network(),
            places: Places::default(),
            jobs: Arc::new(Semaphore::new(plan.jobs)),
            three_syns: effects.connector.three_syns(),
            inquiry: Inquiry::default(),
            plan,
            effects,
        }
    }

    /// Observes one target until everything is seen or the user interrupts.
    async fn observe(
        self: Arc<Self>,
        input: String,
        target: Target,
        mut stop: watch::Receiver<bool>,
    ) -> TargetObservation {
        let start = Instant::now();
        let observed_at = (self.effects.now)();
        let (facts, mut seen) = mpsc::unbounded_channel();
        let (gate, token) = Gate::new();
        let finder =
            Finder { probing: Arc::clone(&self), facts, gate, target: Arc::new(target.clone()) };
        let mut work = JoinSet::new();
        work.spawn(finder.find(token));
        let mut dns = DnsObservation::default();
        let mut endpoints = Vec::new();
        let complete = loop {
            let fact = tokio::select! {
                biased;
                fact = seen.recv() => fact,
                () = interrupted(&mut stop) => break false,
            };
            match fact {
                None => break true,
                Some(fact) => learn(&mut dns, &mut endpoints, fact),
            }
        };
        // Dropping the tasks closes what they hold.
        drop(work);
        dns.left_out.sort_by(|a, b| (&a.name, &a.record_type).cmp(&(&b.name, &b.record_type)));
        dns.hosts.sort_by(|a, b| a.host.cmp(&b.host));
        endpoints.sort_by(|a: &EndpointObservation, b| order(a).cmp(&order(b)));
        TargetObservation {
            input,
            target,
            observed_at,
            duration: start.elapsed().into(),
            complete,
            dns,
            endpoints,
        }
    }
}

fn learn(dns: &mut DnsObservation, endpoints: &mut Vec<EndpointObservation>, fact: Fact) {
    match fact {
        Fact::Mx(mx) => dns.mx = Some(mx),
        Fact::Srv(srv) => dns.srv = srv,
        Fact::Submission(servers) => dns.submission = servers,
        Fact::SubmissionNotAsked => dns.submission_not_asked = true,
        // A host in two roles has its addresses twice.
        Fact::LeftOut(left_out) if dns.left_out.contains(&left_out) => {}
        Fact::LeftOut(left_out) => dns.left_out.push(left_out),
        // A host in two roles is looked up once and reported once.
        Fact::Host(host) if dns.sources(&host.host).any(|known| known.source == host.source) => {}
        Fact::Host(host) => dns.hosts.push(host),
        Fact::Endpoint(endpoint) => endpoints.push(*endpoint),
    }
}

/// Returns when the user interrupts. Whoever drops the sender will not.
async fn interrupted(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
    }
}

/// By role, preference, host, address and port: the order in which a sender would try them.
fn order(endpoint: &EndpointObservation) -> impl Ord + '_ {
    (endpoint.role, endpoint.preference, &endpoint.host, endpoint.address, endpoint.port)
}
