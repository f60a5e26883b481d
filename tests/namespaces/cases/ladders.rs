//! What `trace` shows in the same worlds: the hops are known, so every line of it can be held to
//! the map.

use super::refusals::{PROHIBITED, at_router, reset_at};
use super::silence::dropped;
use crate::case::Case;
use crate::filter::Hook;
use crate::harness::Checked;
use crate::node::{Family, Node};
use crate::world::World;

/// The distance of every mail server: home, isp, core and edge stand before it.
const SERVER: u64 = 5;

pub(super) fn cases() -> Vec<Case> {
    let traced = |name: &str, case: Case, also| Case { name: name.to_owned(), also, ..case };
    vec![
        traced("nothing is filtered, traced", Case::healthy(), |world, _| {
            let trace = Trace::of(world)?;
            trace.expect(25, "connected", SERVER)?;
            trace.expect(587, "refused", SERVER)?;
            trace.says("do not part")
        }),
        traced(
            "isp: 25 dropped while forwarding, traced",
            dropped(Node::Isp, Hook::Forward),
            |w, _| {
                let trace = Trace::of(w)?;
                trace.expect(25, "silence", 2)?;
                trace.expect(587, "refused", SERVER)?;
                trace.says("at or just after hop 2")
            },
        ),
        traced(
            "isp: 25 dropped before routing, traced",
            dropped(Node::Isp, Hook::Prerouting),
            |w, _| {
                let trace = Trace::of(w)?;
                trace.expect(25, "silence", 1)?;
                trace.expect(587, "refused", SERVER)?;
                trace.says("at or just after hop 1")
            },
        ),
        traced(
            "edge: 25 dropped while forwarding, traced",
            dropped(Node::Edge, Hook::Forward),
            |w, _| {
                let trace = Trace::of(w)?;
                trace.expect(25, "silence", 4)?;
                trace.says("hop 4")
            },
        ),
        traced("client: own 25 dropped, traced", dropped(Node::Client, Hook::Output), |w, _| {
            let trace = Trace::of(w)?;
            trace.expect(25, "silence", 0)?;
            trace.expect(587, "refused", SERVER)
        }),
        traced("core: 25 admin-prohibited, traced", at_router(Node::Core, PROHIBITED), |w, _| {
            let trace = Trace::of(w)?;
            trace.expect(587, "refused", SERVER)?;
            trace.ends(25, "icmp-unreachable")
        }),
        traced("isp: 25 reset, traced", reset_at(Node::Isp), |w, _| {
            let trace = Trace::of(w)?;
            trace.expect(587, "refused", SERVER)?;
            // Sent in the forward hook, behind the check of the TTL: one hop farther than it is.
            trace.expect(25, "refused", 3)
        }),
    ]
}

/// What `smtpcheck trace` says about the first mail exchanger.
struct Trace(serde_json::Value);

impl Trace {
    fn of(world: &World) -> Result<Self, String> {
        let mut arguments = world.options();
        arguments.push("--format=json".to_owned());
        let resolver = format!("--resolver={}", Case::healthy().resolver);
        arguments.extend([
            "trace".to_owned(),
            resolver,
            Node::Mx1.host(),
            "-p".to_owned(),
            "25,587".to_owned(),
        ]);
        let output = world.smtpcheck(&arguments).map_err(|error| error.to_string())?;
        let seen: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let checked = Checked::read(&seen, &output);
        match checked.exit {
            0 => Ok(Self(checked.report)),
            exit => Err(format!("trace ends with {exit}: {:#}", checked.report)),
        }
    }

    fn paths(&self, port: u16) -> Result<Vec<&serde_json::Value>, String> {
        let paths = self.0["network"]["paths"].as_array().map_or(&[][..], Vec::as_slice);
        let paths: Vec<_> = paths.iter().filter(|path| path["port"] == port).collect();
        let families = |family: Family| {
            let is_of = |path: &&&serde_json::Value| {
                path["address"].as_str().and_then(|a| a.parse().ok()).is_some_and(|a| family.has(a))
            };
            paths.iter().filter(is_of).count()
        };
        match (families(Family::V4), families(Family::V6)) {
            (1, 1) => Ok(paths),
            other => Err(format!("port {port} has {other:?} paths: {:#}", self.0)),
        }
    }

    /// Over both families the path ends so, and the last hop that answered is at this distance.
    fn expect(&self, port: u16, end: &str, last: u64) -> Result<(), String> {
        self.ends(port, end)?;
        for path in self.paths(port)? {
            let hops = path["hops"].as_array().map_or(&[][..], Vec::as_slice);
            let answered = hops.iter().filter(|hop| hop["address"].is_string());
            let farthest = answered.filter_map(|hop| hop["ttl"].as_u64()).max().unwrap_or(0);
            if farthest != last {
                return Err(format!(
                    "port {port} is answered up to hop {farthest}, not {last}: {path:#}"
                ));
            }
        }
        Ok(())
    }

    fn ends(&self, port: u16, end: &str) -> Result<(), String> {
        match self.paths(port)?.iter().find(|path| path["end"] != end) {
            None => Ok(()),
            Some(path) => Err(format!("port {port} does not end in {end}: {path:#}")),
        }
    }

    fn says(&self, words: &str) -> Result<(), String> {
        let traces = self.0["network"]["traces"].as_array().map_or(&[][..], Vec::as_slice);
        let silent = |trace: &&serde_json::Value| {
            !trace["summary"].as_str().is_some_and(|summary| summary.contains(words))
        };
        match traces.iter().find(silent) {
            None if !traces.is_empty() => Ok(()),
            _ => Err(format!("it does not say `{words}`: {:#}", self.0["network"]["traces"])),
        }
    }
}
