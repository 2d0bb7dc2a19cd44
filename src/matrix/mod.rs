//! Port tables.
pub mod model;
