//! The listener's side: one file per application protocol, each standing in for the real service.

pub mod gate;
pub mod greeting;
pub mod http;
pub mod ldap;
pub mod memory;
pub mod merge;
pub mod open;
mod patience;
mod proxy_header;
pub mod range;
mod rewound;
pub mod rpc;
pub mod server;
pub mod stand_in;
mod stream;
pub mod tcp;
mod tls;
pub mod wanted;
pub mod watch;

pub use stand_in::{Seen, StandIn};
