//! gRPC: HTTP/2 with length-prefixed messages, and the status in the trailers.

pub mod answer;
pub mod classify;
pub mod codec;
pub mod probe;
pub mod stand_in;
