//! What a number means: whose fault it is, in which phase.

use crate::observation::Initiator;
use crate::reason::Reason;

/// How far a connection was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was sent: whatever it is, this machine says it.
    Begin,
    /// The first packet is out.
    Sent,
    /// The connection is open.
    Open,
}

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// The closed code.
    pub reason: Reason,
    /// Who said so.
    pub initiator: Initiator,
}

impl Meaning {
    pub(super) const fn local(reason: Reason) -> Self {
        Meaning { reason, initiator: Initiator::Local }
    }

    pub(super) const fn path(reason: Reason) -> Self {
        Meaning { reason, initiator: Initiator::Path }
    }

    pub(super) const fn unknown(reason: Reason) -> Self {
        Meaning { reason, initiator: Initiator::Unknown }
    }

    pub(super) const REFUSED: Meaning =
        Meaning { reason: Reason::Refused, initiator: Initiator::Peer };
    pub(super) const NOT_UNDERSTOOD: Meaning = Meaning::local(Reason::OsError);
}

/// Every meaning keeps to this: a fault of this machine is never said to be the way's, nor the
/// other way round.
#[cfg(test)]
pub(super) fn check(code: i32, phase: Phase, meaning: Meaning, of_the_way: bool) {
    let local_reason = meaning.reason.is_local();
    assert_eq!(
        local_reason,
        meaning.initiator == Initiator::Local,
        "{code} {phase:?}: {meaning:?}"
    );
    assert_eq!(!local_reason, of_the_way, "{code} {phase:?}: {meaning:?}");
}
