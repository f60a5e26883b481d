//! When the silence of a port is conclusive, so that nobody has to wait any longer.
//!
//! A firewall that drops packets would cost every user the whole connect timeout, though it is
//! known long before that nothing will come. Known means: the ladders show that the port's packets
//! stop on this side, where those of another port pass; enough of them have died there; and nobody
//! got through on that port, neither a target nor a control that had its chance.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Subject;
use crate::observation::PathEnd;
use crate::path::side::{Cut, Ladders, Next};
use crate::probe::{Probing, lock};

/// Packets that must have died past the cut, and from how many source ports: single packets are
/// lost, and a balanced path may lose those of one source port.
const SYNS: usize = 6;
const SOURCE_PORTS: usize = 3;

/// A control has had its chance when its second SYN, a second after the first, had this long to be
/// answered.
const CHANCE: Duration = Duration::from_millis(1300);

/// SYNs of an endpoint that waits: it goes on to its third in any case.
const OWN_SYNS: usize = 3;

impl Probing {
    /// Ends the wait for a silent port where its silence is conclusive.
    pub(super) async fn conclude(&self, subject: &Subject) {
        let state = self.inquiry.port(subject.key());
        let dialled = lock(&state.dialled).clone();
        let Some(cut) = self.cut_on_this_side(subject) else { return };
        if !is_enough(self.silent_hops_behind(subject, cut), dialled.len()) {
            return;
        }
        let chance = dialled.iter().map(|at| *at + CHANCE).max();
        sleep_until(chance.unwrap_or_else(Instant::now)).await;
        if !state.got_through() {
            state.conclude();
        }
    }

    fn cut_on_this_side(&self, subject: &Subject) -> Option<Cut> {
        let paths = self.inquiry.facts().paths.clone();
        let unrelated = |one, other| self.inquiry.are_unrelated(one, other);
        let ladders = Ladders::new(&paths, &unrelated);
        let path = ladders.to(subject.to.ip(), subject.port)?;
        let cut = (path.end == PathEnd::Silence).then(|| ladders.cut(path))??;
        matches!(cut.next, Next::OnYourSide(_)).then_some(cut)
    }

    fn silent_hops_behind(&self, subject: &Subject, cut: Cut) -> usize {
        let last = cut.after.map_or(0, |(ttl, _)| ttl);
        let facts = self.inquiry.facts();
        let own = facts
            .paths
            .iter()
            .find(|path| (path.address, path.port) == (subject.to.ip(), subject.port));
        let hops = own.map(|path| path.hops.as_slice()).unwrap_or_default();
        hops.iter().filter(|hop| hop.ttl > last && hop.address.is_none()).count()
    }
}

/// Whether enough packets have died: two of each silent hop, each from a port of its own; those of
/// the endpoint; and two of each control.
fn is_enough(silent_hops: usize, controls: usize) -> bool {
    let syns = 2 * silent_hops + OWN_SYNS + 2 * controls;
    let source_ports = 2 * silent_hops + 1 + controls;
    syns >= SYNS && source_ports >= SOURCE_PORTS
}

#[cfg(test)]
mod tests {
    use super::is_enough;

    #[test]
    fn one_lost_packet_is_no_block() {
        assert!(!is_enough(0, 0));
        assert!(!is_enough(0, 1), "five from two source ports");
        assert!(!is_enough(1, 0), "five");
        assert!(is_enough(1, 1));
        assert!(is_enough(2, 0));
        assert!(is_enough(0, 2));
    }
}
