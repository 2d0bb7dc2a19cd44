//! The only clock. Its monotonic half is the runtime's: a test that pauses tokio's time has this
//! one in its hand as well, and nothing else needs to be passed around for it.
#![allow(clippy::disallowed_methods, reason = "here they belong")]

use jiff::{SignedDuration, Timestamp};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Wall-clock time, UTC.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Wall-clock time as it goes on from this process' first question for it, UTC: whoever sets the
/// clock meanwhile does not change it. For times that are compared with each other.
pub fn steady() -> Timestamp {
    static BEGUN: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    let (wall, monotonic) = *BEGUN.get_or_init(|| (now(), instant()));
    wall + SignedDuration::try_from(since(monotonic)).unwrap_or_default()
}

/// Monotonic time, for durations.
pub fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Time that has gone by since then.
pub fn since(then: Instant) -> Duration {
    instant().saturating_duration_since(then)
}

/// Milliseconds since `start`, rounded to a microsecond.
pub fn ms_since(start: Instant) -> f64 {
    (since(start).as_secs_f64() * 1e6).round() / 1e3
}
