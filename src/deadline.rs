//! Waiting until a deadline, fairly: what has come by then counts.
//!
//! Knows that this process may not have run when the deadline passed. Must not know what is waited
//! for.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// A deadline that is noticed so late passed while this process did not run: it was stopped, or a
/// busy machine had no time for it.
const LATE: Duration = Duration::from_millis(50);

/// How long it is then looked for what came meanwhile. It lies in the socket already; the runtime
/// only has to hear of that, and looks at its timers first.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// The end of something that may take several steps, which share one last look. It cannot be copied:
/// whoever were given a last look at each step could be held up for ever.
#[derive(Debug)]
pub struct Deadline {
    at: Instant,
    is_last_look: bool,
}

impl Deadline {
    /// The deadline at an instant.
    pub fn at(at: Instant) -> Self {
        Self { at, is_last_look: false }
    }

    /// Waits for one step. What has come by the deadline counts, also where this process did not run
    /// when it passed; `None` where nothing has come.
    pub async fn wait<T>(&mut self, step: impl Future<Output = T>) -> Option<T> {
        let mut step = pin!(step);
        if let Ok(came) = timeout_at(self.at, &mut step).await {
            return Some(came);
        }
        if self.is_last_look || self.at.elapsed() < LATE {
            return None;
        }
        *self = Self { at: Instant::now() + LAST_LOOK, is_last_look: true };
        timeout_at(self.at, step).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep, sleep_until};

    /// What comes `after` the deadline as this process sees it, where the deadline is noticed
    /// `late`.
    async fn noticed(late: Duration, after: Duration) -> Option<()> {
        let at = Instant::now() + Duration::from_secs(30);
        let waiting =
            tokio::spawn(
                async move { Deadline::at(at).wait(sleep_until(at + late + after)).await },
            );
        // It begins to wait.
        sleep(Duration::from_secs(1)).await;
        advance(Duration::from_secs(29) + late).await;
        waiting.await.expect("it does not panic")
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_while_this_process_did_not_run_counts() {
        let soon = Duration::from_millis(20);
        assert_eq!(noticed(Duration::from_secs(60), soon).await, Some(()));
        assert_eq!(noticed(Duration::from_secs(60), Duration::from_secs(5)).await, None);
        let in_time = Instant::now();
        assert_eq!(noticed(Duration::ZERO, soon).await, None);
        assert_eq!(in_time.elapsed().as_secs(), 30, "a deadline that is noticed in time is one");
    }

    #[tokio::test(start_paused = true)]
    async fn all_steps_share_one_last_look() {
        let mut deadline = Deadline::at(Instant::now() + Duration::from_secs(1));
        advance(Duration::from_secs(60)).await;
        let noticed = Instant::now();
        let mut steps = 0;
        while steps < 100 && deadline.wait(sleep(Duration::from_millis(200))).await.is_some() {
            steps += 1;
        }
        assert_eq!((steps, noticed.elapsed()), (2, LAST_LOOK));
        // Nor is there another where that one ends late.
        advance(Duration::from_secs(60)).await;
        assert_eq!(deadline.wait(sleep(Duration::from_millis(200))).await, None);
    }
}
