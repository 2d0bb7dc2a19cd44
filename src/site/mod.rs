//! The site file: one deployment ([`model`]), read and checked ([`load`]), and what a fresh one
//! looks like ([`template`]).
mod host;
pub mod load;
pub mod model;
pub mod proxy;
pub mod template;
