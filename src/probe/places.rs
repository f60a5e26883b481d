//! Politeness: at most one conversation at a time with one address and port, few at a time with one
//! operator of a long list's hosts, and what was seen is shared by all who ask for the same.
//!
//! Knows who is being talked to, and keeps what was seen for as long as there is room. Must not know
//! what was seen. None of it grows with the number of targets.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lru::LruCache;
use tokio::sync::{
    Mutex as AsyncMutex, OnceCell, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
    OwnedSemaphorePermit, RwLock, Semaphore,
};
use tokio::time::{Instant, sleep_until, timeout};

use super::lock;
use crate::control::operator;
use crate::names::Host;
use crate::observation::Probe;
use crate::port::Mode;

/// What makes two probes the same: where they dial, whom they ask for, and how TLS begins.
pub type ProbeKey = (SocketAddr, Host, Mode);

/// Probes whose results are kept, those that were asked for last. One has a few kilobytes, most of
/// them certificates, and few tens at most.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Places of which it is remembered that they were asked twice.
const RETRIED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Conversations with one operator's hosts at once, where the targets come from a list. One domain
/// asks each of its servers once; a list would ask a provider's for thousands of domains.
const OF_ONE_OPERATOR: usize = 4;

/// The state that keeps a run polite.
pub struct Places {
    conversations: InUse<SocketAddr, Place>,
    addresses: InUse<IpAddr, RwLock<()>>,
    operators: Option<InUse<Operator, Crowd>>,
    probes: Mutex<LruCache<ProbeKey, Arc<OnceCell<Probe>>>>,
    given_up: Mutex<LruCache<ProbeKey, Probe>>,
    retried: Mutex<LruCache<SocketAddr, ()>>,
}

/// An address and port.
#[derive(Default)]
struct Place {
    free: Arc<AsyncMutex<()>>,
    /// Conversations that took up most of the time that they might.
    slow: AtomicU32,
    /// It put us off, and is left alone until then.
    alone_until: Mutex<Option<Instant>>,
}

/// Those whose hosts these are, as far as names and addresses tell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Operator {
    /// The last two labels of the host's name.
    Suffix(String),
    /// The /24 or /48 of its address.
    Network(IpAddr),
}

struct Crowd(Arc<Semaphore>);

impl Default for Crowd {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OF_ONE_OPERATOR)))
    }
}

/// The right to hold a conversation; it ends when this is dropped.
pub struct Turn {
    // In this order they are given back: whoever waits for the place finds all else free.
    _address: Address,
    _operators: Vec<OwnedSemaphorePermit>,
    _guard: OwnedMutexGuard<()>,
    place: Arc<Place>,
}

impl Turn {
    /// Notes that the conversation took up most of the time that it might: whoever waits behind it
    /// may be waiting for a tarpit.
    pub fn was_slow(&self) {
        self.place.slow.fetch_add(1, Ordering::Relaxed);
    }
}

