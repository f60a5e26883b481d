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
mod pulse;
mod put_off;
mod rate;
mod seen;
mod trace;
mod unfinished;
mod wider;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use self::find::Finder;
use self::inquiry::{Dates, Inquiry};
use self::patience::Gate;
use self::places::Places;
use self::pulse::Pulse;
use self::rate::Rate;
use crate::names::Target;
use crate::net::connector::Connector;
use crate::observation::{
    DnsObservation, LocalNetwork, NetworkObservation, Observations, TargetObservation, Unfinished,
};
use crate::path::Hops;
use crate::plan::{Entry, Plan};
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
    rate: Rate,
    started_at: OffsetDateTime,
    three_syns: Duration,
    inquiry: Inquiry,
    /// Where each target is judged by itself.
    dates: Option<Dates>,
    pulse: Pulse,
}

/// Targets under way at once, at least. Each has mostly a few dozen probes; `--jobs` bounds them all.
const TARGETS_AT_ONCE: usize = 64;

/// Of a target's probes about so many are under way at once, where most are answered: with many
/// `--jobs` there have to be more targets, or the jobs would have nothing to do.
const PROBES_OF_A_TARGET: usize = 2;

/// This program and its trust anchors are of this day (2026-11-01T00:00:00Z). It moves forward with
/// the releases; with an old value only fewer wrong clocks are noticed.
const RELEASED: i64 = 1_793_491_200;

/// What is told of something that was not seen because this program failed there, as a clause.
const FAULT: &str = "this program failed while it looked; please report what it printed";

/// A target that is finished.
pub struct Finished {
    /// What was typed, and how it was understood.
    pub entry: Entry,
    /// What was seen of it, and what else of the run bears on it. Of a line of a list that is no
    /// target there is nothing to be seen.
    pub observations: Observations,
}

/// Carries a plan out and returns what was seen.
///
/// `stop` becomes true when the user interrupts: what is finished by then is returned, and each
/// target that was not says so.
pub async fn run(plan: Plan, effects: Effects, stop: watch::Receiver<bool>) -> Observations {
    let start = Instant::now();
    let probing = Arc::new(Probing::new(plan, effects, false));
    let mut entries = stream::iter(probing.plan.targets.clone());
    let (finished, mut seen) = mpsc::channel(1);
    let mut targets = Vec::new();
    let each = |_: &Probing, at: usize, _: Entry, target: Option<TargetObservation>| (at, target);
    let begun = probing.clone().each(&mut entries, each, finished, stop);
    let collected = async {
        while let Some((at, target)) = seen.recv().await {
            targets.extend(target.map(|target| (at, target)));
        }
    };
    let (begun, ()) = tokio::join!(begun, collected);
    let left = probing.plan.targets.iter().enumerate().skip(begun);
    let not_begun = left.filter_map(|(at, (input, target))| {
        let target = target.as_ref().ok()?.clone();
        Some((at, probing.not_begun(input.clone(), target)))
    });
    targets.extend(not_begun);
    targets.sort_by_key(|(at, _)| *at);
    Observations {
        network: probing.inquiry.take(probing.effects.environment.clone()),
        targets: targets.into_iter().map(|(_, target)| target).collect(),
        ..probing.observations(start.elapsed())
    }
}

/// Carries a plan out for targets that come one after the other, however many there are, and sends
/// what `made` makes of each as soon as it is finished. A few at a time are taken in advance, and
/// none while `finished` is full.
///
/// Ends early, and takes no more targets, when `stop` becomes true or nobody listens any longer.
pub async fn run_each<T: Send + 'static>(
    plan: Plan,
    effects: Effects,
    mut entries: impl Stream<Item = Entry> + Unpin,
    made: impl Fn(Finished) -> T + Send + Sync + 'static,
    finished: mpsc::Sender<T>,
    stop: watch::Receiver<bool>,
) {
    let probing = Arc::new(Probing::new(plan, effects, true));
    let each = move |probing: &Probing, _: usize, entry, target: Option<TargetObservation>| {
        let took = target.as_ref().map(|target| target.duration);
        let mut observations = probing.observations(Duration::ZERO);
        observations.duration = took.unwrap_or_default();
        if let Some(target) = &target {
            let environment = probing.effects.environment.clone();
            observations.network = probing.inquiry.bearing_on(target, environment);
        }
        observations.targets.extend(target);
        made(Finished { entry, observations })
    };
    probing.each(&mut entries, each, finished, stop).await;
}

