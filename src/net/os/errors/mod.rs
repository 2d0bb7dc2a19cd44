//! What the numbers mean with which a system refuses a connection, ends it before it opens, or breaks it afterwards. One table for each family of
//! systems; a number that stands in none is `os-error`: nobody knows whose fault it is, so it is nobody's.

#[cfg(unix)]
mod errno;
pub mod winsock;

use crate::net::failure::Failure;
use crate::observation::Initiator;
use crate::reason::Reason;
use std::io;

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
    const fn local(reason: Reason) -> Self {
        Meaning { reason, initiator: Initiator::Local }
    }

    const fn path(reason: Reason) -> Self {
        Meaning { reason, initiator: Initiator::Path }
    }

    const fn unknown(reason: Reason) -> Self {
        Meaning { reason, initiator: Initiator::Unknown }
    }

    const REFUSED: Meaning = Meaning { reason: Reason::Refused, initiator: Initiator::Peer };
    const NOT_UNDERSTOOD: Meaning = Meaning::local(Reason::OsError);
}

/// What a number of this system means.
pub fn meaning(code: i32, phase: Phase) -> Meaning {
    #[cfg(unix)]
    {
        errno::meaning(code, phase)
    }
    #[cfg(not(unix))]
    {
        winsock::meaning(code, phase)
    }
}

/// The same as a failure, with the number and the system's words. An error without a number is not the system's.
pub fn failure(error: &io::Error, phase: Phase) -> Failure {
    let code = error.raw_os_error();
    let Meaning { reason, initiator } = code.map_or(Meaning::NOT_UNDERSTOOD, |code| meaning(code, phase));
    let failure = Failure { initiator, ..Failure::unknown(reason) }.with("error", error.to_string());
    match code {
        Some(code) if reason == Reason::OsError => failure.with("code", code),
        _ => failure,
    }
}

/// Every meaning keeps to this: a fault of this machine is never said to be the way's, nor the other way round.
#[cfg(test)]
fn check(code: i32, phase: Phase, meaning: Meaning, of_the_way: bool) {
    let local_reason = meaning.reason.is_local();
    assert_eq!(local_reason, meaning.initiator == Initiator::Local, "{code} {phase:?}: {meaning:?}");
    assert_eq!(!local_reason, of_the_way, "{code} {phase:?}: {meaning:?}");
}
