//! How long a connection may be quiet: short for strangers, long for who has shown the site key, so
//! that `connect --idle` can wait and see what the way does to a quiet connection.

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest silence, and longest life, of a connection on which a challenge was answered.
pub const PATIENT: Duration = Duration::from_secs(2 * 3600);

/// The time that a connection has: `strangers`, or [`PATIENT`] once a fresh challenge was answered
/// on it.
pub fn within(patient: &AtomicBool, strangers: Duration) -> Duration {
    if patient.load(Ordering::Relaxed) { strangers.max(PATIENT) } else { strangers }
}

/// The clock of an HTTP server, whose time-outs wait longer for a connection on which a challenge
/// was answered. Without it the server would close a quiet HTTP/1.1 connection after seconds, and
/// ping a quiet HTTP/2 connection awake.
#[derive(Debug, Clone)]
pub struct Clock {
    patient: Arc<AtomicBool>,
    inner: TokioTimer,
}

impl Clock {
    /// For one connection.
    pub fn new(patient: Arc<AtomicBool>) -> Self {
        Clock { patient, inner: TokioTimer::new() }
    }

    fn later(&self, deadline: Instant) -> Instant {
        if self.patient.load(Ordering::Relaxed) { deadline + PATIENT } else { deadline }
    }
}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.inner.sleep(within(&self.patient, duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.inner.sleep_until(self.later(deadline))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        self.inner.reset(sleep, self.later(deadline));
    }
}
