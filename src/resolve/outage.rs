//! What becomes of questions while no name server answers anything.
//!
//! A question that nobody answers takes seconds, and a long list has three and more for each domain:
//! behind a name server that dies in the middle, the rest would be hours of waiting for nothing. So
//! after many questions in a row without a reply, each is asked [briefly](BRIEF) first. Those that
//! nobody answers wait together, as most outages are short, and where it lasts they fail until it is
//! over. None is left out, as a name server may be silent for some names (an internal one, which asks
//! nobody else) and not for others.
//!
//! Knows when there was a reply, of whatever kind. Must not know who was asked or how;
//! [`hickory`](super::hickory) does.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// Questions in a row without a reply, at which it is asked whether there is anybody. One domain with
/// a dead zone has fewer; more are lost to the outage the larger this is.
const MANY: u32 = 64;

/// How long an outage is waited out. A name server that is restarted is back by then.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause between two looks whether it is over.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a reply is waited for meanwhile. One that knows the answer gives it within this time, if
/// it is not on the other side of the earth, and a hundred thousand domains behind a dead one take
/// minutes.
pub(super) const BRIEF: Duration = Duration::from_millis(250);

/// What is said of a question to which there was no reply meanwhile. It may be that there would have
/// been one later.
pub(super) fn no_reply() -> String {
    let brief = BRIEF.as_millis();
    format!("no name server answered within {brief} ms, nor any of the many questions before")
}

/// What is known of the name servers as a whole.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Questions in a row.
    unanswered: AtomicU32,
    /// It has lasted for longer than it is waited out.
    lasts: AtomicBool,
    /// Whoever holds this asks whether it is over; when that was done last.
    asking: Mutex<Option<Instant>>,
}

impl Outage {
    /// Learns what came of a question.
    pub(super) fn learn(&self, replied: bool) {
        match replied {
            true => {
                self.unanswered.store(0, Ordering::Relaxed);
                self.lasts.store(false, Ordering::Relaxed);
            }
            false => drop(self.unanswered.fetch_add(1, Ordering::Relaxed)),
        }
    }

    /// Waits while there is an outage, and says whether a question has a chance. `replies` asks, and
    /// has the time that any question has.
    pub(super) async fn is_over<F>(&self, replies: impl Fn() -> F) -> bool
    where
        F: Future<Output = bool>,
    {
        if !self.is_suspected() {
            return true;
        }
        if self.lasts.load(Ordering::Relaxed) {
            // One looks from time to time, and nobody waits for it.
            let Ok(mut asked) = self.asking.try_lock() else { return false };
            if asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
                return false;
            }
            let replied = replies().await;
            *asked = Some(Instant::now());
            if replied {
                self.learn(true);
            }
            return replied;
        }
        let mut asked = self.asking.lock().await;
        let begun = Instant::now();
        // Whoever was first here has found out for all who wait behind.
        while self.is_suspected() && !self.lasts.load(Ordering::Relaxed) {
            let replied = replies().await;
            *asked = Some(Instant::now());
            match replied {
                true => self.learn(true),
                false if begun.elapsed() >= PATIENCE => self.lasts.store(true, Ordering::Relaxed),
                false => sleep(PAUSE).await,
            }
        }
        !self.is_suspected()
    }

    /// Many questions in a row had no reply.
    pub(super) fn is_suspected(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= MANY
    }
}

#[cfg(test)]
impl Outage {
    /// One that is not waited out any more.
    pub(super) fn that_lasts() -> Self {
        let (unanswered, lasts) = (AtomicU32::new(MANY), AtomicBool::new(true));
        Self { unanswered, lasts, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;

    use super::*;

    /// Name servers that reply from an instant on, and how often it was asked whether they do.
    struct World {
        outage: Outage,
        back_at: Instant,
        asked: AtomicU32,
    }

    impl World {
        fn back_after(seconds: u64) -> Arc<Self> {
            let back_at = Instant::now() + Duration::from_secs(seconds);
            Arc::new(Self { outage: Outage::default(), back_at, asked: AtomicU32::new(0) })
        }

        fn silence(&self, questions: u32) {
            (0..questions).for_each(|_| self.outage.learn(false));
        }

        async fn is_over(&self) -> bool {
            let replies = || async {
                self.asked.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(10)).await;
                Instant::now() >= self.back_at
            };
            self.outage.is_over(replies).await
        }

        /// What came of so many questions at once, and after how many seconds the last was let go.
        async fn at_once(self: &Arc<Self>, questions: usize) -> (Vec<bool>, u64) {
            let begun = Instant::now();
            let mut all = JoinSet::new();
            for _ in 0..questions {
                let world = Arc::clone(self);
                all.spawn(async move { world.is_over().await });
            }
            (all.join_all().await, begun.elapsed().as_secs())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_for_some_names_is_no_outage() {
        let world = World::back_after(0);
        world.silence(MANY - 1);
        assert!(world.is_over().await);
        assert_eq!(world.asked.load(Ordering::Relaxed), 0, "nobody is asked for so few");
        world.silence(1);
        let (over, waited) = world.at_once(100).await;
        assert!(over.iter().all(|over| *over) && waited == 0, "they answer for other names");
        assert_eq!(world.asked.load(Ordering::Relaxed), 1, "one asks for all");
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_outage_is_waited_out_by_all() {
        let world = World::back_after(10);
        world.silence(200);
        let (over, waited) = world.at_once(100).await;
        assert!(over.iter().all(|over| *over) && (10..=12).contains(&waited), "{waited} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_one_is_not_and_its_end_is_noticed() {
        let world = World::back_after(300);
        world.silence(MANY);
        let (over, waited) = world.at_once(100).await;
        assert!(over.iter().all(|over| !over), "there is no chance");
        assert!(
            (20..=22).contains(&waited),
            "they wait together, not one after the other: {waited}"
        );
        let asked = world.asked.load(Ordering::Relaxed);
        let (over, waited) = world.at_once(10_000).await;
        assert!(over.iter().all(|over| !over) && waited == 0, "nobody waits any more");
        assert!(world.asked.load(Ordering::Relaxed) <= asked + 1, "one looks from time to time");
        sleep(Duration::from_secs(300)).await;
        assert!(world.is_over().await && world.is_over().await);
    }
}
