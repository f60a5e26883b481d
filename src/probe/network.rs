//! The command `network`: which ports leave this network, asked of controls alone.
//!
//! Knows that every asked port is tried in both families, and that what fails is looked into as it
//! is for a target. Must not know what any of it means.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::inquiry::{Depth, SUSPICIOUS, Subject, Trouble, trouble_of};
use super::{Effects, Probing, interrupted};
use crate::observation::{ControlObservation, NetworkObservations};
use crate::plan::Plan;
use crate::port::PortMode;

/// Asks controls on every port of the plan and returns what was seen.
///
/// `stop` becomes true when the user interrupts: what is finished by then is returned.
pub async fn run(
    plan: Plan,
    effects: Effects,
    mut stop: watch::Receiver<bool>,
) -> NetworkObservations {
    let started_at = (effects.now)();
    let start = Instant::now();
    let probing = Arc::new(Probing::new(plan, effects, false));
    let mut work = JoinSet::new();
    for port in &probing.plan.ports {
        for ipv4 in [true, false] {
            if if ipv4 { probing.plan.ipv4 } else { probing.plan.ipv6 } {
                work.spawn(Arc::clone(&probing).try_port(*port, ipv4));
            }
        }
    }
    let complete = tokio::select! {
        biased;
        () = async { while work.join_next().await.is_some() {} } => true,
        () = interrupted(&mut stop) => false,
    };
    let environment = probing.effects.environment.clone();
    NetworkObservations {
        started_at,
        duration: start.elapsed().into(),
        complete,
        local: probing.local,
        network: probing.inquiry.take(environment),
    }
}

impl Probing {
    async fn try_port(self: Arc<Self>, port: PortMode, ipv4: bool) {
        let key = (port.port, ipv4);
        let state = self.inquiry.port(key);
        let places = state.places.get_or_init(|| self.find_controls(key)).await.clone();
        let Some(first) = places.first().cloned() else { return };
        let subject = Subject { host: first.host, to: first.to, port: port.port, mode: port.mode };
        let alarm = {
            let (probing, state, subject) =
                (Arc::clone(&self), Arc::clone(&state), subject.clone());
            async move {
                sleep(SUSPICIOUS).await;
                if !state.got_through() {
                    probing.look_into(&subject, Trouble::Silence).await;
                }
            }
        };
        tokio::join!(self.ask_controls_for_themselves(&subject, Depth::Everything), alarm);
        for (subject, trouble) in self.in_trouble(&subject) {
            self.look_into(&subject, trouble).await;
        }
    }

    /// The controls of a port that fail, as things to look into.
    fn in_trouble(&self, asked: &Subject) -> Vec<(Subject, Trouble)> {
        let facts = self.inquiry.facts();
        let of_port = facts
            .controls
            .iter()
            .filter(|control| (control.port, control.address.is_ipv4()) == asked.key());
        let subject = |control: &ControlObservation| {
            let trouble = trouble_of(control.mode, &control.conversation)?;
            let dialled = control.conversation.connect.dialled;
            let to = dialled.unwrap_or(SocketAddr::new(control.address, control.port));
            let (host, port, mode) = (control.host.clone(), control.port, control.mode);
            Some((Subject { host, to, port, mode }, trouble))
        };
        of_port.filter_map(subject).collect()
    }
}
