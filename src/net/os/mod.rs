//! What differs between operating systems.

pub mod errors;
pub mod names;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(target_os = "linux")]
pub mod linux;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

use crate::net::failure::Failure;
use errors::Phase;
use std::io;

/// What an error means with which a connection did not even begin.
pub fn begin_failure(error: &io::Error) -> Failure {
    errors::failure(error, Phase::Begin)
}

/// What an error means with which a connection ended before it opened, once its first packet was out.
pub fn connect_failure(error: &io::Error) -> Failure {
    errors::failure(error, Phase::Sent)
}

/// How often this machine's own packet filter refused a packet of TCP that was sent again, since the system started: a first packet that is dropped on
/// the way out by a rule of this machine is counted here each time that it is sent again, and a packet that is lost on the way is not. `None`
/// where the system does not count it.
pub fn refused_retransmissions() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        linux::refused_retransmissions()
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// The ports from which this system's outgoing connections come: Linux' setting, elsewhere what IANA set aside for it and Windows and macOS use
/// unless told otherwise (RFC 6335 section 6).
pub fn outgoing_ports() -> (u16, u16) {
    #[cfg(target_os = "linux")]
    if let Some(range) = linux::outgoing_ports() {
        return range;
    }
    (49152, 65535)
}
