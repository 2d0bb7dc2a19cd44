//! Sinks of a run: what people and machines read. What people read is put together once, as a
//! document, and written by the renderers of `document`; what machines read is a row, a case or a
//! field for each hop, and stands in `format`. Everything is rendered to text; only `cli` prints.

pub mod diff;
pub mod explain;
pub mod format;
pub mod listener;
pub mod results;
mod section;
mod words;

pub use crate::document::Style;
