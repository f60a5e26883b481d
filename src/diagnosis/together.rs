//! Findings that only all endpoints of a target together explain: they replace the *reach*
//! findings of single endpoints.

use std::net::IpAddr;

use super::check::{Found, Group};
use super::demands::BlockedHere;
use super::finding::{Finding, Severity, Status};
use super::reach::Reach;
use super::{Draft, Judged, checks};
use crate::observation::{ConnectOutcome, Conversation, Observations, TargetObservation};
use crate::port::Role;

/// Replaces what is better told together; returns the findings of the target as a whole.
pub fn replace(
    run: &Observations,
    target: &TargetObservation,
    judged: &mut [Judged],
    blocked_here: BlockedHere,
    ignore: &[&str],
) -> Vec<Finding> {
    ipv6_broken(run, target, judged, ignore);
    mx_partly_unreachable(target, judged, blocked_here, ignore)
}

/// IPv6 to a host fails while IPv4 to the same host and port works.
fn ipv6_broken(
    run: &Observations,
    target: &TargetObservation,
    judged: &mut [Judged],
    ignore: &[&str],
) {
    let Some(check) = checks::find("ipv6-broken") else { return };
    for at in 0..judged.len() {
        let this = &target.endpoints[at];
        if !this.address.is_ipv6() || !judged[at].required || !judged[at].is_unreached() {
            continue;
        }
        // What this machine's own kernel refuses says nothing about anybody's IPv6.
        if judged[at].is_blocked_by_this_host() {
            continue;
        }
        let this_is_connected =
            matches!(judged[at].reach, Reach::Connected | Reach::Swallowed { .. });
        let ipv4 = target.endpoints.iter().zip(judged.iter()).find(|(other, judged)| {
            other.address.is_ipv4()
                && (other.role, &other.host, other.port) == (this.role, &this.host, this.port)
                && matches!(judged.status, Status::Open | Status::Misconfigured)
                // A conversation that breaks off over both is not a fault of IPv6.
                && !(this_is_connected && judged.is_unreached())
        });
        let Some((ipv4, judged_ipv4)) = ipv4 else { continue };
        let works =
            if judged_ipv4.status == Status::Open { "works" } else { "can be connected to" };
        let here = judged[at].is_blocked_on_this_side();
        let mut evidence: Vec<String> = judged[at]
            .drafts
            .iter()
            .filter(is_reach)
            .flat_map(|d| d.found.evidence.clone())
            .collect();
        evidence.push(format!("{} {works}.", ipv4.label()));
        let (message, fix) = match here {
            // The server's IPv6 may be as good as it likes.
            true => (
                format!(
                    "port {} does not leave your network over IPv6, and {} is reached over IPv4 \
                     alone",
                    this.port, this.host
                ),
                "Nothing is wrong with the server. Show the evidence to whoever runs this network: \
                 what is meant to be blocked or open should be so over both IPv4 and IPv6.",
            ),
            false => {
                let (known, fix) = elsewhere(run, this.address);
                evidence.push(known.to_owned());
                (format!("{} fails over IPv6 while {} {works}", this.label(), ipv4.address), fix)
            }
        };
        let found = Found { message, fix: fix.to_owned(), evidence, reference: "RFC 8305 §1" };
        judged[at].drafts.retain(|draft| draft.check.group != Group::Reach);
        let ignored = ignore.contains(&check.code);
        judged[at].status = match judged[at].status {
            // A reset is a reset: what is closed is not blocked, whatever IPv4 does.
            Status::Closed => Status::Closed,
            _ if ignored => Status::Silent,
            _ => Status::Blocked,
        };
        if !ignored {
            // It is a warning on every port.
            judged[at].drafts.insert(0, Draft { check, severity: Severity::Warning, found });
        }
    }
}

