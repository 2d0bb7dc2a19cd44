//! DCE/RPC codec.
