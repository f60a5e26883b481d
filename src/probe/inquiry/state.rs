//! What all inquiries of a run share: facts, and who has done what already.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use lru::LruCache;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, watch};
use tokio::time::{Instant, sleep_until};

use super::controls::Place;
use super::others::Others;
use super::trouble::{Trouble, is_healthy};
use super::{PortKey, same_family};
use crate::names::Host;
use crate::observation::{ConnectOutcome, Gap, Millis, NetworkObservation, PathObservation};
use crate::path::ladder::Reference;
use crate::path::{Hops, Rail, Walks};
use crate::probe::lock;

/// Addresses of one family whose paths are traced in one run. The routers of the first hops answer
/// once a second at worst, and every ladder asks them twice: more would keep the user waiting, and
/// a list of thousands of dead servers must not become a flood.
const MOST_TRACED: usize = 8;

/// Addresses of which it is remembered what they are called and what answers there, those that were
/// dialled last.
const ADDRESSES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Names of one address that are remembered. Some lend theirs to every customer's name.
const NAMES: usize = 16;

/// Ports that are known to answer somewhere, of those that are remembered.
const PORTS: usize = 64;

/// Ports of which it is known what was done about them. No list asks for so many; SRV records that
/// somebody makes up may.
const PORT_STATES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// What is kept of each kind of evidence, the latest. All of it together is a few megabytes; only
/// gaps come by the thousand, one for each server that is dead.
const EVIDENCE: usize = 1024;

/// Most machines answer here, and no mail filter touches it: the reference where no other port of
/// an address is known to answer.
pub(super) const HTTPS: u16 = 443;

/// Something that is done once, and that others can wait for.
type Once = Arc<OnceCell<()>>;

/// A port that answered at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answered {
    rail: Rail,
    connected: bool,
}

/// The state of all inquiries of a run. None of it grows with the number of targets.
pub struct Inquiry {
    facts: Mutex<NetworkObservation>,
    /// What is remembered of the targets, where each is judged by itself.
    pub(super) others: Option<Mutex<Others>>,
    ports: Mutex<LruCache<PortKey, Arc<PortState>>>,
    looked_into: Mutex<LruCache<(SocketAddr, Trouble), Once>>,
    answered: Mutex<LruCache<IpAddr, Vec<Answered>>>,
    /// Ports that could be connected to somewhere, by family.
    connected: Mutex<BTreeSet<(bool, u16)>>,
    hosts: Mutex<LruCache<IpAddr, Vec<Host>>>,
    traced: Mutex<HashSet<IpAddr>>,
    walked: Mutex<HashMap<IpAddr, Arc<AsyncMutex<HashSet<u16>>>>>,
    walks: OnceLock<Walks>,
}

/// What is known of one port in one family.
pub struct PortState {
    leader: OnceLock<SocketAddr>,
    got_through: AtomicBool,
    conclusive: watch::Sender<bool>,
    leader_done: watch::Sender<bool>,
    pub(super) self_probe: OnceCell<()>,
    pub(super) greeted_here: OnceCell<()>,
    pub(super) alive: OnceCell<()>,
    pub(in crate::probe) places: OnceCell<Vec<Place>>,
    pub(super) greeted: OnceCell<()>,
    pub(super) talked: OnceCell<()>,
    /// When each control was dialled.
    pub(super) dialled: Mutex<Vec<Instant>>,
    /// And where.
    pub(super) dialled_at: Mutex<Vec<SocketAddr>>,
}

impl Default for PortState {
    fn default() -> Self {
        Self {
            leader: OnceLock::new(),
            got_through: AtomicBool::new(false),
            conclusive: watch::channel(false).0,
            leader_done: watch::channel(false).0,
            self_probe: OnceCell::new(),
            greeted_here: OnceCell::new(),
            alive: OnceCell::new(),
            places: OnceCell::new(),
            greeted: OnceCell::new(),
            talked: OnceCell::new(),
            dialled: Mutex::default(),
            dialled_at: Mutex::default(),
        }
    }
}

impl PortState {
    /// Whether this place is the first of the port that failed, and so the one that is traced.
    pub fn leads(&self, to: SocketAddr) -> bool {
        *self.leader.get_or_init(|| to) == to
    }

