//! How many probes are under way at a time. When this machine runs out of descriptors, ports or
//! memory the number is lowered, and the probe that met it is made again: a fault of this machine
//! is no fault of a path.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for probes.
#[derive(Debug)]
pub struct Turns {
    places: Arc<Semaphore>,
    /// Places there are, taken or not.
    limit: AtomicUsize,
    /// Places that go when they are given back.
    going: AtomicUsize,
    taken: AtomicUsize,
}

impl Turns {
    /// With so many places; at least one.
    pub fn new(limit: usize) -> Arc<Self> {
        let limit = limit.max(1);
        Arc::new(Turns {
            places: Arc::new(Semaphore::new(limit)),
            limit: AtomicUsize::new(limit),
            going: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
        })
    }

    /// Waits for a place. `None` never comes in a run: nobody closes the semaphore.
    pub async fn take(self: &Arc<Self>) -> Option<Turn> {
        let place = self.places.clone().acquire_owned().await.ok()?;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(Turn { place: Some(place), turns: self.clone() })
    }

    /// Halves the number of places, of which one always stays. Says how many are left.
    pub fn fewer(&self) -> usize {
        let limit = self.limit.load(Ordering::Relaxed);
        // From those that are really taken: a thousand free places would have to be halved ten
        // times before anybody noticed.
        let left = (limit.min(self.taken.load(Ordering::Relaxed)) / 2).max(1);
        if self.limit.compare_exchange(limit, left, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let gone = self.places.forget_permits(limit - left);
            self.going.fetch_add(limit - left - gone, Ordering::Relaxed);
        }
        left
    }

    /// Probes under way.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

/// A place that is taken; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    place: Option<OwnedSemaphorePermit>,
    turns: Arc<Turns>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.taken.fetch_sub(1, Ordering::Relaxed);
        let less = |going: usize| going.checked_sub(1);
        if let Some(place) = self.place.take()
            && self.turns.going.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        {
            place.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_that_are_taken_away_do_not_come_back() {
        let turns = Turns::new(100);
        let mut held = Vec::new();
        for _ in 0..8 {
            held.push(turns.take().await.expect("a place"));
        }
        assert_eq!((turns.fewer(), turns.taken()), (4, 8));
        assert_eq!(
            turns.places.available_permits(),
            0,
            "nobody begins while more than four are under way"
        );
        held.truncate(4);
        assert_eq!(turns.places.available_permits(), 0);
        held.truncate(3);
        assert_eq!(turns.places.available_permits(), 1);
        drop(held);
        assert_eq!((turns.places.available_permits(), turns.taken()), (4, 0));
        for _ in 0..10 {
            turns.fewer();
        }
        assert_eq!(turns.places.available_permits(), 1, "one always stays");
    }
}
