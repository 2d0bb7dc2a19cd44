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
