//! Bounds on what is sent, taken and put together again.

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
