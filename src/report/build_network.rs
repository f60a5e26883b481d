//! NetworkObservations → Report: the report of the command `network`, which has no targets.

use super::build::{control, outbound};
use super::build_trace::path;
use super::{Network, PortReport, Report};
use crate::diagnosis::network::{self, PortVerdict};
use crate::diagnosis::notes;
use crate::observation::NetworkObservations;
use crate::plan::Plan;

impl Report {
    /// What controls show. The plan gives the asked ports.
    pub fn of_network(plan: &Plan, run: &NetworkObservations) -> Self {
        let ports = plan.asked_ports().into_iter().map(|port| {
            let PortVerdict { outlook, summary, advice } = network::verdict(&run.network, port);
            let (outbound, block) = outbound(outlook);
            PortReport { port, outbound, block, summary, advice }
        });
        let network = Network {
            environment: run.network.environment.clone(),
            controls: run.network.controls.iter().map(control).collect(),
            paths: run.network.paths.iter().map(path).collect(),
            notes: notes::of_gaps(&run.network.gaps),
            interrupted: !run.complete,
            ..Network::of(run.local, ports.collect())
        };
        Self::without_targets(run.started_at, run.duration, network)
    }
}
