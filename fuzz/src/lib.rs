//! What the targets share: the key and what is made with it, texts of a conversation, and a reader
//! that takes choices off the input.

pub mod choices;
pub mod conversation;
pub mod edits;
pub mod key;
pub mod results;
