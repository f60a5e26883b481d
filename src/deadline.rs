//! Waiting until a deadline, fairly: what has come by then counts.
//!
//! Knows that this process may not have run when the deadline passed. Must not know what is waited
//! for.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

/// A deadline that is noticed so late passed while this process did not run: it was stopped, or a
/// busy machine had no time for it.
const LATE: Duration = Duration::from_millis(50);

/// How long it is then looked for what came meanwhile. It lies in the socket already; the runtime
/// only has to hear of that, and looks at its timers first.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// Waits for something until a deadline; what has come by then counts, also where this process
/// did not run when the deadline passed. `None` where nothing has come.
pub async fn by<T>(deadline: Instant, awaited: impl Future<Output = T>) -> Option<T> {
    let mut awaited = pin!(awaited);
    if let Ok(came) = timeout_at(deadline, &mut awaited).await {
        return Some(came);
    }
    match deadline.elapsed() < LATE {
        true => None,
        false => timeout(LAST_LOOK, awaited).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep, sleep_until};

    /// What comes `after` the deadline as this process sees it, where the deadline is noticed
    /// `late`.
    async fn noticed(late: Duration, after: Duration) -> Option<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let waiting = tokio::spawn(by(deadline, sleep_until(deadline + late + after)));
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
}
