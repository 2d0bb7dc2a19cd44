//! The listener: which ports are opened, who is let in, and how long it all lasts. What it says
//! there is with each protocol.

mod budget;
mod connection_limits;
mod crowd;
pub mod gate;
pub mod merge;
pub mod open;
mod proxy_header;
pub mod range;
pub mod server;
mod turns;
pub mod wanted;
pub mod watch;
