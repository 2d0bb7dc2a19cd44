//! DCE/RPC over TCP, both directions: C706 chapter 12 as profiled by MS-RPCE, with the endpoint mapper and the management interface.
//!
//! Octets in, values out; nothing here touches a socket or a clock. Everything is written little-endian; both byte orders are read. Every
//! count and length is checked against a limit and against the octets that are there, before anything is allocated.

mod assemble;
mod bind;
mod client;
pub mod epm;
pub mod mgmt;
mod pdu;
mod syntax;
mod tower;
mod wire;

pub use assemble::Assembler;
pub use bind::{Bind, BindAck, BindNak, Context, ContextResult};
pub use client::Client;
pub use pdu::{Body, DID_NOT_EXECUTE, Fault, Header, Pdu, Request, Response};
pub use syntax::{SYNTAX_LEN, Syntax};
pub use tower::{Floor, Tower};
pub use uuid::Uuid;
pub use wire::{Order, Reader};

/// Octets of the common header.
pub const HEADER_LEN: usize = 16;
/// Largest PDU that is sent or taken, in octets; what Windows asks for.
pub const MAX_FRAG: u16 = 5840;
/// Smallest fragment size that a stand-in agrees on, in octets (Samba's floor).
pub const MIN_FRAG: u16 = 2048;
/// Most octets of one call's stub after reassembly.
pub const MAX_STUB: usize = 64 * 1024;
/// Most fragments of one call.
pub const MAX_FRAGMENTS: usize = 256;

/// Fault and status codes (C706 appendix E; MS-RPCE 2.2.2, MS-ERREF).
pub mod status {
    /// The caller may not; also what a service says to a stranger.
    pub const ACCESS_DENIED: u32 = 0x0000_0005;
    /// The stub could not be read.
    pub const BAD_STUB_DATA: u32 = 0x0000_06f7;
    /// `nca_op_rng_error`: the interface has no such operation.
    pub const OPNUM_OUT_OF_RANGE: u32 = 0x1c01_0002;
    /// `nca_unk_if`: the presentation context was never agreed on.
    pub const UNKNOWN_INTERFACE: u32 = 0x1c01_0003;
    /// `ept_s_not_registered`; also the end of a look-up.
    pub const NOT_REGISTERED: u32 = 0x16c9_a0d6;
    /// `nca_server_too_busy`.
    pub const SERVER_TOO_BUSY: u32 = 0x1c01_0014;
    /// The same in the numbers of Windows, `RPC_S_SERVER_TOO_BUSY`.
    pub const RPC_S_SERVER_TOO_BUSY: u32 = 0x0000_06bb;
    /// `nca_s_fault_remote_no_memory`.
    pub const REMOTE_NO_MEMORY: u32 = 0x1c00_001b;
    /// `nca_s_unsupported_authn_level`: strangers are not served.
    pub const UNSUPPORTED_AUTHN_LEVEL: u32 = 0x1c00_001d;
    /// `nca_s_fault_context_mismatch`: a context handle that this server did not give out.
    pub const CONTEXT_MISMATCH: u32 = 0x1c00_001a;
}

/// What is wrong with octets that came from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first octet is no version of DCE/RPC.
    #[error("not DCE/RPC: the first octet is {0:#04x}")]
    NotRpc(u8),
    /// A version other than 5.
    #[error("DCE/RPC version {major}.{minor} instead of 5.0")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
        /// Call id at the place where version 5 has it, for the refusal.
        call_id: u32,
    },
    /// `frag_length` below a header or above [`MAX_FRAG`].
    #[error("a fragment length of {0} octets")]
    FragLength(u16),
    /// `auth_length`, or the padding before the verifier, reaches past the PDU.
    #[error("an authentication length of {0} octets, which does not fit")]
    AuthLength(u16),
    /// A PDU type that the connection-oriented protocol does not have.
    #[error("unknown PDU type {0}")]
    UnknownType(u8),
    /// A value that does not end where its PDU or stub does.
    #[error("the octets end inside a value")]
    Truncated,
    /// More of something than is ever needed.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// Octets that contradict themselves.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// An answer to a call that was not made.
    #[error("an answer to call {0}, which was not made")]
    CallId(u32),
}

#[cfg(test)]
mod tests;
