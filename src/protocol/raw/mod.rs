//! TCP and TLS with an application protocol of its own that is not spoken here.

pub mod answer;
pub mod classify;
pub mod line;
pub mod probe;
pub mod stand_in;
