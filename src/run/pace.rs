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
