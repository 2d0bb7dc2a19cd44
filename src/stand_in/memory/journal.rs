//! What a listener saw: one entry per connection, and counts that stay right when entries are
//! dropped.

use crate::lock::lock;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};

/// Entries kept of connections that were proved, and of others; later ones are only counted. Each
/// kind has room of its own: strangers, who may make any number, take none from what is evidence.
pub const MAX_PROVED: usize = 100_000;
/// See [`MAX_PROVED`].
pub const MAX_STRANGERS: usize = 50_000;

/// One connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Arrival {
    /// When it was accepted.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Own address and port.
    #[schemars(with = "String")]
    pub local: SocketAddr,
    /// The other end's, after any NAT.
    #[schemars(with = "String")]
    pub peer: SocketAddr,
    /// Whether a challenge of the site's key was answered.
    pub proved: bool,
    /// How it ended, in words.
    pub ended: String,
}

/// What a port saw in total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Of these, the ones on which a challenge was answered.
    pub proved: u64,
    /// Turned away by a limit or the list of networks.
    pub turned_away: u64,
}

/// Shared by all ports of a listener.
#[derive(Debug, Default)]
pub struct Journal {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    proved: Vec<Kept>,
    strangers: Vec<Kept>,
    endings: Endings,
    counts: BTreeMap<SocketAddr, Counts>,
    left_out: u64,
}

/// An [`Arrival`] as it is kept. One with words of its own would be a small piece of memory that
/// lives long between large ones that do not: what thousands of strangers took would not go back to
/// the system.
#[derive(Debug, Clone, Copy)]
struct Kept {
    at: Timestamp,
    local: SocketAddr,
    peer: SocketAddr,
    ended: u16,
}

/// In which words connections ended, each once.
#[derive(Debug, Default)]
struct Endings(Vec<String>);

/// Most of them. A connection has few ways to end; of more the words are not kept.
const MAX_ENDINGS: usize = 512;
const OF_ANOTHER_KIND: &str = "an error of another kind";

impl Endings {
    fn number(&mut self, words: String) -> u16 {
        let known = self.0.iter().position(|known| *known == words);
        let number = known.unwrap_or_else(|| {
            if self.0.len() < MAX_ENDINGS {
                self.0.push(words);
                self.0.len() - 1
            } else {
                MAX_ENDINGS
            }
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    fn words(&self, number: u16) -> &str {
        self.0.get(usize::from(number)).map_or(OF_ANOTHER_KIND, String::as_str)
    }
}

/// What a listener saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Connections, in the order in which they came.
    pub arrivals: Vec<Arrival>,
    /// How many more there were.
    pub left_out: u64,
    /// By port.
    pub counts: BTreeMap<SocketAddr, Counts>,
}

impl Journal {
    /// Whoever panicked while he held it left whole entries.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Adds a finished connection.
    pub fn arrived(&self, endpoint: SocketAddr, arrival: Arrival) {
        let mut inner = self.inner();
        let inner = &mut *inner;
        let counts = inner.counts.entry(endpoint).or_default();
        counts.accepted += 1;
        counts.proved += u64::from(arrival.proved);
        let (kept, most) = match arrival.proved {
            true => (&mut inner.proved, MAX_PROVED),
            false => (&mut inner.strangers, MAX_STRANGERS),
        };
        if kept.len() < most {
            let Arrival { at, local, peer, proved: _, ended } = arrival;
            kept.push(Kept { at, local, peer, ended: inner.endings.number(ended) });
        } else {
            inner.left_out += 1;
        }
    }

    /// Counts a connection that a limit turned away.
    pub fn turned_away(&self, endpoint: SocketAddr) {
        self.inner().counts.entry(endpoint).or_default().turned_away += 1;
    }

    /// What came so far.
    pub fn snapshot(&self) -> Seen {
        let inner = self.inner();
        let with_words = |kept: &Kept, proved: bool| Arrival {
            at: kept.at,
            local: kept.local,
            peer: kept.peer,
            proved,
            ended: inner.endings.words(kept.ended).to_owned(),
        };
        let (proved, strangers) = (inner.proved.iter(), inner.strangers.iter());
        let mut arrivals: Vec<Arrival> = proved
            .map(|kept| with_words(kept, true))
            .chain(strangers.map(|kept| with_words(kept, false)))
            .collect();
        arrivals.sort_by_key(|arrival| arrival.at);
        Seen { arrivals, left_out: inner.left_out, counts: inner.counts.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_take_no_room_from_proofs() {
        let journal = Journal::default();
        let here = SocketAddr::from(([127, 0, 0, 1], 1));
        let arrival = |second: i64, proved: bool| Arrival {
            at: Timestamp::from_second(second).expect("a time"),
            local: here,
            peer: here,
            proved,
            ended: String::new(),
        };
        let strangers = i64::try_from(MAX_STRANGERS).expect("a number") + 7;
        (0..strangers).for_each(|second| journal.arrived(here, arrival(second, false)));
        journal.arrived(here, arrival(3, true));
        let seen = journal.snapshot();
        assert_eq!((seen.arrivals.len(), seen.left_out), (MAX_STRANGERS + 1, 7));
        assert_eq!(seen.arrivals.iter().position(|a| a.proved), Some(3), "in the order of time");
        let counts = seen.counts[&here];
        assert_eq!((counts.accepted, counts.proved), (seen.left_out + 50_001, 1));
    }

    #[test]
    fn words_are_kept_once_and_not_without_end() {
        let journal = Journal::default();
        let here = SocketAddr::from(([127, 0, 0, 1], 1));
        for number in 0..2000 {
            let at = Timestamp::from_second(number).expect("a time");
            let ended = if number % 2 == 0 { "closed".into() } else { format!("error {number}") };
            let arrival = Arrival { at, local: here, peer: here, proved: false, ended };
            journal.arrived(here, arrival);
        }
        assert_eq!(journal.inner().endings.0.len(), MAX_ENDINGS);
        let seen = journal.snapshot().arrivals;
        let words = |place: usize| seen[place].ended.as_str();
        assert_eq!((words(0), words(1), words(1998)), ("closed", "error 1", "closed"));
        assert_eq!(words(1999), OF_ANOTHER_KIND);
    }
}
