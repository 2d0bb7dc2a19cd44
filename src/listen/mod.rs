//! The listener's side: one file per application protocol, each standing in for the real service.

pub mod gate;
pub mod greeting;
pub mod http;
pub mod journal;
pub mod ldap;
pub mod merge;
pub mod nonces;
pub mod open;
mod patience;
mod proxy_header;
pub mod range;
pub mod receipts;
pub mod requests;
mod rewound;
pub mod rpc;
pub mod server;
pub mod sightings;
pub mod stand_in;
mod stream;
pub mod tcp;
mod tls;
pub mod wanted;
pub mod watch;

pub use stand_in::{Seen, StandIn};
