//! HTTP/1.1 heads, and what a status says.

pub mod http1;
pub mod status;
