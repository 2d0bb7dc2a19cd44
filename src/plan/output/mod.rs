//! A plan for people and for other programs: the same hops as a table, CSV, Markdown and JSON.

mod csv;
mod json;
mod markdown;
mod table;
mod view;

pub use self::csv::csv;
pub use json::{json, schema};
pub use markdown::markdown;
pub use table::table;
pub use view::View;

#[cfg(test)]
mod tests;
