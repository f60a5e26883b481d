//! The decision table: which signs mean that who stops a port, and how sure that is.
//!
//! Knows [`Signs`] and nothing else; the first row that applies decides. Must not know hosts or
//! words. A row that names a culprit needs evidence of a place and of other servers; what no row
//! explains is unknown, which accuses nobody.

use super::signs::{Broken, Event, Place, Sender, Signs};
use crate::diagnosis::finding::{BlockedBy, BlockedHow, Confidence};

/// One row.
pub struct Row {
    /// What the row is about. The tests name the row that has to decide.
    #[cfg_attr(not(test), expect(dead_code, reason = "a name for readers and tests"))]
    pub name: &'static str,
    applies: fn(&Signs) -> bool,
    verdict: fn(&Signs) -> Verdict,
}

/// What a row decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stops it on the way.
    Passes,
    /// Nothing listens there.
    Closed,
    /// Something stops it.
    Blocked {
        /// The code that this makes on a required port.
        code: &'static str,
        by: BlockedBy,
        how: BlockedHow,
        confidence: Confidence,
    },
    /// The connection was made, and something on this side stops the conversation. The codes stay
    /// those of the conversation's end.
    Swallowed { how: BlockedHow, confidence: Confidence },
}

use BlockedBy::{TheirNetwork, ThisHost, Transit, Unknown, YourNetwork};
use BlockedHow::{Denied, Icmp, Intercepted, Reset, Silence};
use Confidence::{Certain, Guess, Likely};

const OUTBOUND: &str = "outbound-port-blocked";
const FILTERED: &str = "port-filtered";
const SILENT: &str = "port-silent";
const UNREACHABLE: &str = "host-unreachable";
const INTERCEPTED: &str = "connection-intercepted";

/// The row that decides, and what.
pub fn decide(signs: &Signs) -> (&'static Row, Verdict) {
    let row = ROWS.iter().find(|row| (row.applies)(signs)).unwrap_or(&LAST);
    (row, (row.verdict)(signs))
}

fn blocked(code: &'static str, by: BlockedBy, how: BlockedHow, confidence: Confidence) -> Verdict {
    Verdict::Blocked { code, by, how, confidence }
}

/// The host's own ladder together with a control that is alive proves it; with any ladder one
/// control makes it likely.
fn shown_by_ladder(signs: &Signs) -> Confidence {
    match signs.alike {
        1.. if signs.own_ladder && signs.alike_alive => Certain,
        1.. => Likely,
        0 => Guess,
    }
}

fn is_silent(signs: &Signs) -> bool {
    signs.event == Event::Silence
}

fn is_refused_by_router(signs: &Signs) -> bool {
    signs.event == Event::Refused(Sender::Router)
}

fn nobody_passes(signs: &Signs) -> bool {
    signs.passing == 0
}

const LAST: Row = Row {
    name: "nothing on the way is known to stop it",
    applies: |_| true,
    verdict: |_| Verdict::Passes,
};

