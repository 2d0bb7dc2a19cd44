//! Challenges that were answered, so that a recorded one opens no second long-lived connection.

use crate::lock::lock;
use jiff::Timestamp;
use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;

/// Nonces remembered; nobody without the site key can make new ones, so that strangers cannot push
/// any out.
const MAX: usize = 8192;
/// How far the clock of a challenge may be from this host's for the long patience, in seconds. A
/// recorded challenge is older soon.
const FRESH: u64 = 3600;

/// The nonces of one listener.
#[derive(Debug, Default)]
pub struct Nonces(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    nonces: HashSet<[u8; 12]>,
    /// The same in the order in which they came.
    order: VecDeque<[u8; 12]>,
}

impl Nonces {
    /// Whether a challenge of this nonce, made at `sent` UNIX seconds, is a fresh one that was not
    /// answered before.
    pub fn is_first(&self, nonce: [u8; 12], sent: u32, now: Timestamp) -> bool {
        let mut inner = lock(&self.0);
        let Known { nonces, order } = &mut *inner;
        if now.as_second().abs_diff(i64::from(sent)) > FRESH || !nonces.insert(nonce) {
            return false;
        }
        order.push_back(nonce);
        if order.len() > MAX
            && let Some(oldest) = order.pop_front()
        {
            nonces.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_challenge_is_not_the_first_and_an_old_one_is_not_fresh() {
        let nonces = Nonces::default();
        let now = Timestamp::from_second(10_000).expect("a time");
        assert!(nonces.is_first([1; 12], 9_990, now));
        assert!(!nonces.is_first([1; 12], 9_990, now), "a replay");
        assert!(!nonces.is_first([2; 12], 1_000, now), "too old");
        for n in 0..u32::try_from(MAX).expect("small") {
            let mut nonce = [3; 12];
            nonce[..4].copy_from_slice(&n.to_be_bytes());
            assert!(nonces.is_first(nonce, 10_000, now));
        }
        assert_eq!(nonces.0.lock().expect("unpoisoned").nonces.len(), MAX, "bounded");
    }
}
