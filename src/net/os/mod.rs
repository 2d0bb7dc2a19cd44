//! What differs between operating systems.

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

/// The ports from which this system's outgoing connections come: Linux' setting, elsewhere what IANA set aside for it and Windows and macOS use
/// unless told otherwise (RFC 6335 section 6).
pub fn outgoing_ports() -> (u16, u16) {
    #[cfg(target_os = "linux")]
    if let Some(range) = linux::outgoing_ports() {
        return range;
    }
    (49152, 65535)
}

/// How often this system has refused to send a TCP segment once more, since it began, where it counts that: its own rules drop what it sends.
pub fn refused_retransmissions() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return linux::refused_retransmissions();
    #[cfg(not(target_os = "linux"))]
    None
}
