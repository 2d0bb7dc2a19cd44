//! What a known service and its client say first.

pub mod classify;
pub mod codec;
pub mod list;
pub mod probe;
pub mod stand_in;
