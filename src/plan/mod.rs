//! Matrix × site → hops.
pub mod address;
pub mod build;
pub mod document;
#[cfg(test)]
mod fixture;
pub mod listening;
pub mod model;
pub mod options;
pub mod output;
pub mod place;
pub mod select;
pub mod size;
mod words;
