//! The site file.
pub mod model;
