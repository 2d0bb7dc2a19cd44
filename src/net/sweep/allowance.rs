//! What all sweeps of a run may take together: connections begun per second, and descriptors.

use crate::lock::lock;
use crate::net::clock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Connections that may be begun at once after a pause, in seconds of the rate: an event loop
/// sleeps for milliseconds.
const BURST: f64 = 0.01;
/// The rate at the beginning, as a part of the whole, and how often it doubles: nobody's first
/// sight of a run is a thousand SYNs at once.
const FIRST: f64 = 0.125;
const DOUBLES_EVERY: Duration = Duration::from_millis(250);
/// Time before somebody looks again whether a descriptor was given back.
const WAIT: Duration = Duration::from_millis(5);

/// A rate and a number of descriptors.
#[derive(Debug)]
pub struct Allowance {
    /// Connections begun per second at most; none is no limit.
    ceiling: Option<u32>,
    state: Mutex<State>,
    descriptors: AtomicUsize,
    /// Connections begun so far.
    begun: AtomicUsize,
}

#[derive(Debug)]
struct State {
    /// Of the ceiling, the part in force, and the most that it may be.
    part: f64,
    most: f64,
    doubled: Instant,
    tokens: f64,
    at: Instant,
}

impl Allowance {
    /// With so many connections per second (`None`: as many as the machine makes), and so many at a
    /// time.
    pub fn new(rate: Option<u32>, descriptors: usize) -> Self {
        let now = clock::instant();
        let state = State { part: FIRST, most: 1.0, doubled: now, tokens: 1.0, at: now };
        Allowance {
            ceiling: rate.map(|r| r.max(1)),
            state: Mutex::new(state),
            descriptors: AtomicUsize::new(descriptors.max(1)),
            begun: AtomicUsize::new(0),
        }
    }

    /// Without a limit of the rate, and with as many connections at a time as a process usually may
    /// have.
    pub fn unlimited() -> Arc<Self> {
        Arc::new(Allowance::new(None, 512))
    }

    /// Takes what one connection needs.
    ///
    /// # Errors
    /// How long to wait before asking again.
    pub fn take(&self, now: Instant) -> Result<(), Duration> {
        let taken = self
            .descriptors
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.map_err(|_| WAIT)?;
        let Some(ceiling) = self.ceiling else {
            self.begun.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        };
        let mut state = lock(&self.state);
        if state.part < state.most && now.saturating_duration_since(state.doubled) >= DOUBLES_EVERY
        {
            state.part = (state.part * 2.0).min(state.most);
            state.doubled = now;
        }
        let rate = f64::from(ceiling) * state.part;
        let more = now.saturating_duration_since(state.at).as_secs_f64() * rate;
        state.tokens = (state.tokens + more).min((rate * BURST).max(1.0));
        state.at = now;
        if state.tokens >= 1.0 {
            state.tokens -= 1.0;
            self.begun.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let wait = (1.0 - state.tokens) / rate;
        drop(state);
        self.give_back(1);
        Err(Duration::from_secs_f64(wait).max(Duration::from_millis(1)))
    }

    /// How many connections were begun.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// Gives descriptors back.
    pub fn give_back(&self, count: usize) {
        self.descriptors.fetch_add(count, Ordering::Relaxed);
    }

    /// Slower from now on: what was missing came when it was asked for again, so it had been lost.
    pub fn slow_down(&self) {
        let mut state = lock(&self.state);
        state.most = (state.part / 2.0).max(1.0 / 64.0);
        state.part = state.most;
        state.doubled = clock::instant();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_begins_low_and_is_kept() {
        let allowance = Allowance::new(Some(1000), 10_000);
        let begun = clock::instant();
        let mut taken = 0;
        // One second of a clock of our own.
        for ms in 0..1000 {
            while allowance.take(begun + Duration::from_millis(ms)).is_ok() {
                taken += 1;
            }
        }
        // 1/8, 1/4, 1/2 and the whole, for a quarter of a second each.
        assert!((400..=500).contains(&taken), "{taken}");
        let mut taken = 0;
        for ms in 1000..2000 {
            while allowance.take(begun + Duration::from_millis(ms)).is_ok() {
                taken += 1;
            }
        }
        assert!((950..=1010).contains(&taken), "{taken}");
    }

    #[test]
    fn who_was_slowed_down_stays_slow() {
        let allowance = Allowance::new(Some(1000), 10_000);
        let begun = clock::instant();
        let taken = |from: u64, to: u64| {
            (from..to)
                .map(|ms| {
                    (0..)
                        .take_while(|_| allowance.take(begun + Duration::from_millis(ms)).is_ok())
                        .count()
                })
                .sum::<usize>()
        };
        taken(0, 2000);
        allowance.slow_down();
        let later = taken(2000, 4000);
        assert!((900..=1020).contains(&later), "half of it for two seconds: {later}");
    }

    #[test]
    fn descriptors_come_back() {
        let allowance = Allowance::new(None, 2);
        let now = clock::instant();
        assert!(allowance.take(now).is_ok() && allowance.take(now).is_ok());
        assert_eq!(allowance.take(now), Err(WAIT));
        allowance.give_back(1);
        assert!(allowance.take(now).is_ok());
    }
}
