//! Politeness: at most one conversation at a time with one address and port, and what was seen
//! there is shared by all who ask for the same.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{
    Mutex as AsyncMutex, OnceCell, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard,
    RwLock,
};

use crate::names::Host;
use crate::observation::Probe;
use crate::port::Mode;

/// What makes two probes the same: where they dial, whom they ask for, and how TLS begins.
pub type ProbeKey = (SocketAddr, Host, Mode);

/// The state that keeps a run polite.
#[derive(Default)]
pub struct Places {
    conversations: Mutex<HashMap<SocketAddr, Arc<AsyncMutex<()>>>>,
    addresses: Mutex<HashMap<IpAddr, Arc<RwLock<()>>>>,
    probes: Mutex<HashMap<ProbeKey, Arc<OnceCell<Probe>>>>,
    given_up: Mutex<HashMap<ProbeKey, Probe>>,
    retried: Mutex<HashSet<SocketAddr>>,
}

/// The right to hold a conversation; it ends when this is dropped.
pub struct Turn {
    _place: OwnedMutexGuard<()>,
    _address: Address,
}

enum Address {
    /// Others may talk to other ports of the address.
    Shared { _guard: OwnedRwLockReadGuard<()> },
    /// Nobody else talks to the address.
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

impl Places {
    /// Waits for the right to talk to an address and port. `alone` waits until nobody talks to
    /// any port of that address, and keeps it so: a server that said "too many connections" is
    /// asked again by one connection.
    pub async fn turn(&self, to: SocketAddr, alone: bool) -> Turn {
        let place = entry(&self.conversations, to).lock_owned().await;
        let address = entry(&self.addresses, to.ip());
        let address = match alone {
            false => Address::Shared { _guard: address.read_owned().await },
            true => Address::Alone { _guard: address.write_owned().await },
        };
        Turn { _place: place, _address: address }
    }

    /// Whether a place that put us off may be asked once more: true the first time.
    pub fn may_retry(&self, to: SocketAddr) -> bool {
        self.retried.lock().unwrap_or_else(PoisonError::into_inner).insert(to)
    }

    /// Where the result of a probe is kept for everybody who asks for the same.
    pub fn result(&self, key: ProbeKey) -> Arc<OnceCell<Probe>> {
        entry(&self.probes, key)
    }

    /// Keeps what was seen of a silent port until it was given up, for those who would not wait
    /// for it any longer either.
    pub fn give_up(&self, key: ProbeKey, probe: Probe) {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).insert(key, probe);
    }

    /// What was seen of a port that somebody gave up.
    pub fn given_up(&self, key: &ProbeKey) -> Option<Probe> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

/// The map's value for a key, made where there is none.
fn entry<K: std::hash::Hash + Eq, V: Default>(map: &Mutex<HashMap<K, Arc<V>>>, key: K) -> Arc<V> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(map.entry(key).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    fn to(port: u16) -> SocketAddr {
        ([192, 0, 2, 25], port).into()
    }

    #[tokio::test(start_paused = true)]
    async fn one_conversation_at_a_time_with_one_address_and_port() {
        let places = Places::default();
        let waits = |turn| timeout(Duration::from_secs(1), turn);
        let first = places.turn(to(25), false).await;
        assert!(waits(places.turn(to(25), false)).await.is_err(), "the same port");
        let other = waits(places.turn(to(587), false)).await.expect("another port");
        assert!(waits(places.turn(to(465), true)).await.is_err(), "alone means alone");
        drop((first, other));
        let alone = waits(places.turn(to(465), true)).await.expect("nobody else is there");
        assert!(waits(places.turn(to(25), false)).await.is_err(), "somebody is alone there");
        drop(alone);
    }

    #[test]
    fn a_place_is_retried_once_a_run() {
        let places = Places::default();
        assert!(places.may_retry(to(25)));
        assert!(!places.may_retry(to(25)));
        assert!(places.may_retry(to(587)));
    }
}
