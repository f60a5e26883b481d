//! How often the routers of a distance are made to answer, over all ladders of a run. No clock.
//!
//! The first hops are shared by every ladder, and a Linux router sends one client six
//! time-exceeded at once and then one a second (`icmp_ratelimit`; ten a second over IPv6). Whoever
//! asks faster makes a silence that is not there.

use std::collections::HashMap;
use std::time::Duration;

/// Answers in one go, one less than a router gives.
const BURST: u32 = 5;
/// From one answer to the next after that: a little more than the router's second.
const INTERVAL: Duration = Duration::from_millis(1050);

/// The packets that were sent so far, by family and TTL.
#[derive(Debug, Default)]
pub struct Pace {
    /// When the allowance of a distance is full again.
    full_at: HashMap<(bool, u8), Duration>,
}

impl Pace {
    /// Takes leave to send a packet of this family and TTL now.
    ///
    /// # Errors
    ///
    /// The instant before which none may be sent.
    pub fn take(&mut self, ipv4: bool, ttl: u8, now: Duration) -> Result<(), Duration> {
        let full_at = self.full_at.entry((ipv4, ttl)).or_default();
        let after = (*full_at).max(now) + INTERVAL;
        let earliest = after.saturating_sub(INTERVAL * BURST);
        if earliest > now {
            return Err(earliest);
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_router_is_asked_for_more_than_it_gives() {
        let (mut pace, mut now) = (Pace::default(), Duration::ZERO);
        // A router with a bucket of six that fills by one a second.
        let (mut bucket, mut filled) = (6.0_f64, Duration::ZERO);
        for _ in 0..40 {
            if let Err(earliest) = pace.take(true, 1, now) {
                assert!(earliest > now);
                now = earliest;
                assert_eq!(pace.take(true, 1, now), Ok(()));
            }
            bucket = (bucket + (now - filled).as_secs_f64()).min(6.0) - 1.0;
            filled = now;
            assert!(bucket >= 0.0, "the router is silent at {now:?}");
        }
        assert_eq!(now.as_secs(), 36, "and none waits longer than it must");
    }

    #[test]
    fn other_distances_and_the_other_family_have_their_own() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(7);
        while pace.take(true, 1, now).is_ok() {}
        assert_eq!(pace.take(true, 2, now), Ok(()));
        assert_eq!(pace.take(false, 1, now), Ok(()));
    }
}
