//! How many connections are begun a second, where the user limits them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets connections begin at even distances; without a limit at once.
pub struct Rate(Option<(Duration, Mutex<Instant>)>);

impl Rate {
    /// So many a second.
    pub fn of(connections: Option<f64>) -> Self {
        let distance = connections.map(|n| Duration::from_secs_f64(1.0 / n));
        Self(distance.map(|distance| (distance, Mutex::new(Instant::now()))))
    }

    /// Returns when the next connection may begin.
    pub async fn next(&self) {
        let Some((distance, next)) = &self.0 else { return };
        let begin = {
            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
            // What was not used is not made up for: a pause is followed by no burst.
            let begin = (*next).max(Instant::now());
            *next = begin + *distance;
            begin
        };
        sleep_until(begin).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_a_second_and_no_burst_after_a_pause() {
        let rate = Rate::of(Some(4.0));
        let begun = Instant::now();
        for _ in 0..9 {
            rate.next().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 200, "the ninth after two seconds");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..5 {
            rate.next().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let rate = Rate::of(None);
        let begun = Instant::now();
        for _ in 0..1000 {
            rate.next().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