    /// Whether this place is that one.
    pub(super) fn is_led_by(&self, to: SocketAddr) -> bool {
        self.leader.get() == Some(&to)
    }

    /// Something got through on this port: its silence elsewhere has other reasons.
    pub fn got_through(&self) -> bool {
        self.got_through.load(Ordering::Relaxed)
    }

    /// Returns when the silence of this port is conclusive and the instant has come; mostly never,
    /// and never where something has got through by then.
    pub async fn conclusive_from(&self, earliest: Instant) {
        becomes_true(&self.conclusive).await;
        sleep_until(earliest).await;
        if self.got_through() {
            std::future::pending().await
        }
    }

    /// The silence of this port is conclusive. One answer, however late, cancels that for good.
    pub fn silence_is_conclusive(&self) -> bool {
        *self.conclusive.borrow() && !self.got_through()
    }

    /// From now on something has got through.
    pub(super) fn lets_through(&self) {
        self.got_through.store(true, Ordering::Relaxed);
    }

    /// From now on it is.
    pub fn conclude(&self) {
        self.conclusive.send_replace(true);
    }

    /// What the leader's ladders show is known.
    pub(super) fn leader_is_done(&self) {
        self.leader_done.send_replace(true);
    }

    /// Returns when it is.
    pub(super) async fn leaders_end(&self) {
        becomes_true(&self.leader_done).await;
    }
}

impl Inquiry {
    /// Nothing was asked. `by_target` says that each target is judged by itself.
    pub fn new(by_target: bool) -> Self {
        Self {
            facts: Mutex::default(),
            others: by_target.then(Mutex::default),
            ports: Mutex::new(LruCache::new(PORT_STATES)),
            looked_into: Mutex::new(LruCache::new(ADDRESSES)),
            answered: Mutex::new(LruCache::new(ADDRESSES)),
            connected: Mutex::default(),
            hosts: Mutex::new(LruCache::new(ADDRESSES)),
            traced: Mutex::default(),
            walked: Mutex::default(),
            walks: OnceLock::new(),
        }
    }

