//! The challenge that rides inside each protocol, and the proof that answers it.
//!
//! A challenge is 40 octets so that it fits everywhere, even into one presentation context of a
//! DCE/RPC bind (abstract syntax and one transfer syntax, 20 octets each): nonce (12), tag of the
//! hop id (8), UNIX seconds (4, big-endian), tag of where it is sent to (4), MAC (12:
//! nobody tries 2^96 of them on a listener). The MAC keeps the listener bland towards strangers:
//! without the site key nobody can make it answer. The tag binds it to one host
//! and port: who records a challenge has nothing to say elsewhere, and a listener answers each only
//! once. A proof is the listener's claims as JSON, and an HMAC over the nonce, the claims and the
//! TLS exporter (RFC 5705, RFC 9266). It answers one nonce, so a replayed one is worth nothing.

mod proof;
mod sent;

pub use proof::{
    Claims, HttpSeen, MAX_PROOF_LEN, ProofOutcome, TlsSeen, prove, stamp_name, verify,
};
pub use sent::{
    Aim, CHALLENGE_HEADER, CHALLENGE_LEN, Challenge, EXPORTER_LEN, Exporter, MAX_PADDING,
    OWN_CERTIFICATE, PADDING, PADDING_HEADER, PROOF_HEADER, Received, SiteKey, padding,
};

#[cfg(test)]
mod tests;
