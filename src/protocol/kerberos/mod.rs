//! Kerberos over TCP: a KDC is asked for a ticket that nobody can have, and refuses it.

pub mod classify;
pub mod codec;
pub mod probe;
pub mod stand_in;
