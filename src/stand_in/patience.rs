//! How long an HTTP server waits: short for strangers, long for who has shown the site key.

use super::standing::{PATIENT, Standing};
use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The clock of an HTTP server, whose time-outs wait longer for a connection on which a challenge
/// was answered. Without it the server would close a quiet HTTP/1.1 connection after seconds, and
/// ping a quiet HTTP/2 connection awake.
#[derive(Debug, Clone)]
pub struct Clock {
    standing: Arc<Standing>,
    inner: TokioTimer,
}

impl Clock {
    /// For one connection.
    pub fn new(standing: Arc<Standing>) -> Self {
        Clock { standing, inner: TokioTimer::new() }
    }

    fn later(&self, deadline: Instant) -> Instant {
        if self.standing.is_proved() { deadline + PATIENT } else { deadline }
    }
}

impl Timer for Clock {
    // Deadlines are counted from here: another clock than that of the sleep would end them at once, or
    // never, where time is paused.
    fn now(&self) -> Instant {
        self.inner.now()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.inner.sleep(self.standing.within(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.inner.sleep_until(self.later(deadline))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        self.inner.reset(sleep, self.later(deadline));
    }
}
