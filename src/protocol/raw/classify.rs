//! Plain TCP and TLS say nothing of their own: the greeting does, where one is exchanged.

pub use crate::protocol::greeting::classify::said;
