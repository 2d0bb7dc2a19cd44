//! The system's own resolver: the one call that every program on the machine makes to look up a
//! name.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub use unix::{CAN_WAIT, addresses_of};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{CAN_WAIT, addresses_of};

mod named;
pub use named::{NameError, NameFault, Named, winsock_fault};
