//! Parts of the document of a result, each made from it once for all formats.

pub mod directories;
pub mod hops;
mod names;
pub mod published;
pub mod ranges;
pub mod troubles;
pub mod untested;
