//! The short proof of one port among many: 20 octets, in the answer to a presentation context of a
//! bind. A sweep of thousands of ports has no time for a call on each, and needs none: it knows
//! host and port that it asks for, so the listener only has to show that it is these.

use super::challenge::{CHALLENGE_LEN, SiteKey};
use ring::hmac;

/// Octets of a stamp: those of a transfer syntax.
pub const STAMP_LEN: usize = 20;
/// Octets of a sweep's own part of its nonces.
pub const SWEEP_LEN: usize = 10;

/// The stamp with which `host` answers this challenge on `port`, its own port.
pub fn stamp(
    key: &SiteKey,
    challenge: &[u8; CHALLENGE_LEN],
    host: &str,
    port: u16,
) -> [u8; STAMP_LEN] {
    let mut context = hmac::Context::with_key(&key.stamp);
    context.update(challenge);
    context.update(&port.to_be_bytes());
    context.update(host.as_bytes());
    let mut stamp = [0; STAMP_LEN];
    stamp.copy_from_slice(&context.sign().as_ref()[..STAMP_LEN]);
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::challenge::{Aim, Challenge};
    use jiff::Timestamp;

    #[test]
    fn a_stamp_is_of_one_key_challenge_host_and_port() {
        let key = |n| SiteKey::new(&[n; 32]);
        let sweep = Challenge::new([7; 12], "hop", Timestamp::UNIX_EPOCH);
        let octets = sweep.at_port(50000).encode(&key(1), Aim::new("dc1", 50000));
        let right = stamp(&key(1), &octets, "dc1", 50000);
        assert_eq!(right, stamp(&key(1), &octets, "dc1", 50000));
        assert_ne!(right, stamp(&key(2), &octets, "dc1", 50000));
        assert_ne!(right, stamp(&key(1), &octets, "dc2", 50000));
        assert_ne!(right, stamp(&key(1), &octets, "dc1", 50001));
        assert_ne!(
            right,
            stamp(
                &key(1),
                &sweep.at_port(50001).encode(&key(1), Aim::new("dc1", 50000)),
                "dc1",
                50000
            )
        );
        assert_eq!(
            sweep.at_port(50000).nonce()[..SWEEP_LEN],
            sweep.at_port(50001).nonce()[..SWEEP_LEN]
        );
    }
}
