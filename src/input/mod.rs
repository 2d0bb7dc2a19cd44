//! Reading TOML files that people write: every mistake of a file at once, each with its line and
//! what to do about it. JSON that programs write is read in [`json`].
//!
//! Used for site files and for matrices alike. Nothing here knows what the keys mean.
//!
//! ```
//! use portmatrix::input::Document;
//!
//! let document = Document::parse("site.toml", "[site]\nname = 7\ntopolgy = \"direct\"\n").expect("the syntax is right");
//! let root = document.root();
//! if let Some(site) = root.required_table("site") {
//!     let _name = site.required_string("name");
//!     let _topology = site.string("topology");
//!     site.finish();
//! }
//! root.finish();
//! assert_eq!(document.mistakes().len(), 2); // `name` is not a string, and `topolgy` is not a key
//! ```

mod backslash;
mod convert;
mod document;
mod file;
pub mod json;
mod mistake;
mod reader;
mod suggest;
mod visible;

pub use document::{At, Document, MISTAKES, Parts};
pub use file::{LIMIT, decode, octets, octets_of, open, read};
pub use mistake::{Mistake, Source, Span};
pub use reader::{TableReader, ValueReader};
pub use suggest::{choices, suggest};

#[cfg(test)]
mod tests;
