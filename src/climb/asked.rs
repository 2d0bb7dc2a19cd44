//! A challenge of a climb.

use crate::wire::challenge::{self, Challenge};

/// A challenge made for one connection.
#[derive(Debug, Clone)]
pub struct SentChallenge {
    pub(super) challenge: Challenge,
    /// The 40 octets.
    pub octets: [u8; challenge::CHALLENGE_LEN],
    /// The same as 80 hexadecimal digits.
    pub text: String,
}
