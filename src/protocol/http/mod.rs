//! HTTP/1.1 and HTTP/2.

pub mod classify;
pub mod codec;
pub mod probe;
pub mod stand_in;
