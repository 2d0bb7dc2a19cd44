//! What a connection may do, by what it has shown so far: little as long as it is a stranger's, and
//! as much as a test needs once a challenge was answered on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Longest silence, and longest life, of a connection on which a challenge was answered: so that `connect --idle` can see what the way does to a quiet connection.
pub const PATIENT: Duration = Duration::from_secs(2 * 3600);

/// Requests on a connection before its first challenge is answered. Real clients without a key need
/// a few.
pub const STRANGERS_REQUESTS: usize = 64;

/// Octets read from a connection before its first challenge is answered. A real client's first
/// requests fit, and 2,048 strangers at once stay affordable.
pub const STRANGERS_OCTETS: u64 = 64 * 1024;

/// One connection's standing, shared by all that serve it.
pub struct Standing {
    id: u64,
    proved: AtomicBool,
    requests: AtomicUsize,
    on_proof: Option<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Standing")
            .field("id", &self.id)
            .field("proved", &self.proved)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

impl Standing {
    /// A stranger's.
    pub fn new() -> Arc<Self> {
        Standing::told(None)
    }

    /// The same; `on_proof` is called when the first challenge is answered.
    pub fn with_notice(on_proof: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Standing::told(Some(Box::new(on_proof)))
    }

    fn told(on_proof: Option<Box<dyn Fn() + Send + Sync>>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (proved, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
        Arc::new(Standing { id, proved, requests, on_proof })
    }

    /// Which connection of this process it is.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether a challenge was answered on it.
    pub fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Relaxed)
    }

    /// A challenge was answered on it.
    pub fn prove(&self) {
        if !self.proved.swap(true, Ordering::Relaxed)
            && let Some(notice) = &self.on_proof
        {
            notice();
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When a stranger has made as many as he may.
    pub fn request(&self) -> io::Result<()> {
        if self.requests.fetch_add(1, Ordering::Relaxed) >= STRANGERS_REQUESTS && !self.is_proved()
        {
            return Err(io::Error::other("too many requests without a proof"));
        }
        Ok(())
    }

    /// Whether a stranger has made more requests than he may.
    pub fn is_spent(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > STRANGERS_REQUESTS && !self.is_proved()
    }

    /// The time that the connection has: `strangers`, or [`PATIENT`] once a challenge was answered.
    pub fn within(&self, strangers: Duration) -> Duration {
        if self.is_proved() { strangers.max(PATIENT) } else { strangers }
    }

    /// The octets that may be read from it: `most`, and less from a stranger.
    pub fn octets(&self, most: u64) -> u64 {
        if self.is_proved() { most } else { most.min(STRANGERS_OCTETS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_may_little_and_who_has_shown_the_key_more() {
        let told = Arc::new(AtomicUsize::new(0));
        let seen = told.clone();
        let standing = Standing::with_notice(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(standing.octets(1 << 20), STRANGERS_OCTETS);
        assert_eq!(standing.octets(100), 100);
        for _ in 0..STRANGERS_REQUESTS {
            standing.request().expect("as many as a stranger may");
        }
        assert!(!standing.is_spent());
        standing.request().expect_err("one more");
        assert!(standing.is_spent());
        standing.prove();
        standing.prove();
        standing.request().expect("no stranger any more");
        assert!(!standing.is_spent());
        assert_eq!(standing.octets(1 << 20), 1 << 20);
        assert_eq!(standing.within(Duration::from_secs(5)), PATIENT);
        assert_eq!(told.load(Ordering::Relaxed), 1, "told once");
        assert_ne!(Standing::new().id(), Standing::new().id());
    }
}
