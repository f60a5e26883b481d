//! The command `trace`: the paths to every asked port of every host, side by side.
//!
//! Knows which addresses stand for a host, and what may go on at once: the ports of one address,
//! and the two families, which share no router's patience. Must not know what the paths mean.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Effects;
use super::find::forbidden;
use super::progress::Step;
use crate::names::{Host, HostName, Server, Target};
use crate::observation::{
    LocalNetwork, Lookup, Missing, PathObservation, TraceObservation, TraceObservations,
};
use crate::path::{Rail, Walks};
use crate::plan::Plan;
use crate::port::Role;

/// Addresses of one family of one host that are traced. Of more than these the first stands for
/// all: they tend to lie behind the same routers, which answer only so often.
const FEW: usize = 2;

/// One run of the command under way.
struct Tracing {
    plan: Plan,
    effects: Effects,
    local: LocalNetwork,
    walks: Walks,
    /// What is seen so far, in the order of the report.
    traces: Mutex<Vec<TraceObservation>>,
}

/// An address, its ports, and its place in the report.
struct Errand {
    at: usize,
    address: IpAddr,
    rails: Vec<Rail>,
}

/// An address and its ports.
struct Place {
    address: IpAddr,
    rails: Vec<Rail>,
    /// `--connect-to` leads there, so no other address stands for it.
    redirected: bool,
}

/// What is known of where a host is.
struct Found {
    host: Host,
    /// In the order in which they came.
    places: Vec<Place>,
    /// Look-ups that gave no address.
    in_vain: Vec<Lookup>,
}

