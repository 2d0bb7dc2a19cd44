//! The only clock.

use jiff::Timestamp;
use std::time::Instant;

/// Wall-clock time, UTC.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Monotonic time, for durations.
pub fn instant() -> Instant {
    Instant::now()
}

/// Milliseconds since `start`, rounded to a microsecond.
pub fn ms_since(start: Instant) -> f64 {
    (start.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
