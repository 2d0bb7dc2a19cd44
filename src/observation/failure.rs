//! Why a step of the network failed: one closed reason, who ended it, and facts.

use super::facts::{Facts, Families};
use super::step::Initiator;
use crate::reason::Reason;

/// A step that was not climbed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The closed code.
    pub reason: Reason,
    /// Who ended it.
    pub initiator: Initiator,
    /// What was seen of it.
    pub facts: Facts,
}

impl Failure {
    /// A failure that the other end caused, as far as can be told.
    pub fn peer(reason: Reason) -> Self {
        Failure { reason, initiator: Initiator::Peer, facts: Facts::default() }
    }

    /// A failure of this machine.
    pub fn local(reason: Reason) -> Self {
        Failure { reason, initiator: Initiator::Local, facts: Facts::default() }
    }

    /// A failure that nobody claimed.
    pub fn unknown(reason: Reason) -> Self {
        Failure { reason, initiator: Initiator::Unknown, facts: Facts::default() }
    }

    /// The same with one more fact for people, which nothing reads.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.facts.more.add(name, value);
        self
    }

    /// The same with more facts.
    #[must_use]
    pub fn noting(mut self, note: impl FnOnce(&mut Families)) -> Self {
        note(&mut self.facts);
        self
    }

    /// The same with the words of the system or of a library.
    #[must_use]
    pub fn saying(self, words: impl Into<String>) -> Self {
        self.noting(|facts| facts.ended.error = Some(words.into()))
    }

    /// Nothing came within the deadline on a connection that was open.
    pub fn silent() -> Self {
        Failure::unknown(Reason::SilentAfterConnect)
    }
}
