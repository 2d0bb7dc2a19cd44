//! A document for people: what is said, apart from how a format writes it. Builders make one of
//! what they have; each renderer turns any document into its format. A new format of text is one
//! more renderer.
//!
//! Builders put texts in as they are. Each renderer has one function that makes them safe, and
//! nothing else can read the words of a text, so none can be forgotten.

pub mod html;
pub mod markdown;
mod markdown_line;
mod model;
mod strip;
mod style;
mod table;
pub mod terminal;
mod text;

pub use model::{Block, Document, Entries, Entry, Fact, Facts, Head, Heading, Note, Section};
pub use strip::{Mark, Strip};
pub use style::Style;
pub use table::{Column, Role, Row, Say, Size, Table};
pub use text::{Run, Text, Tone};
