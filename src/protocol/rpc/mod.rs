//! DCE/RPC: the endpoint mapper, and interfaces at dynamic ports.

pub mod classify;
pub mod codec;
pub mod probe;
pub mod stand_in;