impl Probing {
    /// `by_target` says that each target is judged by itself.
    fn new(plan: Plan, effects: Effects, by_target: bool) -> Self {
        Self {
            local: effects.connector.local_network(),
            places: Places::new(plan.bulk),
            jobs: Arc::new(Semaphore::new(plan.jobs)),
            rate: Rate::of(plan.rate),
            started_at: (effects.now)(),
            three_syns: effects.connector.three_syns(),
            inquiry: Inquiry::new(by_target),
            dates: by_target.then(Dates::default),
            pulse: Pulse::begin(effects.now),
            plan,
            effects,
        }
    }

    /// Observes targets as they come, a bounded number at a time, and sends what is made of each.
    /// Returns how many were taken.
    async fn each<T: Send + 'static>(
        self: Arc<Self>,
        entries: &mut (impl Stream<Item = Entry> + Unpin),
        made: impl Fn(&Self, usize, Entry, Option<TargetObservation>) -> T + Send + Sync + 'static,
        finished: mpsc::Sender<T>,
        stop: watch::Receiver<bool>,
    ) -> usize {
        let at_once = TARGETS_AT_ONCE.max(self.plan.jobs / PROBES_OF_A_TARGET);
        let made = Arc::new(made);
        let mut work = JoinSet::new();
        let mut interrupt = stop.clone();
        let mut taken = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = interrupted(&mut interrupt) => break,
                () = finished.closed() => break,
                Some(ended) = work.join_next() => {
                    ended_well(ended);
                    continue;
                }
                next = entries.next(), if work.len() < at_once => next,
            };
            let Some((input, understood)) = next else { break };
            let at = taken;
            taken += 1;
            let (probing, made) = (Arc::clone(&self), Arc::clone(&made));
            let (finished, stop) = (finished.clone(), stop.clone());
            work.spawn(async move {
                let target = match understood.clone() {
                    Ok(target) => Some(probing.observe_in_time(input.clone(), target, stop).await),
                    Err(_) => None,
                };
                probing.effects.progress.target_done();
                let result = made(&probing, at, (input, understood), target);
                // Whoever listens no longer wants nothing more.
                let _ = finished.send(result).await;
            });
        }
        let mut wanted = true;
        loop {
            tokio::select! {
                biased;
                () = finished.closed(), if wanted => {
                    wanted = false;
                    work.abort_all();
                }
                ended = work.join_next() => match ended {
                    Some(ended) => ended_well(ended),
                    None => break taken,
                },
            }
        }
    }

    /// What is true of a run before anything was seen.
    fn observations(&self, duration: Duration) -> Observations {
        Observations {
            started_at: self.started_at,
            duration: duration.into(),
            released_at: OffsetDateTime::from_unix_timestamp(RELEASED).ok(),
            local: self.local,
            network: NetworkObservation::default(),
            targets: Vec::new(),
        }
    }

    /// What there is to say of a target on which no work began before the user interrupted.
    fn not_begun(&self, input: String, target: Target) -> TargetObservation {
        TargetObservation {
            input,
            target,
            observed_at: (self.effects.now)(),
            duration: Duration::ZERO.into(),
            complete: false,
            unfinished: vec![Unfinished::Everything],
            dns: DnsObservation::default(),
            endpoints: Vec::new(),
        }
    }

    /// Observes one target, until it can be judged or the user interrupts.
    async fn observe_in_time(
        self: &Arc<Self>,
        input: String,
        target: Target,
        mut stop: watch::Receiver<bool>,
    ) -> TargetObservation {
        let under_way = self.dates.as_ref().map(Dates::begin);
        let target = self.observe(input, target, &mut stop).await;
        if let Some(under_way) = &under_way {
            tokio::select! {
                () = under_way.can_be_judged(&target) => {}
                () = interrupted(&mut stop) => {}
            }
        }
        target
    }

    /// Observes one target until everything is seen or the user interrupts.
    async fn observe(
        self: &Arc<Self>,
        input: String,
        target: Target,
        stop: &mut watch::Receiver<bool>,
    ) -> TargetObservation {
        let start = Instant::now();
        let observed_at = (self.effects.now)();
        let (gate, token) = Gate::new();
        let finder = Finder::new(self, &target, gate);
        let complete = tokio::select! {
            biased;
            () = finder.find(token) => true,
            () = interrupted(stop) => false,
        };
        let seen = finder.into_seen();
        let unfinished = if complete { Vec::new() } else { seen.unfinished(&target) };
        let (dns, endpoints) = seen.in_order();
        TargetObservation {
            input,
            target,
            observed_at,
            duration: start.elapsed().into(),
            complete,
            unfinished,
            dns,
            endpoints,
        }
    }
}

/// A fault of this program is not hidden by the task in which it happened.
pub fn ended_well(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}

/// Returns when the user interrupts. Whoever drops the sender will not.
async fn interrupted(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stopped| *stopped).await.is_err() {
        std::future::pending().await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
