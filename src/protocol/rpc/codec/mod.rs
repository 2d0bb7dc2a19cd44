//! DCE/RPC over TCP, both directions: C706 chapter 12 as profiled by MS-RPCE, with the endpoint
//! mapper and the management interface.
//!
//! Octets in, values out; nothing here touches a socket or a clock. Everything is written
//! little-endian; both byte orders are read. Every count and length is checked against a limit and
//! against the octets that are there, before anything is allocated.

mod assemble;
mod bind;
mod client;
pub mod epm;
mod error;
mod limits;
pub mod mgmt;
mod pdu;
pub mod status;
mod syntax;
mod tower;
mod wire;

pub use assemble::Assembler;
pub use bind::{Bind, BindAck, BindNak, Context, ContextResult};
pub use client::Client;
pub use error::Error;
pub use limits::{HEADER_LEN, MAX_FRAG, MAX_FRAGMENTS, MAX_STUB, MIN_FRAG};
pub use pdu::{Body, DID_NOT_EXECUTE, Fault, Header, Pdu, Request, Response};
pub use syntax::{SYNTAX_LEN, Syntax};
pub use tower::{Floor, Tower};
pub use uuid::Uuid;
pub use wire::{Order, Reader};

#[cfg(test)]
mod tests;