/// The table.
pub const ROWS: &[Row] = &[
    // What the kernel itself says needs no other evidence.
    Row {
        name: "no route",
        applies: |s| s.event == Event::NoRoute,
        verdict: |_| blocked(UNREACHABLE, ThisHost, Denied, Certain),
    },
    Row {
        name: "the kernel refuses the call",
        applies: |s| s.event == Event::Denied,
        verdict: |_| blocked(OUTBOUND, ThisHost, Denied, Certain),
    },
    Row {
        name: "refused in this machine's own name",
        applies: |s| s.event == Event::Refused(Sender::Own),
        verdict: |_| blocked(OUTBOUND, ThisHost, Icmp, Certain),
    },
    Row {
        name: "unreachable, says a router or this machine's own kernel",
        applies: |s| matches!(s.event, Event::Unreachable { .. }),
        verdict: |_| blocked(UNREACHABLE, Unknown, Icmp, Guess),
    },
    // Silence.
    Row {
        name: "silent, and yet a packet of the ladder was answered",
        applies: |s| is_silent(s) && s.answered_once,
        verdict: |_| blocked(SILENT, Unknown, Silence, Guess),
    },
    Row {
        name: "swallowed on this machine",
        applies: |s| {
            is_silent(s) && s.place == Place::Here && s.self_probe_silent && nobody_passes(s)
        },
        // Never certain: a rule for what comes in can swallow the self-probe as well, and the first
        // router everything else.
        verdict: |s| blocked(OUTBOUND, ThisHost, Silence, shown_by_ladder(s).min(Likely)),
    },
    Row {
        name: "stops on this side, and nobody answers on the port",
        applies: |s| {
            is_silent(s)
                && matches!(s.place, Place::Here | Place::OwnNetwork | Place::Shared)
                && nobody_passes(s)
        },
        verdict: |s| blocked(OUTBOUND, YourNetwork, Silence, shown_by_ladder(s)),
    },
    Row {
        name: "no ladder shows it, unrelated servers are as silent, and so is the self-probe",
        applies: |s| without_ladder(s) && s.self_probe_silent,
        verdict: |_| blocked(OUTBOUND, ThisHost, Silence, Guess),
    },
    Row {
        name: "no ladder shows it, and unrelated servers are as silent",
        applies: without_ladder,
        verdict: |_| blocked(OUTBOUND, YourNetwork, Silence, Likely),
    },
    Row {
        name: "stops behind the last hop, and the port works elsewhere",
        applies: |s| is_silent(s) && s.place == Place::Server && s.passing > 0,
        verdict: |s| {
            let confidence = if s.own_ladder { Certain } else { Likely };
            blocked(FILTERED, TheirNetwork, Silence, confidence)
        },
    },
    Row {
        name: "stops behind the last hop, and nobody else was asked",
        applies: |s| is_silent(s) && s.place == Place::Server && s.alike == 0,
        verdict: |_| blocked(FILTERED, TheirNetwork, Silence, Guess),
    },
    Row {
        name: "stops at the last hop, well beyond this side, and the port works elsewhere",
        applies: |s| {
            is_silent(s) && s.place == Place::LastHop && s.comes_from_beyond && s.passing > 0
        },
        verdict: |_| blocked(FILTERED, TheirNetwork, Silence, Likely),
    },
    Row {
        name: "stops in between, well beyond this side, and the port works elsewhere",
        applies: |s| {
            is_silent(s) && s.place == Place::Beyond && s.comes_from_beyond && s.passing > 0
        },
        verdict: |_| blocked(FILTERED, Transit, Silence, Likely),
    },
    Row {
        name: "no ladder shows it, the host answers on another port, and the port works elsewhere",
        applies: |s| is_silent(s) && s.place == Place::Unknown && s.host_answers && s.passing > 1,
        verdict: |_| blocked(FILTERED, TheirNetwork, Silence, Guess),
    },
    Row {
        name: "silent, and nothing shows where",
        applies: is_silent,
        verdict: |_| blocked(SILENT, Unknown, Silence, Guess),
    },
    // Resets.
    Row {
        name: "reset from nearer than the server, here and at unrelated servers",
        applies: |s| s.event == Event::Reset && s.nearer && s.alike > 0 && nobody_passes(s),
        verdict: |_| blocked(OUTBOUND, YourNetwork, Reset, Certain),
    },
    Row { name: "reset", applies: |s| s.event == Event::Reset, verdict: |_| Verdict::Closed },
    // ICMP.
    Row {
        name: "a router refuses it for unrelated servers, too",
        applies: |s| is_refused_by_router(s) && s.alike > 0 && nobody_passes(s),
        verdict: |s| {
            let confidence = match s.place {
                Place::OwnNetwork | Place::Shared if s.own_ladder => Certain,
                _ if s.alike > 1 => Likely,
                _ => Guess,
            };
            blocked(OUTBOUND, YourNetwork, Icmp, confidence)
        },
    },
    Row {
        name: "the router in front of the server refuses it, and the port works elsewhere",
        applies: |s| is_refused_by_router(s) && s.place == Place::LastHop && s.passing > 0,
        verdict: |_| blocked(FILTERED, TheirNetwork, Icmp, Certain),
    },
    Row {
        name: "a public router in between refuses it, and the port works elsewhere",
        applies: |s| {
            is_refused_by_router(s)
                && matches!(s.place, Place::Shared | Place::Beyond)
                && s.passing > 0
        },
        verdict: |s| {
            let confidence = if s.place == Place::Beyond { Certain } else { Likely };
            blocked(FILTERED, Transit, Icmp, confidence)
        },
    },
    Row {
        name: "a router refuses it, and nothing shows whose it is",
        applies: is_refused_by_router,
        verdict: |_| blocked(SILENT, Unknown, Icmp, Guess),
    },
    Row {
        name: "the server's own address refuses it",
        applies: |s| s.event == Event::Refused(Sender::Target),
        verdict: |s| {
            let confidence = match s.passing {
                1.. if s.own_ladder && !s.nearer => Certain,
                1.. => Likely,
                0 => Guess,
            };
            blocked(FILTERED, TheirNetwork, Icmp, confidence)
        },
    },
    // Connections.
    Row {
        name: "answered as this machine's own address is, and so are unrelated servers",
        applies: |s| {
            is_connected(s) && s.intercepted.answered_here && s.intercepted.same_greeting > 0
        },
        verdict: |_| blocked(INTERCEPTED, ThisHost, Intercepted, Certain),
    },
    Row {
        name: "connected nearer than the server, as unrelated servers are",
        applies: |s| {
            let found = s.intercepted;
            is_connected(s) && s.nearer && (found.nearer_alike || found.same_greeting > 0)
        },
        verdict: |_| blocked(INTERCEPTED, YourNetwork, Intercepted, Certain),
    },
    Row {
        name: "connected nearer than the server, and a hop on this side bears its address",
        applies: |s| is_connected(s) && s.nearer && s.intercepted.rewritten,
        verdict: |_| blocked(INTERCEPTED, YourNetwork, Intercepted, Likely),
    },
    Row {
        name: "unrelated servers greet as one host that none of them is",
        applies: |s| is_connected(s) && s.intercepted.same_greeting > 1,
        verdict: |_| blocked(INTERCEPTED, YourNetwork, Intercepted, Likely),
    },
    Row {
        name: "STARTTLS is missing at servers that have it",
        applies: |s| is_connected(s) && s.intercepted.without_starttls > 1,
        verdict: |_| blocked(INTERCEPTED, YourNetwork, Intercepted, Likely),
    },
    Row {
        name: "large packets vanish, at unrelated servers, too",
        applies: |s| has_broken(s, Broken::LargePackets) && s.alike > 1 && nobody_passes(s),
        verdict: |_| blocked("path-mtu-blackhole", YourNetwork, Silence, Likely),
    },
    Row {
        name: "large packets vanish",
        applies: |s| has_broken(s, Broken::LargePackets),
        verdict: |_| blocked("path-mtu-blackhole", Unknown, Silence, Guess),
    },
    Row {
        name: "every handshake dies",
        applies: |s| has_broken(s, Broken::Handshake) && s.alike > 0 && nobody_passes(s),
        verdict: |s| {
            let confidence = if s.alike > 1 { Likely } else { Guess };
            blocked("tls-blocked", YourNetwork, Silence, confidence)
        },
    },
    Row {
        name: "unrelated servers are swallowed at the same step",
        applies: |s| has_broken(s, Broken::Dialogue) && s.alike > 1 && nobody_passes(s),
        verdict: |_| Verdict::Swallowed { how: Silence, confidence: Likely },
    },
];

/// Two unrelated operators are silent, and one of them answers on another port: a network that is
/// down altogether stops no port.
fn without_ladder(signs: &Signs) -> bool {
    is_silent(signs)
        && signs.place == Place::Unknown
        && !signs.another_is_traced
        && signs.alike > 1
        && signs.alike_alive
        && nobody_passes(signs)
}

fn is_connected(signs: &Signs) -> bool {
    matches!(signs.event, Event::Connected(_))
}

fn has_broken(signs: &Signs, broken: Broken) -> bool {
    signs.event == Event::Connected(broken)
}

#[cfg(test)]
mod tests;
