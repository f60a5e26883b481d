//! Politeness: at most one conversation at a time with one address and port, and what was seen
//! there is shared by all who ask for the same.

use std::collections::HashMap;
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
