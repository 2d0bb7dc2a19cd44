//! What differs between operating systems.

#[cfg(any(windows, test))]
mod access_list;
pub mod errors;
pub mod names;
pub mod tcp_info;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::*;

#[cfg(target_os = "linux")]
pub mod linux;

#[cfg(windows)]
mod private_file;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

use crate::observation::failure::Failure;
use errors::Phase;
use std::io;

/// What an error means with which a connection did not even begin.
pub fn begin_failure(error: &io::Error) -> Failure {
    errors::failure(error, Phase::Begin)
}

/// What an error means with which a connection ended before it opened, once its first packet was
/// out.
pub fn connect_failure(error: &io::Error) -> Failure {
    errors::failure(error, Phase::Sent)
}

/// The ports from which this system's outgoing connections come: Linux' setting, elsewhere what
/// IANA set aside for it and Windows and macOS use unless told otherwise (RFC 6335 section 6).
pub fn outgoing_ports() -> (u16, u16) {
    #[cfg(target_os = "linux")]
    if let Some(range) = linux::outgoing_ports() {
        return range;
    }
    (49152, 65535)
}

/// How often this system has refused to send a TCP segment once more, since it began, where it
/// counts that: its own rules drop what it sends. A first packet is counted each time that it is
/// sent again, and one that is lost on the way is not.
pub fn refused_retransmissions() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return linux::refused_retransmissions();
    #[cfg(not(target_os = "linux"))]
    None
}

/// How many packets came over this machine's loopback device since the system began, where it
/// counts them.
pub fn loopback_packets() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return linux::loopback_packets();
    #[cfg(not(target_os = "linux"))]
    None
}

/// Gives memory that is free back to the system, where it does not happen by itself.
pub fn give_back_memory() {
    #[cfg(target_os = "linux")]
    linux::give_back_memory();
}