/// Traces every host of the plan and returns what was seen.
///
/// `stop` becomes true when the user interrupts: what is finished by then is returned, and each
/// address that was not says so.
pub async fn run(
    plan: Plan,
    effects: Effects,
    mut stop: watch::Receiver<bool>,
) -> TraceObservations {
    let started_at = (effects.now)();
    let start = Instant::now();
    let local = effects.connector.local_network();
    let walks = Walks::new(Arc::clone(&effects.hops));
    let tracing = Arc::new(Tracing { plan, effects, local, walks, traces: Mutex::default() });
    tokio::select! {
        biased;
        () = Arc::clone(&tracing).trace() => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
    let traces = match std::mem::take(&mut *tracing.traces()) {
        // Interrupted before the first host was found.
        none if none.is_empty() => {
            tracing.servers().map(|server| interrupted(server.host)).collect()
        }
        traces => traces,
    };
    TraceObservations { started_at, duration: start.elapsed().into(), local, traces }
}

fn interrupted(host: Host) -> TraceObservation {
    TraceObservation { host, address: None, paths: Vec::new(), missing: Some(Missing::Interrupted) }
}

impl Tracing {
    fn servers(&self) -> impl Iterator<Item = Server> {
        self.plan.targets.iter().filter_map(|(_, target)| match target {
            Ok(Target::Server(server)) => Some(server.clone()),
            _ => None,
        })
    }

    async fn trace(self: Arc<Self>) {
        let mut finding = JoinSet::new();
        for (at, server) in self.servers().enumerate() {
            let tracing = Arc::clone(&self);
            finding.spawn(async move { (at, tracing.find(server).await) });
        }
        let mut found = finding.join_all().await;
        found.sort_by_key(|(at, _)| *at);
        let mut errands = Vec::new();
        for (_, found) in found {
            self.plan_errands(found, &mut errands);
        }
        let (ipv4, ipv6): (Vec<Errand>, Vec<Errand>) =
            errands.into_iter().partition(|errand| errand.address.is_ipv4());
        tokio::join!(self.walk_all(&ipv4), self.walk_all(&ipv6));
    }

    /// Finds a host's addresses, and which of its ports are dialled where.
    async fn find(&self, server: Server) -> Found {
        let ports = self.plan.ports_of_named(Role::Host, server.port);
        let mut found = Found { host: server.host, places: Vec::new(), in_vain: Vec::new() };
        let mut ordinary = Vec::new();
        for (port, _) in &ports {
            match self.plan.instead_of(&found.host, port.port) {
                Some(to) => found.add(port.port, to, true),
                None => ordinary.push(port.port),
            }
        }
        let addresses = match found.host.clone() {
            _ if ordinary.is_empty() => Vec::new(),
            Host::Address(address) => vec![address],
            Host::Name(name) => match self.effects.names.hosts_file(&name) {
                Some(addresses) => addresses,
                None => self.look_up(&name, &mut found.in_vain).await,
            },
        };
        for address in addresses {
            for port in &ordinary {
                found.add(*port, SocketAddr::new(address, *port), false);
            }
        }
        found.places.retain(|place| self.plan.may_use(place.address));
        found
    }

    async fn look_up(&self, name: &HostName, in_vain: &mut Vec<Lookup>) -> Vec<IpAddr> {
        let names = &self.effects.names;
        let (ipv4, ipv6) = tokio::join!(names.ipv4(name), names.ipv6(name));
        let mut addresses = Vec::new();
        for found in [ipv4, ipv6].into_iter().flatten() {
            addresses.extend(&found.addresses);
            if found.addresses.is_empty() {
                in_vain.push(found.lookup);
            }
        }
        addresses
    }

    /// Gives each address that is to be traced its place in the report, and says why others are
    /// not.
    fn plan_errands(&self, found: Found, errands: &mut Vec<Errand>) {
        let Found { host, places, in_vain } = found;
        let mut traces = self.traces();
        let mut add = |address, missing| {
            let (host, paths) = (host.clone(), Vec::new());
            traces.push(TraceObservation { host, address, paths, missing: Some(missing) });
            traces.len() - 1
        };
        let nowhere = places.is_empty();
        let room = |v4: bool| match places.iter().filter(|place| place.counts(v4)).count() {
            few if few <= FEW => few,
            _ => 1,
        };
        let mut room = [room(false), room(true)];
        let mut left_out = 0;
        for place in places {
            if !place.redirected {
                let room = &mut room[usize::from(place.address.is_ipv4())];
                if *room == 0 {
                    left_out += 1;
                    continue;
                }
                *room -= 1;
            }
            let Place { address, rails, redirected } = place;
            let Self { plan, effects, local, .. } = self;
            match forbidden(plan, effects, local, Role::Host, address, redirected) {
                Some(skip) => {
                    add(Some(address), Missing::Skipped(skip));
                }
                None => {
                    let at = add(Some(address), Missing::Interrupted);
                    errands.push(Errand { at, address, rails });
                }
            }
        }
        if left_out > 0 {
            add(None, Missing::Represented(left_out));
        }
        let failed = in_vain.into_iter().filter(|lookup| nowhere || !lookup.outcome.is_answer());
        let failed: Vec<Lookup> = failed.collect();
        if nowhere || !failed.is_empty() {
            add(None, Missing::NoAddress(failed));
        }
    }

    /// Traces one address after the other: their first hops are the same routers.
    async fn walk_all(&self, errands: &[Errand]) {
        for errand in errands {
            let bind = self.plan.bind_for(errand.address);
            let mut paths: Vec<Option<PathObservation>> = vec![None; errand.rails.len()];
            let mut failure = None;
            let each = |port: usize, walked: Result<PathObservation, String>| {
                match walked {
                    Ok(path) => paths[port] = Some(path),
                    Err(why) => failure = Some(Missing::Failed(why)),
                }
                let unfinished = Missing::Interrupted;
                let trace = &mut self.traces()[errand.at];
                trace.paths = paths.iter().flatten().cloned().collect();
                trace.missing = failure.clone().or(Some(unfinished));
            };
            let progress = &self.effects.progress;
            let _under_way =
                progress.begin(Step::Tracing, || format!("path to {}", errand.address));
            self.walks.side_by_side(&errand.rails, bind, each).await;
            self.traces()[errand.at].missing = failure;
        }
    }

    fn traces(&self) -> MutexGuard<'_, Vec<TraceObservation>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn counts(&self, v4: bool) -> bool {
        !self.redirected && self.address.is_ipv4() == v4
    }
}

impl Found {
    fn add(&mut self, port: u16, to: SocketAddr, redirected: bool) {
        let rail = Rail { port, to };
        let same = |place: &&mut Place| place.address == to.ip() && place.redirected == redirected;
        match self.places.iter_mut().find(same) {
            Some(place) => place.rails.push(rail),
            None => {
                self.places.push(Place { address: to.ip(), rails: vec![rail], redirected });
            }
        }
    }
}

#[cfg(test)]
mod tests;
