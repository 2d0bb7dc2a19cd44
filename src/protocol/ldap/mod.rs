//! LDAP, with StartTLS, and directories behind it.

pub mod classify;
pub mod codec;
pub mod probe;
pub mod stand_in;