    /// The facts.
    pub fn facts(&self) -> MutexGuard<'_, NetworkObservation> {
        lock(&self.facts)
    }

    /// Adds facts, and drops the oldest where there are too many.
    pub fn add(&self, add: impl FnOnce(&mut NetworkObservation)) {
        let mut facts = self.facts();
        add(&mut facts);
        shorten(&mut facts.controls);
        shorten(&mut facts.paths);
        shorten(&mut facts.self_probes);
        shorten(&mut facts.gaps);
    }

    /// Adds something that could not be looked at.
    pub(super) fn add_gap(&self, gap: Gap) {
        self.add(|facts| facts.gaps.push(gap));
    }

    /// Hands over the facts, at the end of a run.
    pub fn take(&self, environment: Option<String>) -> NetworkObservation {
        NetworkObservation { environment, ..std::mem::take(&mut *self.facts()) }
    }

    /// What is known of a port.
    pub fn port(&self, key: PortKey) -> Arc<PortState> {
        Arc::clone(lock(&self.ports).get_or_insert(key, Arc::default))
    }

    pub(super) fn looked_into(&self, to: SocketAddr, trouble: Trouble) -> Once {
        Arc::clone(lock(&self.looked_into).get_or_insert((to, trouble), Once::default))
    }

    /// Notes that an address is dialled for a host.
    pub fn dials(&self, host: &Host, address: IpAddr) {
        let mut hosts = lock(&self.hosts);
        let known = hosts.get_or_insert_mut(address, Vec::new);
        if known.len() < NAMES && !known.contains(host) {
            known.push(host.clone());
        }
    }

    /// Notes what came of dialling a port.
    pub fn dialled(&self, port: u16, to: SocketAddr, outcome: &ConnectOutcome) {
        let (answered, connected) = match outcome {
            ConnectOutcome::Connected => (true, true),
            // A reset may come from anywhere; so nothing is concluded from others' silence.
            ConnectOutcome::Refused => (true, false),
            ConnectOutcome::IcmpUnreachable(icmp) => (icmp.from == to.ip(), false),
            _ => (false, false),
        };
        if answered {
            self.port((port, to.is_ipv4())).lets_through();
            let answered = Answered { rail: Rail { port, to }, connected };
            let mut all = lock(&self.answered);
            let known = all.get_or_insert_mut(to.ip(), Vec::new);
            if known.len() < PORTS && !known.contains(&answered) {
                known.push(answered);
            }
            drop(all);
            let mut ports = lock(&self.connected);
            // What was redirected by the user says nothing about the port elsewhere.
            if connected && port == to.port() && ports.len() < PORTS {
                ports.insert((to.is_ipv4(), port));
            }
        }
    }

    /// Whether an address may be traced: the first few of a family may.
    pub(super) fn may_trace(&self, address: IpAddr) -> bool {
        let mut traced = lock(&self.traced);
        let of_family = traced.iter().filter(|known| same_family(**known, address)).count();
        let may = traced.contains(&address) || of_family < MOST_TRACED;
        if may {
            traced.insert(address);
        }
        may
    }

    /// The port of the same address with which `port` is compared: one that answers, better one
    /// that is open.
    pub(super) fn reference(&self, to: SocketAddr, port: u16) -> Rail {
        let mut answered = lock(&self.answered);
        let others = answered.get(&to.ip()).into_iter().flatten();
        let others = others.filter(|a| a.rail.port != port);
        let best = others.min_by_key(|a| (!a.connected, a.rail.port));
        let https = Rail { port: HTTPS, to: SocketAddr::new(to.ip(), HTTPS) };
        best.map_or(https, |answered| answered.rail)
    }

    /// As [`reference`](Self::reference), or a port that answers at any other address.
    pub(super) fn answering_anywhere(&self, to: SocketAddr, port: u16) -> Rail {
        let own = self.reference(to, port);
        if own.port != HTTPS {
            return own;
        }
        let connected = lock(&self.connected);
        let of_family =
            connected.iter().filter(|(ipv4, other)| *ipv4 == to.is_ipv4() && *other != port);
        let port = of_family.map(|(_, port)| *port).min();
        port.map_or(own, |port| Rail { port, to: SocketAddr::new(to.ip(), port) })
    }

    /// Whether some ladder shows where the packets of a port stop: it was walked, and hops were
    /// heard of, on its way or on its reference's.
    pub(super) fn has_ladder_of(&self, (port, ipv4): PortKey) -> bool {
        let facts = self.facts();
        let of_port = facts.paths.iter().filter(|path| path.port == port);
        let mut of_family = of_port.filter(|path| path.address.is_ipv4() == ipv4);
        of_family.any(|path| {
            let same = facts.paths.iter().filter(|other| other.address == path.address);
            same.flat_map(PathObservation::routers).next().is_some()
        })
    }

    /// Whether some control could be connected to on a port.
    pub(super) fn some_control_connects(&self, key: PortKey) -> bool {
        let facts = self.facts();
        facts.controls.iter().any(|control| {
            (control.port, control.address.is_ipv4()) == key
                && control.conversation.connect.outcome == ConnectOutcome::Connected
        })
    }

    /// Whether controls were asked on a port, and the conversation with each of them left something
    /// to be desired.
    pub(super) fn every_control_fails(&self, key: PortKey) -> bool {
        let facts = self.facts();
        let of_port = facts
            .controls
            .iter()
            .filter(|control| (control.port, control.address.is_ipv4()) == key);
        let mut conversations = of_port.map(|control| &control.conversation).peekable();
        conversations.peek().is_some() && conversations.all(|seen| !is_healthy(seen))
    }

    /// Whether two addresses belong to different operators, as far as this run knows who they are.
    pub(super) fn are_unrelated(&self, one: IpAddr, other: IpAddr) -> bool {
        let hosts = lock(&self.hosts);
        let at = |address| hosts.peek(&address).into_iter().flatten();
        at(one).all(|first| {
            at(other).all(|second| !crate::control::are_related((first, one), (second, other)))
        })
    }

    pub(super) fn walks(&self, hops: &Arc<dyn Hops>) -> &Walks {
        self.walks.get_or_init(|| Walks::new(Arc::clone(hops)))
    }

    /// The ports of an address whose ladders were walked, behind a lock: one walk at a time.
    pub(super) fn walked(&self, address: IpAddr) -> Arc<AsyncMutex<HashSet<u16>>> {
        Arc::clone(lock(&self.walked).entry(address).or_default())
    }

    /// What the ladders to an address have shown so far.
    pub(super) fn shown(&self, address: IpAddr) -> Reference {
        let mut shown = Reference::default();
        for path in self.facts().paths.iter().filter(|path| path.address == address) {
            shown.add(of_path(path));
        }
        shown
    }
}

