//! The rate of a run: evenly spaced turns, so that no burst looks like a port scan.

use crate::net::clock;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Hands out turns, `rate` a second.
pub struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    /// `rate` turns a second; 0 is taken as 1.
    pub fn new(rate: u32) -> Self {
        Pace { gap: Duration::from_secs(1) / rate.max(1), next: Mutex::new(clock::instant()) }
    }

    /// How many turns there are in so much time.
    pub fn within(&self, time: Duration) -> usize {
        usize::try_from(time.as_nanos() / self.gap.as_nanos().max(1)).unwrap_or(usize::MAX)
    }

    /// Waits for this caller's turn.
    pub async fn wait(&self) {
        let turn = self.next().await;
        tokio::time::sleep_until(turn.into()).await;
    }

    /// Takes the next turn that is free, and says when it is.
    pub async fn next(&self) -> Instant {
        let mut next = self.next.lock().await;
        let turn = (*next).max(clock::instant());
        *next = turn + self.gap;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_evenly_spaced_and_none_is_made_up_for() {
        let (pace, begun) = (Pace::new(100), clock::instant());
        let gap = Duration::from_millis(10);
        let mut at = Vec::new();
        for number in 0..6 {
            if number == 3 {
                tokio::time::sleep(gap * 10).await;
            }
            pace.wait().await;
            at.push(clock::since(begun).as_millis());
        }
        assert_eq!(at, [0, 10, 20, 120, 130, 140], "a pause is followed by no burst");
        assert_eq!(pace.within(Duration::from_secs(1)), 100);
    }
}
