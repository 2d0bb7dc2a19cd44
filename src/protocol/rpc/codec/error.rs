//! What is wrong with octets that came from the network.

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
    /// `frag_length` below a header or above [`super::MAX_FRAG`].
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