fn shorten<T>(evidence: &mut Vec<T>) {
    let surplus = evidence.len().saturating_sub(EVIDENCE);
    evidence.drain(..surplus);
}

async fn becomes_true(flag: &watch::Sender<bool>) {
    // The error means that no sender is left, and this is one.
    let _ = flag.subscribe().wait_for(|value| *value).await;
}

fn of_path(path: &PathObservation) -> Reference {
    let answered = path.hops.iter().filter(|hop| hop.address.is_some());
    let slowest = path.hops.iter().filter_map(|hop| hop.rtt).map(|rtt| rtt.0).fold(0.0, f64::max);
    Reference {
        distance: path.own_distance(),
        heard: answered.fold(0, |heard, hop| heard | 1 << hop.ttl),
        slowest: Millis(slowest),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn to(text: &str) -> SocketAddr {
        text.parse().expect("an address and port")
    }

    #[test]
    fn the_reference_is_an_open_port_of_the_same_address_before_a_closed_one() {
        let inquiry = Inquiry::new(false);
        let silent = to("192.0.2.1:25");
        assert_eq!(inquiry.reference(silent, 25).to, to("192.0.2.1:443"));
        inquiry.dialled(465, to("192.0.2.1:465"), &ConnectOutcome::Refused);
        inquiry.dialled(587, to("192.0.2.9:587"), &ConnectOutcome::Connected);
        assert_eq!(inquiry.reference(silent, 25).to, to("192.0.2.1:465"));
        inquiry.dialled(587, to("192.0.2.1:587"), &ConnectOutcome::Connected);
        assert_eq!(inquiry.reference(silent, 25).to, to("192.0.2.1:587"));
        assert_eq!(inquiry.reference(to("192.0.2.1:587"), 587).port, 465);
        // Elsewhere the port that is known to leave this network is the best guess.
        assert_eq!(
            inquiry.answering_anywhere(to("198.51.100.1:25"), 25).to,
            to("198.51.100.1:587")
        );
        assert_eq!(inquiry.answering_anywhere(to("[2001:db8::1]:25"), 25).port, 443);
    }

    #[test]
    fn what_is_silent_gets_nothing_through_and_what_answers_does() {
        let inquiry = Inquiry::new(false);
        let at = to("192.0.2.1:25");
        inquiry.dialled(25, at, &ConnectOutcome::TimedOut);
        assert!(!inquiry.port((25, true)).got_through());
        inquiry.dialled(25, at, &ConnectOutcome::Refused);
        assert!(inquiry.port((25, true)).got_through());
        assert!(!inquiry.port((25, false)).got_through(), "the families are two matters");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_the_conclusion_for_whoever_still_waits() {
        let inquiry = Inquiry::new(false);
        let state = inquiry.port((25, true));
        state.conclude();
        let waits = state.conclusive_from(Instant::now() + Duration::from_secs(2));
        assert!(tokio::time::timeout(Duration::from_secs(3), waits).await.is_ok());
        inquiry.dialled(25, to("192.0.2.9:25"), &ConnectOutcome::Connected);
        assert!(!state.silence_is_conclusive());
        let waits = state.conclusive_from(Instant::now() + Duration::from_secs(2));
        assert!(tokio::time::timeout(Duration::from_secs(60), waits).await.is_err());
    }

    #[test]
    fn one_place_leads_and_only_so_many_are_traced() {
        let inquiry = Inquiry::new(false);
        let state = inquiry.port((25, true));
        assert!(state.leads(to("192.0.2.1:25")) && state.leads(to("192.0.2.1:25")));
        assert!(!state.leads(to("192.0.2.2:25")));
        let address = |n: usize| IpAddr::from([192, 0, 2, n as u8]);
        assert!((0..MOST_TRACED).all(|n| inquiry.may_trace(address(n))));
        assert!(!inquiry.may_trace(address(MOST_TRACED)));
        assert!(inquiry.may_trace(address(0)), "another port of a traced address may be");
        assert!(inquiry.may_trace("2001:db8::1".parse().expect("an address")));
    }
}
