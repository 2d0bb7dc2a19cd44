//! What the numbers mean with which a system refuses a connection, ends it before it opens, or
//! breaks it afterwards. One table for each family of systems; a number that stands in none is
//! `os-error`: nobody knows whose fault it is, so it is nobody's.

#[cfg(unix)]
mod errno;
mod meaning;
pub mod winsock;

pub use meaning::{Meaning, Phase};

use crate::observation::failure::Failure;
use crate::reason::Reason;
use std::io;

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

/// The same as a failure, with the number and the system's words. An error without a number is not
/// the system's.
pub fn failure(error: &io::Error, phase: Phase) -> Failure {
    let code = error.raw_os_error();
    let Meaning { reason, initiator } =
        code.map_or(Meaning::NOT_UNDERSTOOD, |code| meaning(code, phase));
    let failure = Failure { initiator, ..Failure::unknown(reason) }.saying(error.to_string());
    match code {
        Some(code) if reason == Reason::OsError => failure.with("code", code),
        _ => failure,
    }
}

impl Failure {
    /// What an I/O error on a connection that was already open means.
    pub fn after_connect(error: &io::Error) -> Self {
        if error.raw_os_error().is_some() {
            return failure(error, Phase::Open);
        }
        let told = match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Failure::unknown(Reason::ResetAfterConnect),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => {
                Failure::unknown(Reason::ClosedAfterConnect)
            }
            io::ErrorKind::TimedOut => Failure::unknown(Reason::SilentAfterConnect),
            // What a protocol found wrong with the octets that came, and nothing of the system's.
            io::ErrorKind::InvalidData => Failure::unknown(Reason::ClosedAfterConnect),
            _ if error.get_ref().is_some() => Failure::unknown(Reason::ClosedAfterConnect),
            _ => Failure::local(Reason::OsError),
        };
        told.saying(error.to_string())
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
        assert_eq!(
            reason(io::Error::new(io::ErrorKind::InvalidData, "an alert")),
            Reason::ClosedAfterConnect
        );
        #[cfg(unix)]
        for (code, wanted) in [
            (libc::EIO, Reason::OsError),
            (libc::ENOBUFS, Reason::LocalResources),
            (libc::EHOSTUNREACH, Reason::HostUnreachable),
        ] {
            assert_eq!(reason(io::Error::from_raw_os_error(code)), wanted, "{code}");
        }
    }
}