enum Address {
    /// Others may talk to other ports of the address.
    Shared { _guard: OwnedRwLockReadGuard<()> },
    /// Nobody else talks to the address.
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Places {
    /// Nobody is talked to. `bulk` says that the targets come from a list.
    pub fn new(bulk: bool) -> Self {
        Self {
            conversations: InUse::default(),
            addresses: InUse::default(),
            operators: bulk.then(InUse::default),
            probes: Mutex::new(LruCache::new(KEPT)),
            given_up: Mutex::new(LruCache::new(KEPT)),
            retried: Mutex::new(LruCache::new(RETRIED)),
        }
    }

    /// Waits for the right to talk to a host at an address and port; `None` where, in so long a
    /// time, two conversations with it or more were slow. `alone` waits until nobody talks to any
    /// port of that address, and keeps it so: a server that said "too many connections" is asked
    /// again by one connection.
    pub async fn turn_within(
        &self,
        host: &Host,
        to: SocketAddr,
        alone: bool,
        patience: Duration,
    ) -> Option<Turn> {
        let place = self.conversations.get(to);
        let slow = place.slow.load(Ordering::Relaxed);
        let mut turn = std::pin::pin!(self.turn_at(Arc::clone(&place), host, to, alone));
        loop {
            match timeout(patience, &mut turn).await {
                Ok(turn) => return Some(turn),
                Err(_) if place.slow.load(Ordering::Relaxed) - slow >= 2 => return None,
                // It is its turn later: many wait, and all are served.
                Err(_) => {}
            }
        }
    }

    /// As [`turn_within`](Self::turn_within), however long it takes.
    pub async fn turn(&self, host: &Host, to: SocketAddr, alone: bool) -> Turn {
        self.turn_at(self.conversations.get(to), host, to, alone).await
    }

    /// Everybody asks for the same things in the same order, so nobody waits for somebody who waits.
    async fn turn_at(&self, place: Arc<Place>, host: &Host, to: SocketAddr, alone: bool) -> Turn {
        let guard = Arc::clone(&place.free).lock_owned().await;
        let alone_until = *lock(&place.alone_until);
        if let Some(until) = alone_until {
            sleep_until(until).await;
        }
        let mut operators = Vec::new();
        if let Some(known) = &self.operators {
            for operator in [Operator::of_name(host), Operator::of_address(to.ip())] {
                let crowd = Arc::clone(&known.get(operator).0);
                // It is never closed, so a missing permit would only mean less politeness.
                operators.extend(crowd.acquire_owned().await.ok());
            }
        }
        let address = self.addresses.get(to.ip());
        let address = match alone {
            false => Address::Shared { _guard: address.read_owned().await },
            true => Address::Alone { _guard: address.write_owned().await },
        };
        Turn { _address: address, _operators: operators, _guard: guard, place }
    }

    /// Leaves a place alone that put us off, for so long, where many want to talk to it.
    pub fn pause(&self, to: SocketAddr, pause: Duration) {
        if self.operators.is_some() {
            *lock(&self.conversations.get(to).alone_until) = Some(Instant::now() + pause);
        }
    }

    /// Whether a place that put us off may be asked once more: true the first time.
    pub fn may_retry(&self, to: SocketAddr) -> bool {
        lock(&self.retried).put(to, ()).is_none()
    }

    /// Where the result of a probe is kept for everybody who asks for the same.
    pub fn result(&self, key: ProbeKey) -> Arc<OnceCell<Probe>> {
        Arc::clone(lock(&self.probes).get_or_insert(key, Arc::default))
    }

    /// Keeps what was seen of a silent port until it was given up, for those who would not wait
    /// for it any longer either.
    pub fn give_up(&self, key: ProbeKey, probe: Probe) {
        lock(&self.given_up).put(key, probe);
    }

    /// What was seen of a port that somebody gave up.
    pub fn given_up(&self, key: &ProbeKey) -> Option<Probe> {
        lock(&self.given_up).get(key).cloned()
    }
}

impl Operator {
    fn of_name(host: &Host) -> Self {
        Self::Suffix(operator(host))
    }

    fn of_address(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                [a, b, c, 0].into()
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                [a, b, c, 0, 0, 0, 0, 0].into()
            }
        })
    }
}

/// What somebody holds at the moment. What nobody holds any more is swept out from time to time.
struct InUse<K, V>(Mutex<(HashMap<K, Arc<V>>, usize)>);

/// So many may be there before it is swept for the first time.
const UNSWEPT: usize = 1024;

impl<K, V> Default for InUse<K, V> {
    fn default() -> Self {
        Self(Mutex::new((HashMap::new(), UNSWEPT)))
    }
}