/// What this run shows about IPv6 from here to other addresses than the failing one, as a sentence,
/// and what to do about it.
fn elsewhere(run: &Observations, failing: IpAddr) -> (&'static str, &'static str) {
    let endpoints = run.endpoints().filter_map(|(_, e)| Some((e.address, e.conversation()?)));
    let controls = run.network.controls.iter().map(|c| (c.address, &*c.conversation));
    let is_other = |(address, _): &(IpAddr, &_)| address.is_ipv6() && *address != failing;
    let connected = |seen: &Conversation| seen.connect.outcome == ConnectOutcome::Connected;
    let works = endpoints.chain(controls.clone()).filter(is_other).any(|(_, seen)| connected(seen));
    let controls_asked = controls.filter(is_other).count();
    match (works, controls_asked) {
        (true, _) => (
            "IPv6 works from here: other addresses of this run answered over it.",
            "Senders that prefer IPv6 lose time or give up. Repair the server's IPv6 (address, \
             route, firewall), or take the AAAA record out until it works.",
        ),
        (false, 1..) => (
            "IPv6 works nowhere from here: unrelated mail servers do not answer over it, either.",
            "Nothing shows that the server's IPv6 is broken. Repair this network's IPv6, or turn it \
             off: programs that prefer it lose time at every server.",
        ),
        (false, 0) => (
            "Whether IPv6 works elsewhere from here is not known: this run reached nothing else over it.",
            "Try IPv6 to another host from here. If that fails too, repair this network's IPv6; if \
             it works, the server's (address, route, firewall), or take its AAAA record out.",
        ),
    }
}

fn is_reach(draft: &&Draft) -> bool {
    draft.check.group == Group::Reach
}

/// Some addresses of the MX set cannot be reached, and one of a most-preferred host works.
fn mx_partly_unreachable(
    target: &TargetObservation,
    judged: &mut [Judged],
    blocked_here: BlockedHere,
    ignore: &[&str],
) -> Vec<Finding> {
    let Some(check) = checks::find("mx-partly-unreachable") else { return Vec::new() };
    let required_mx = |at: &usize| target.endpoints[*at].role == Role::Mx && judged[*at].required;
    let mx: Vec<usize> = (0..judged.len()).filter(required_mx).collect();
    let most_preferred = mx.iter().map(|at| target.endpoints[*at].preference).min().flatten();
    let one_works = mx.iter().any(|at| {
        target.endpoints[*at].preference == most_preferred && judged[*at].status == Status::Open
    });
    let is_failing = |at: &usize| {
        // What is blocked on this side and held against nobody is no fault of an address.
        if blocked_here != BlockedHere::Fail && judged[*at].is_blocked_here() {
            return false;
        }
        judged[*at]
            .drafts
            .iter()
            .any(|d| d.check.group == Group::Reach && d.check.code != "ipv6-broken")
    };
    let failing: Vec<usize> = mx.iter().copied().filter(is_failing).collect();
    if failing.is_empty() || !one_works {
        return Vec::new();
    }
    let labels: Vec<String> = failing.iter().map(|at| target.endpoints[*at].label()).collect();
    let mut evidence = Vec::new();
    for at in &failing {
        let reach = judged[*at].drafts.iter().filter(is_reach);
        evidence
            .extend(reach.map(|draft| format!("{}: {}", draft.check.code, draft.found.message)));
        judged[*at].drafts.retain(|draft| draft.check.group != Group::Reach);
    }
    if ignore.contains(&check.code) {
        return Vec::new();
    }
    let found = Found {
        message: match labels.as_slice() {
            [one] => format!("{one} cannot be reached, while other addresses can"),
            many => format!(
                "{} of {} mail exchanger addresses cannot be reached: {}",
                many.len(),
                mx.len(),
                many.join(", ")
            ),
        },
        fix: match failing.iter().all(|at| judged[*at].is_blocked_on_this_side()) {
            true => {
                "Nothing is known against these servers: their packets are stopped on this side. \
                 Show the evidence to whoever runs this network, and check them from another one."
            }
            false => {
                "Mail still arrives, but senders that try these first are delayed. Repair them, or \
                 take their records out of DNS."
            }
        }
        .to_owned(),
        evidence,
        reference: "RFC 5321 §5.1",
    };
    vec![Draft { check, severity: Severity::Warning, found }.finish(true)]
}
