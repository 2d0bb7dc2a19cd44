//! Which hops' requests came, whatever became of their addresses and ports on the way: the memory
//! from which "did anything of this hop reach you?" is answered. A request is known by the
//! challenge in it; where a front has taken that out, by the mark in its `User-Agent`; else by its
//! path.

use crate::proto::question::{HopQuestion, path_tag};
use crate::proto::sighting::Arrived;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::Mutex;

/// Requests remembered; the oldest go first.
const MAX: usize = 4096;
/// How much earlier than the hop was tried a request may seem to have come: a question is longer on
/// its way than the request was.
const SLACK: SignedDuration = SignedDuration::from_millis(500);

/// The requests that came lately.
#[derive(Debug, Default)]
pub struct Requests(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    came: VecDeque<(Timestamp, Request)>,
    /// Since when all are remembered, where some had to go.
    whole_since: Option<Timestamp>,
}

/// What is known of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    /// A challenge of this hop was answered.
    Proved([u8; 8]),
    /// An HTTP request, with the mark of a hop where it has one.
    Http { mark: Option<[u8; 4]>, path: [u8; 2] },
}

impl Requests {
    /// A challenge of this hop was answered with a proof.
    pub fn proved(&self, hop: [u8; 8], now: Timestamp) {
        self.note(Request::Proved(hop), now);
    }

    /// An HTTP request came for this path, with this mark.
    pub fn http(&self, path: &str, mark: Option<[u8; 4]>, now: Timestamp) {
        self.note(Request::Http { mark, path: path_tag(path) }, now);
    }

    fn note(&self, request: Request, now: Timestamp) {
        let Ok(mut memory) = self.0.lock() else { return };
        if memory.came.len() == MAX
            && let Some((gone, _)) = memory.came.pop_front()
        {
            memory.whole_since = Some(gone);
        }
        memory.came.push_back((now, request));
    }

    /// What came of a hop. `began` is when the listener did.
    pub fn answer(
        &self,
        question: &HopQuestion,
        began: Option<Timestamp>,
        now: Timestamp,
    ) -> Arrived {
        let Ok(memory) = self.0.lock() else { return Arrived::default() };
        let tried = now - SignedDuration::from_millis(question.age_ms.into());
        let since = tried - SLACK;
        let mut arrived = Arrived {
            whole: began.is_some_and(|b| b <= tried)
                && memory.whole_since.is_none_or(|w| w < since),
            ..Arrived::default()
        };
        for (_, request) in memory.came.iter().filter(|(at, _)| *at >= since) {
            match request {
                Request::Proved(hop) => arrived.proved += u32::from(*hop == question.hop),
                Request::Http { mark, path } => {
                    arrived.marked += u32::from(mark.is_some_and(|mark| mark == question.hop[..4]));
                    arrived.path += u32::from(mark.is_none() && *path == question.path);
                }
            }
        }
        arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::question::hop_tag;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    #[test]
    fn a_hop_is_known_by_its_challenge_its_mark_or_its_path() {
        let requests = Requests::default();
        let (hop, other) = (hop_tag("m/deny/ws/psp:443"), hop_tag("m/allow/ws/psp:443"));
        let mark = |hop: [u8; 8]| hop.first_chunk::<4>().copied();
        requests.http("/admin", None, at(1_000));
        requests.proved(hop, at(10_000));
        requests.http("/Admin", mark(hop), at(10_100));
        requests.http("/admin", mark(other), at(10_200));
        let question = |age_ms| HopQuestion { hop, age_ms, path: path_tag("/admin") };
        let answer = |age_ms| requests.answer(&question(age_ms), Some(at(0)), at(12_000));
        assert_eq!(answer(3_000), Arrived { proved: 1, marked: 1, path: 0, whole: true });
        assert_eq!(answer(11_500), Arrived { proved: 1, marked: 1, path: 1, whole: true });
        assert_eq!(
            answer(500),
            Arrived { whole: true, ..Arrived::default() },
            "all that was before"
        );
        assert!(
            !requests.answer(&question(3_000), Some(at(9_500)), at(12_000)).whole,
            "the listener began later"
        );
        assert!(!requests.answer(&question(3_000), None, at(12_000)).whole);
    }

    #[test]
    fn the_memory_is_bounded_and_says_so() {
        let requests = Requests::default();
        for n in 0..i64::try_from(MAX).expect("small") + 100 {
            requests.http("/x", None, at(n * 10));
        }
        assert_eq!(requests.0.lock().expect("unpoisoned").came.len(), MAX);
        let question = HopQuestion { hop: [1; 8], age_ms: 41_000, path: path_tag("/x") };
        assert!(!requests.answer(&question, Some(at(0)), at(42_000)).whole);
        assert!(
            requests
                .answer(&HopQuestion { age_ms: 1_000, ..question }, Some(at(0)), at(42_000))
                .whole
        );
    }
}
