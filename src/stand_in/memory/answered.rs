//! Challenges that were answered: each is answered on one connection and nowhere else, so that a
//! recorded one opens no mouth.

use crate::lock::lock;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Challenges remembered; nobody without the site key can make new ones, so that strangers push
/// none out.
const MAX: usize = 65_536;

/// The challenges that one listener answered.
#[derive(Debug, Default)]
pub struct Answered(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// By when they were sent, in UNIX seconds, and their nonce; with the connection.
    challenges: BTreeMap<(u32, [u8; 12]), u64>,
    /// Of all that was sent until then nothing is answered any more: some of it is forgotten.
    forgotten: Option<u32>,
}

impl Answered {
    /// Whether a challenge may be answered on this connection: it never was on another one.
    pub fn may_be(&self, nonce: [u8; 12], sent: u32, connection: u64) -> bool {
        let mut known = lock(&self.0);
        if let Some(first) = known.challenges.get(&(sent, nonce)) {
            return *first == connection;
        }
        if known.forgotten.is_some_and(|until| sent <= until) {
            return false;
        }
        known.challenges.insert((sent, nonce), connection);
        if known.challenges.len() > MAX
            && let Some(((oldest, _), _)) = known.challenges.pop_first()
        {
            known.forgotten = known.forgotten.max(Some(oldest));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_on_one_connection() {
        let answered = Answered::default();
        assert!(answered.may_be([1; 12], 10_000, 1));
        assert!(answered.may_be([1; 12], 10_000, 1), "asked again where it was asked first");
        assert!(!answered.may_be([1; 12], 10_000, 2), "a replay");
        assert!(answered.may_be([2; 12], 10_000, 2));
    }

    #[test]
    fn what_is_forgotten_is_not_answered() {
        let answered = Answered::default();
        let nonce = |n: u32| {
            let mut nonce = [3; 12];
            nonce[..4].copy_from_slice(&n.to_be_bytes());
            nonce
        };
        let all = u32::try_from(MAX).expect("small");
        for n in 0..=all + 10 {
            assert!(answered.may_be(nonce(n), n, 1), "the newest are always answered");
        }
        assert!(!answered.may_be(nonce(3), 3, 2), "a replay of one that is forgotten");
        assert!(!answered.may_be(nonce(all), all, 2), "of one that is known");
        assert!(answered.may_be([9; 12], all, 2), "a new one");
        assert_eq!(answered.0.lock().expect("unpoisoned").challenges.len(), MAX, "bounded");
    }
}
