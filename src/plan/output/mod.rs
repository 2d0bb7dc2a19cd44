//! A plan for people and for other programs: the same hops as a table, CSV, Markdown and JSON.

mod csv;
mod document;
mod json;
mod view;

pub use self::csv::csv;
pub use document::{markdown, table};
pub use json::{json, schema};
pub use view::View;

#[cfg(test)]
mod tests;
