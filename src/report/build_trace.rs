//! TraceObservations → Report: the report of the command `trace`, which has no targets.

use super::{
    HopReport, Network, Outbound, PathEnd, PathReport, PortReport, Report, TraceReport, TraceState,
};
use crate::diagnosis::trace;
use crate::observation::{
    self, Missing, PathObservation, Skip, TraceObservation, TraceObservations,
};
use crate::plan::Plan;

impl Report {
    /// What the ladders show. The plan gives the asked ports.
    pub fn of_traces(plan: &Plan, run: &TraceObservations) -> Self {
        let outbound = |port| match run.traces.iter().any(|one| trace::leaves(one, port)) {
            true => Outbound::Open,
            false => Outbound::Unknown,
        };
        let ports = plan.asked_ports().into_iter();
        let ports = ports.map(|port| PortReport::plain(port, outbound(port), None));
        let network = Network {
            paths: run.traces.iter().flat_map(paths).collect(),
            traces: run.traces.iter().map(traced).collect(),
            ..Network::of(run.local, ports.collect())
        };
        Self::without_targets(run.started_at, run.duration, network)
    }
}

fn paths(trace: &TraceObservation) -> impl Iterator<Item = PathReport> {
    let host = Some(trace.host.to_string());
    trace.paths.iter().map(move |seen| PathReport { host: host.clone(), ..path(seen) })
}

/// A ladder.
pub(super) fn path(seen: &PathObservation) -> PathReport {
    let (end, icmp) = match seen.end {
        observation::PathEnd::Connected => (PathEnd::Connected, None),
        observation::PathEnd::Refused => (PathEnd::Refused, None),
        observation::PathEnd::IcmpUnreachable(icmp) => (PathEnd::IcmpUnreachable, Some(icmp)),
        observation::PathEnd::Silence => (PathEnd::Silence, None),
    };
    let hops = seen.hops.iter();
    let hops = hops.map(|hop| HopReport { ttl: hop.ttl, address: hop.address, rtt_ms: hop.rtt });
    PathReport {
        host: None,
        address: seen.address,
        port: seen.port,
        hops: hops.collect(),
        end,
        icmp,
    }
}

fn traced(seen: &TraceObservation) -> TraceReport {
    TraceReport {
        host: seen.host.to_string(),
        address: seen.address,
        state: match &seen.missing {
            None => TraceState::Traced,
            Some(Missing::Interrupted) => TraceState::Interrupted,
            Some(Missing::Represented(_)) => TraceState::Skipped,
            Some(Missing::Skipped(Skip::NoIpv4Here | Skip::NoIpv6Here | Skip::NotPublic)) => {
                TraceState::Skipped
            }
            Some(Missing::Skipped(Skip::Forbidden(_) | Skip::NotDialled(_))) => TraceState::Failed,
            Some(Missing::Failed(_) | Missing::NoAddress(_)) => TraceState::Failed,
        },
        summary: trace::summary(seen),
    }
}
