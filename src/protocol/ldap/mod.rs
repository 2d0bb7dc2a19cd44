//! LDAP, with StartTLS, and directories behind it.

pub mod codec;
pub mod probe;
pub mod stand_in;
