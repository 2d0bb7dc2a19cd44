//! Sinks of a run: what people and machines read. Everything is rendered to text; only `cli`
//! prints.

pub mod diff;
pub mod explain;
pub mod format;
pub mod listener;
pub mod section;
mod style;
mod words;

pub use style::Style;
