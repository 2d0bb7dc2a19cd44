//! Matrix × site → hops.
pub mod model;
