//! UDP: rows of it are planned for the firewall's rules, and not probed
//! ([`Why::ProtocolNotProbed`](crate::plan::model::Why)).

pub mod classify;
pub mod probe;
pub mod stand_in;
