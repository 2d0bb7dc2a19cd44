//! Why a step of the network failed: one closed reason, who ended it, and facts.

use super::os::errors::{self, Phase};
use crate::observation::{Detail, Initiator};
use crate::reason::Reason;
use std::io;

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

    /// What an I/O error on a connection that was already open means.
    pub fn after_connect(error: &io::Error) -> Self {
        if error.raw_os_error().is_some() {
            return errors::failure(error, Phase::Open);
        }
        let failure = match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
                Failure::unknown(Reason::ResetAfterConnect)
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => Failure::unknown(Reason::ClosedAfterConnect),
            io::ErrorKind::TimedOut => Failure::unknown(Reason::SilentAfterConnect),
            // What a protocol found wrong with the octets that came, and nothing of the system's.
            io::ErrorKind::InvalidData => Failure::unknown(Reason::ClosedAfterConnect),
            _ if error.get_ref().is_some() => Failure::unknown(Reason::ClosedAfterConnect),
            _ => Failure::local(Reason::OsError),
        };
        failure.with("error", error.to_string())
    }

    /// Nothing came within the deadline on a connection that was open.
    pub fn silent() -> Self {
        Failure::unknown(Reason::SilentAfterConnect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_is_not_understood_is_neither_closed_nor_silent() {
        let reason = |error: io::Error| Failure::after_connect(&error).reason;
        assert_eq!(reason(io::ErrorKind::UnexpectedEof.into()), Reason::ClosedAfterConnect);
        assert_eq!(reason(io::ErrorKind::ConnectionReset.into()), Reason::ResetAfterConnect);
        assert_eq!(reason(io::ErrorKind::TimedOut.into()), Reason::SilentAfterConnect);
        assert_eq!(reason(io::ErrorKind::StorageFull.into()), Reason::OsError);
        assert_eq!(reason(io::Error::new(io::ErrorKind::InvalidData, "an alert")), Reason::ClosedAfterConnect);
        #[cfg(unix)]
        for (code, wanted) in
            [(libc::EIO, Reason::OsError), (libc::ENOBUFS, Reason::LocalResources), (libc::EHOSTUNREACH, Reason::HostUnreachable)]
        {
            assert_eq!(reason(io::Error::from_raw_os_error(code)), wanted, "{code}");
        }
    }
}
