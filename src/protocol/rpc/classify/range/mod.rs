//! A dynamic range: what is known of its ports, what is worth asking next, and what it comes to.

pub(crate) mod board;
pub(crate) mod judge;
pub(crate) mod round;
pub(crate) mod story;
