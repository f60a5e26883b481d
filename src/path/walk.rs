//! Carries ladders out: sends what the ladder asks for, and tells it what came.
//!
//! Knows the clock, the pace that all ladders share, and that one port's distance helps another's
//! ladder to end. Must not know which TTL is next; [`ladder`](super::ladder) does.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Hops;
use super::ladder::{Ladder, PATIENCE, Reference, Seen, Step};
use super::pace::Pace;
use crate::net::connect::{Dialling, Shortage};
use crate::observation::{Connect, ConnectOutcome, PathEnd, PathObservation};

/// One port of an address, as a ladder sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rail {
    /// The port that is meant.
    pub port: u16,
    /// What is dialled.
    pub to: SocketAddr,
}

/// What came of a walk: a path, or why there is none.
pub type Walked = Result<PathObservation, String>;

/// Walks ladders, of one run: they share the routers' patience.
#[derive(Clone)]
pub struct Walks {
    hops: Arc<dyn Hops>,
    pace: Arc<Mutex<Pace>>,
    began: Instant,
}

impl Walks {
    /// Nothing walked yet.
    pub fn new(hops: Arc<dyn Hops>) -> Self {
        Self { hops, pace: Arc::default(), began: Instant::now() }
    }

    /// Walks the ladders of several ports of one address side by side, so that the first that is
    /// answered tells the others how far the server is. `each` gets every path as it is finished,
    /// with its place among `rails`. Dropping the future closes what is under way.
    pub async fn side_by_side(
        &self,
        rails: &[Rail],
        bind: Option<IpAddr>,
        each: impl FnMut(usize, Walked),
    ) {
        self.walk_all(rails, bind, Ladder::new, Reference::default(), each).await;
    }

    /// As [`side_by_side`](Self::side_by_side), but each ladder ends as soon as it shows where its
    /// path stops. `known` is what earlier ladders to the address have shown.
    pub async fn briefly(
        &self,
        rails: &[Rail],
        bind: Option<IpAddr>,
        known: Reference,
        each: impl FnMut(usize, Walked),
    ) {
        self.walk_all(rails, bind, Ladder::brief, known, each).await;
    }

    async fn walk_all(
        &self,
        rails: &[Rail],
        bind: Option<IpAddr>,
        ladder: fn(IpAddr) -> Ladder,
        known: Reference,
        mut each: impl FnMut(usize, Walked),
    ) {
        let shown = Arc::new(watch::channel(known).0);
        let mut work = JoinSet::new();
        for (at, rail) in rails.iter().copied().enumerate() {
            let (walks, shown) = (self.clone(), Arc::clone(&shown));
            let ladder = ladder(rail.to.ip());
            work.spawn(async move { (at, walks.walk(rail, bind, ladder, &shown).await) });
        }
        while let Some(done) = work.join_next().await {
            match done {
                Ok((at, walked)) => each(at, walked),
                // A task that panicked has told so itself; its path is missing.
                Err(_) => continue,
            }
        }
    }

    async fn walk(
        &self,
        rail: Rail,
        bind: Option<IpAddr>,
        mut ladder: Ladder,
        shown: &watch::Sender<Reference>,
    ) -> Walked {
        let address = rail.to.ip();
        let mut others = shown.subscribe();
        ladder.refer_to(*others.borrow_and_update());
        let dialling = Dialling::new(rail.to, bind, PATIENCE);
        let mut under_way = JoinSet::new();
        let mut local = None;
        loop {
            let now = self.began.elapsed();
            let wake = match ladder.next(now) {
                Step::Done => break,
                Step::Wait(until) => until,
                Step::Probe(ttl) => match self.leave(address, ttl, now) {
                    Err(earliest) => Some(earliest),
                    Ok(()) => {
                        ladder.sent(ttl, now);
                        let (hops, dialling) = (Arc::clone(&self.hops), dialling.clone());
                        under_way.spawn(async move { (ttl, hops.probe(&dialling, ttl).await) });
                        continue;
                    }
                },
            };
            tokio::select! {
                Some(Ok((ttl, outcome))) = under_way.join_next() => {
                    let facts = outcome.map_err(|Shortage(why)| why)?;
                    local = local.or(facts.local.map(|local| local.ip()));
                    ladder.learn(ttl, seen(&facts)?, facts.elapsed, self.began.elapsed());
                    show(shown, ladder.shows());
                }
                Ok(()) = others.changed() => ladder.refer_to(*others.borrow_and_update()),
                () = until(self.began, wake) => {}
            }
        }
        let (hops, end) = ladder.result();
        let path = PathObservation { address, port: rail.port, local, hops, end };
        show(shown, Reference { distance: path.own_distance(), ..Reference::default() });
        Ok(path)
    }

    fn leave(&self, to: IpAddr, ttl: u8, now: Duration) -> Result<(), Duration> {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.take(to.is_ipv4(), ttl, now)
    }
}

/// Tells the ladders of the other ports what this one shows. What a ladder shows reaches itself,
/// too: it learns nothing new from it.
fn show(shown: &watch::Sender<Reference>, what: Reference) {
    shown.send_if_modified(|known| {
        let before = *known;
        known.add(what);
        *known != before
    });
}

async fn until(began: Instant, wake: Option<Duration>) {
    match wake {
        Some(at) => sleep_until(began + at).await,
        None => std::future::pending().await,
    }
}

/// What an attempt is to a ladder.
///
/// # Errors
///
/// Where no packet left this machine, why.
fn seen(facts: &Connect) -> Result<Seen, String> {
    Ok(match &facts.outcome {
        ConnectOutcome::Connected => Seen::Answer(PathEnd::Connected),
        ConnectOutcome::Refused => Seen::Answer(PathEnd::Refused),
        ConnectOutcome::IcmpUnreachable(icmp) => Seen::of_icmp(*icmp),
        ConnectOutcome::TimedOut => Seen::Nothing,
        ConnectOutcome::NoRoute => return Err("this machine has no route to it".to_owned()),
        ConnectOutcome::DeniedLocally { error } => {
            return Err(format!("this machine does not let a packet to it leave: {error}"));
        }
    })
}

#[cfg(test)]
mod tests;
