//! Whether this process runs while it waits.
//!
//! One that was stopped, that a busy machine left no time, or whose machine slept finds its deadlines
//! passed and connections closed that nobody was there for: that is no evidence against a server.
//!
//! Knows two clocks, and how often it means to wake up. Must not know what is waited for; what
//! follows from a gap is decided in [`endpoint`](super::endpoint).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How often it wakes up.
const BEAT: Duration = Duration::from_millis(250);

/// A gap that counts. Shorter ones are how a busy machine shares its time out, and no server is
/// accused for a second.
const GAP: Duration = Duration::from_secs(1);

/// Wakes up again and again while it lives, and keeps account of when it could not.
pub struct Pulse {
    beats: Arc<Mutex<Beats>>,
    now: fn() -> OffsetDateTime,
    _beating: JoinSet<()>,
}

/// An instant of a [`Pulse`], from which gaps are counted.
#[derive(Clone, Copy)]
pub struct Mark(Duration);

struct Beats {
    last: (Instant, OffsetDateTime),
    missed: Duration,
}

impl Pulse {
    /// Begins to beat. `now` is the wall clock: where a machine sleeps, the other may stand still.
    pub fn begin(now: fn() -> OffsetDateTime) -> Self {
        let last = (Instant::now(), now());
        let beats = Arc::new(Mutex::new(Beats { last, missed: Duration::ZERO }));
        let mut beating = JoinSet::new();
        let own = Arc::clone(&beats);
        beating.spawn(async move {
            loop {
                sleep(BEAT).await;
                let mut beats = own.lock().unwrap_or_else(PoisonError::into_inner);
                let at = (Instant::now(), now());
                let gap = beats.gap_until(at);
                beats.missed += gap;
                beats.last = at;
            }
        });
        Self { beats, now, _beating: beating }
    }

    /// This instant.
    pub fn mark(&self) -> Mark {
        let beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks may have been woken up before the beat.
        Mark(beats.missed + beats.gap_until((Instant::now(), (self.now)())))
    }

    /// For how long this process has not run since then, where that was long enough to matter.
    pub fn missed_since(&self, mark: Mark) -> Option<Duration> {
        Some(self.mark().0.saturating_sub(mark.0)).filter(|missed| *missed >= GAP)
    }
}

impl Beats {
    fn gap_until(&self, (instant, wall): (Instant, OffsetDateTime)) -> Duration {
        let by_wall = Duration::try_from(wall - self.last.1).unwrap_or_default();
        let gap = (instant - self.last.0).max(by_wall).saturating_sub(BEAT);
        if gap < GAP { Duration::ZERO } else { gap }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};
    use tokio::time::advance;

    fn standing() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_no_gap() {
        let pulse = Pulse::begin(standing);
        let mark = pulse.mark();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(pulse.missed_since(mark), None);
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_passes_between_two_beats_is_a_gap() {
        let pulse = Pulse::begin(standing);
        sleep(Duration::from_secs(1)).await;
        let mark = pulse.mark();
        advance(Duration::from_secs(60)).await;
        // Before the next beat and after it, and only for those who waited meanwhile.
        let seconds = |mark| pulse.missed_since(mark).map(|missed| missed.as_secs());
        assert!(matches!(seconds(mark), Some(59..=60)), "{:?}", seconds(mark));
        let later = pulse.mark();
        sleep(Duration::from_secs(5)).await;
        assert!(matches!(seconds(mark), Some(59..=60)), "{:?}", seconds(mark));
        assert_eq!(seconds(later), None);
        advance(Duration::from_millis(900)).await;
        assert_eq!(seconds(later), None, "a busy machine");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_is_a_gap_though_its_instants_stood_still() {
        static WALL: AtomicI64 = AtomicI64::new(0);
        let wall = || {
            OffsetDateTime::UNIX_EPOCH + Duration::from_secs(WALL.load(Ordering::Relaxed) as u64)
        };
        let pulse = Pulse::begin(wall);
        let mark = pulse.mark();
        WALL.store(3600, Ordering::Relaxed);
        assert_eq!(pulse.missed_since(mark).map(|missed| missed.as_secs()), Some(3599));
        sleep(Duration::from_secs(1)).await;
        let mark = pulse.mark();
        WALL.store(60, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(pulse.missed_since(mark), None, "a clock that is set back");
    }
}