impl<K: Hash + Eq, V: Default> InUse<K, V> {
    /// The value for a key, made where there is none.
    fn get(&self, key: K) -> Arc<V> {
        let mut guard = lock(&self.0);
        let (map, sweep_at) = &mut *guard;
        if map.len() >= *sweep_at {
            // Only here are they handed out, so what has no other holder has none now.
            map.retain(|_, value| Arc::strong_count(value) > 1);
            *sweep_at = UNSWEPT.max(2 * map.len());
        }
        Arc::clone(map.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn to(port: u16) -> SocketAddr {
        ([192, 0, 2, 25], port).into()
    }

    fn host(text: &str) -> Host {
        Host::parse(text).expect("a host")
    }

    #[tokio::test(start_paused = true)]
    async fn one_conversation_at_a_time_with_one_address_and_port() {
        let places = Places::new(false);
        let host = host("mx.a.test");
        let waits = |turn| timeout(Duration::from_secs(1), turn);
        let first = places.turn(&host, to(25), false).await;
        assert!(waits(places.turn(&host, to(25), false)).await.is_err(), "the same port");
        let other = waits(places.turn(&host, to(587), false)).await.expect("another port");
        assert!(waits(places.turn(&host, to(465), true)).await.is_err(), "alone means alone");
        drop((first, other));
        let alone = waits(places.turn(&host, to(465), true)).await.expect("nobody else is there");
        assert!(waits(places.turn(&host, to(25), false)).await.is_err(), "somebody is alone there");
        drop(alone);
    }

    #[test]
    fn a_place_is_retried_once_a_run() {
        let places = Places::new(false);
        assert!(places.may_retry(to(25)));
        assert!(!places.may_retry(to(25)));
        assert!(places.may_retry(to(587)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_operator_of_a_list_has_four_conversations_at_once() {
        let places = Places::new(true);
        let waits = |turn| timeout(Duration::from_secs(1), turn);
        let by_name = |n: u8| SocketAddr::from(([n, 0, 2, 1], 25));
        let mut turns = Vec::new();
        for n in 1..=4 {
            turns.push(places.turn(&host(&format!("mx{n}.a.test")), by_name(n), false).await);
        }
        let related = host("mx5.a.test");
        assert!(waits(places.turn(&related, by_name(5), false)).await.is_err(), "the same suffix");
        let other = host("mx.b.test");
        assert!(waits(places.turn(&other, by_name(6), false)).await.is_ok(), "another operator");
        turns.pop();
        assert!(waits(places.turn(&related, by_name(5), false)).await.is_ok(), "one has left");
        turns.clear();
        for n in 1..=4 {
            let near = SocketAddr::from(([192, 0, 2, n], 25));
            turns.push(places.turn(&host(&format!("mx.c{n}.test")), near, false).await);
        }
        let near = SocketAddr::from(([192, 0, 2, 5], 25));
        assert!(waits(places.turn(&other, near, false)).await.is_err(), "the same /24");
        let one_domain = Places::new(false);
        for n in 1..=9 {
            let host = host(&format!("mx{n}.a.test"));
            let turn = timeout(Duration::from_secs(1), one_domain.turn(&host, by_name(n), false));
            turns.push(turn.await.expect("the servers of one domain are asked at once"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_wait_for_their_turn_and_none_for_a_tarpit() {
        let places = Arc::new(Places::new(false));
        let host = host("mx.a.test");
        let patience = Duration::from_secs(90);
        // Two hundred conversations of two seconds: the last waits for longer than its patience.
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let (places, host) = (Arc::clone(&places), host.clone());
            waiting.spawn(async move {
                let turn = places.turn_within(&host, to(25), false, patience).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
                turn.is_some()
            });
        }
        assert!(waiting.join_all().await.into_iter().all(|had_its_turn| had_its_turn));
        // One who lets each of them wait for half a minute is not waited for like that.
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let (places, host) = (Arc::clone(&places), host.clone());
            waiting.spawn(async move {
                let turn = places.turn_within(&host, to(25), false, patience).await;
                if let Some(turn) = &turn {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    turn.was_slow();
                }
                turn.is_some()
            });
        }
        let served = waiting.join_all().await.into_iter().filter(|served| *served).count();
        assert!((1..=5).contains(&served), "{served}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_put_us_off_is_left_alone_for_a_while() {
        let places = Places::new(true);
        let (one, other) = (host("mx.a.test"), host("mx.b.test"));
        let turn = places.turn(&one, to(25), false).await;
        places.pause(to(25), Duration::from_secs(5));
        drop(turn);
        let begun = Instant::now();
        drop(places.turn(&other, to(587), false).await);
        assert_eq!(begun.elapsed().as_secs(), 0, "another port");
        drop(places.turn(&other, to(25), false).await);
        assert_eq!(begun.elapsed().as_secs(), 5);
    }

    #[tokio::test]
    async fn what_nobody_holds_is_swept_out() {
        let places = Places::new(true);
        let host = host("mx.a.test");
        let kept = places.turn(&host, to(25), false).await;
        for n in 0..20_000_u32 {
            let at = SocketAddr::from(((0x0a00_0000 + n).to_be_bytes(), 25));
            drop(places.turn(&host, at, false).await);
        }
        let held = |places: &Places| lock(&places.conversations.0).0.len();
        assert!(held(&places) <= UNSWEPT, "{}", held(&places));
        let again = timeout(Duration::from_millis(10), places.turn(&host, to(25), false)).await;
        assert!(again.is_err(), "what is held is not forgotten");
        drop(kept);
    }
}
