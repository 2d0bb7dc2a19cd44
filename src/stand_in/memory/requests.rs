//! Which hops' requests came, whatever became of their addresses and ports on the way: the memory
//! from which "did anything of this hop reach you?" is answered. A request is known by the
//! challenge in it; where a front has taken that out, by the mark in its `User-Agent`; else by its
//! path.

use crate::lock::lock;
use crate::wire::question::{HopQuestion, path_tag};
use crate::wire::sighting::Arrived;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

/// Requests remembered; the oldest go first.
const MAX: usize = 4096;
/// How much earlier than the hop was tried a request may seem to have come: a question is longer on
/// its way than the request was.
const SLACK: SignedDuration = SignedDuration::from_millis(500);

/// What comes so near to a request of a test may belong to it.
const BESIDE: SignedDuration = SignedDuration::from_secs(2);

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
    /// One came that was sent to another host or port.
    LedHere([u8; 8]),
    /// An HTTP request, with the mark of a hop where it has one, and whether its path is one of
    /// the plan.
    Http { mark: Option<[u8; 4]>, path: [u8; 2], planned: bool },
}

impl Memory {
    /// Paths for which somebody asked before, at a time when nobody was testing: a front asks so
    /// for whether its host is alive.
    fn usual(&self, before: Timestamp) -> BTreeSet<[u8; 2]> {
        let is_of_test = |request: &Request| !matches!(request, Request::Http { mark: None, .. });
        let tests: Vec<Timestamp> =
            self.came.iter().filter(|(_, r)| is_of_test(r)).map(|(at, _)| *at).collect();
        let is_beside_test = |at: Timestamp| {
            let next = tests.partition_point(|test| *test < at - BESIDE);
            tests.get(next).is_some_and(|test| *test <= at + BESIDE)
        };
        let earlier = self.came.iter().take_while(|(at, _)| *at < before);
        let path = |(at, request): &(Timestamp, Request)| match request {
            Request::Http { mark: None, path, .. } if !is_beside_test(*at) => Some(*path),
            _ => None,
        };
        earlier.filter_map(path).collect()
    }
}

impl Requests {
    /// A challenge of this hop was answered with a proof.
    pub fn proved(&self, hop: [u8; 8], now: Timestamp) {
        self.note(Request::Proved(hop), now);
    }

    /// A challenge of this hop came that was sent to another host or port.
    pub fn led_here(&self, hop: [u8; 8], now: Timestamp) {
        self.note(Request::LedHere(hop), now);
    }

    /// An HTTP request came for this path, with this mark.
    pub fn http(&self, path: &str, mark: Option<[u8; 4]>, planned: bool, now: Timestamp) {
        self.note(Request::Http { mark, path: path_tag(path), planned }, now);
    }

    fn note(&self, request: Request, now: Timestamp) {
        let mut memory = lock(&self.0);
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
        let memory = lock(&self.0);
        let tried = now - SignedDuration::from_millis(question.age_ms.into());
        let since = tried - SLACK;
        let mut arrived = Arrived {
            whole: began.is_some_and(|b| b <= tried)
                && memory.whole_since.is_none_or(|w| w < since),
            ..Arrived::default()
        };
        let mut elsewhere: Vec<[u8; 2]> = Vec::new();
        for (_, request) in memory.came.iter().filter(|(at, _)| *at >= since) {
            match *request {
                Request::Proved(hop) => arrived.proved += u32::from(hop == question.hop),
                Request::LedHere(hop) => arrived.marked += u32::from(hop == question.hop),
                Request::Http { mark: Some(mark), .. } => {
                    arrived.marked += u32::from(mark == question.hop[..4]);
                }
                Request::Http { mark: None, path, .. } if path == question.path => {
                    arrived.path += 1;
                }
                Request::Http { mark: None, path, planned: false } => elsewhere.push(path),
                Request::Http { mark: None, .. } => {}
            }
        }
        let usual = memory.usual(since);
        elsewhere.retain(|path| !usual.contains(path));
        arrived.elsewhere = u32::try_from(elsewhere.len()).unwrap_or(u32::MAX);
        arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::question::hop_tag;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    #[test]
    fn a_hop_is_known_by_its_challenge_its_mark_or_its_path() {
        let requests = Requests::default();
        let (hop, other) = (hop_tag("m/deny/ws/psp:443"), hop_tag("m/allow/ws/psp:443"));
        let mark = |hop: [u8; 8]| hop.first_chunk::<4>().copied();
        requests.http("/admin", None, false, at(1_000));
        requests.proved(hop, at(10_000));
        requests.http("/Admin", mark(hop), false, at(10_100));
        requests.http("/admin", mark(other), false, at(10_200));
        let question = |age_ms| HopQuestion { hop, age_ms, path: path_tag("/admin") };
        let answer = |age_ms| requests.answer(&question(age_ms), Some(at(0)), at(12_000));
        assert_eq!(
            answer(3_000),
            Arrived { proved: 1, marked: 1, whole: true, ..Arrived::default() }
        );
        assert_eq!(
            answer(11_500),
            Arrived { proved: 1, marked: 1, path: 1, whole: true, ..Arrived::default() }
        );
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
    fn what_came_under_another_path_counts_unless_somebody_always_asks_for_it() {
        let hop = hop_tag("m/deny/ws/psp:443");
        let elsewhere = |came: &[(&str, bool, i64)]| {
            let requests = Requests::default();
            for (path, planned, when) in came {
                requests.http(path, None, *planned, at(*when));
            }
            let question = HopQuestion { hop, age_ms: 2_000, path: path_tag("/admin") };
            requests.answer(&question, Some(at(0)), at(60_000)).elsewhere
        };
        assert_eq!(elsewhere(&[("/psp/admin", false, 59_000)]), 1);
        assert_eq!(elsewhere(&[("/agent", true, 59_000)]), 0, "of the plan");
        assert_eq!(elsewhere(&[("/live", false, 50_000), ("/live", false, 59_000)]), 0);
        let requests = Requests::default();
        requests.http("/psp/admin", None, false, at(50_000));
        requests.proved([7; 8], at(50_900));
        requests.http("/psp/admin", None, false, at(59_000));
        let question = HopQuestion { hop, age_ms: 2_000, path: path_tag("/admin") };
        let answer = requests.answer(&question, Some(at(0)), at(60_000));
        assert_eq!(answer.elsewhere, 1, "a test before this one is no sign of life");
        assert!(!answer.is_nothing());
    }

    #[test]
    fn the_memory_is_bounded_and_says_so() {
        let requests = Requests::default();
        for n in 0..i64::try_from(MAX).expect("small") + 100 {
            requests.http("/x", None, false, at(n * 10));
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
