//! Why a step of the network failed: one closed reason, who ended it, and facts.

use crate::observation::{Detail, Initiator};
use crate::reason::Reason;

/// A step that was not climbed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The closed code.
    pub reason: Reason,
    /// Who ended it.
    pub initiator: Initiator,
    /// Facts for people and for issue reports.
    pub detail: Detail,
}

impl Failure {
    /// A failure that the other end caused, as far as can be told.
    pub fn peer(reason: Reason) -> Self {
        Failure { reason, initiator: Initiator::Peer, detail: Detail::new() }
    }

    /// A failure of this machine.
    pub fn local(reason: Reason) -> Self {
        Failure { reason, initiator: Initiator::Local, detail: Detail::new() }
    }

    /// A failure that nobody claimed.
    pub fn unknown(reason: Reason) -> Self {
        Failure { reason, initiator: Initiator::Unknown, detail: Detail::new() }
    }

    /// The same with one more fact.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    /// Nothing came within the deadline on a connection that was open.
    pub fn silent() -> Self {
        Failure::unknown(Reason::SilentAfterConnect)
    }
}
