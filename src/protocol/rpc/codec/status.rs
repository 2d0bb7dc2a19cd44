//! Fault and status codes (C706 appendix E; MS-RPCE 2.2.2, MS-ERREF).

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
