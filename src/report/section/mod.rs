//! Parts of a report beside the list of hops.

pub mod directories;
pub mod published;
pub mod ranges;
