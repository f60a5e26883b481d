//! Walks ladders for an inquiry, each port of an address once in a run.

use std::net::IpAddr;

use super::state::Inquiry;
use crate::observation::{Gap, PathObservation};
use crate::path::Rail;
use crate::probe::Probing;

impl Probing {
    /// Walks the ladders to these ports of one address side by side, where that was not done yet,
    /// and waits for whoever is doing it.
    pub(super) async fn walk(&self, rails: &[Rail], address: IpAddr) {
        let walked = self.inquiry.walked(address);
        let mut walked = walked.lock().await;
        let fresh: Vec<Rail> =
            rails.iter().copied().filter(|rail| walked.insert(rail.port)).collect();
        if fresh.is_empty() {
            return;
        }
        let bind = self.plan.bind_for(address);
        let shown = self.inquiry.shown(address);
        let walks = self.inquiry.walks(&self.effects.hops);
        let each = |at: usize, result: Result<PathObservation, String>| match result {
            Ok(path) => {
                // What answers a ladder gets through, too: silence elsewhere is not the port's.
                if path.own_distance().is_some() {
                    self.inquiry.port((path.port, address.is_ipv4())).lets_through();
                }
                self.inquiry.add(|facts| facts.paths.push(path));
            }
            Err(why) => not_traced(&self.inquiry, address, fresh[at].port, why),
        };
        walks.briefly(&fresh, bind, shown, each).await;
    }
}

fn not_traced(inquiry: &Inquiry, address: IpAddr, port: u16, why: String) {
    inquiry.add_gap(Gap::NotTraced { address, port, why });
}
