//! Key exchange on P-521, which the provider of cryptography lacks: servers that are set to it
//! alone, or whose certificate is of that curve, take no greeting without it. Only the client
//! offers it, last of all.

use crate::net::random;
use p521::elliptic_curve::sec1::ToSec1Point as _;
use p521::{PublicKey, SecretKey};
use rustls::crypto::{ActiveKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::{Error, NamedGroup, PeerMisbehaved};

/// P-521 (RFC 8446 section 4.2.8.2).
#[derive(Debug)]
pub struct P521;

/// Octets of a number of the field.
const FIELD: usize = 66;

struct Begun {
    secret: SecretKey,
    public: Vec<u8>,
}

impl SupportedKxGroup for P521 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        // One number in 2^260 is too large.
        let secret = (0..4).find_map(|_| {
            let mut octets = random::<FIELD>();
            octets[0] &= 1;
            SecretKey::from_slice(&octets).ok()
        });
        let secret = secret.ok_or(Error::FailedToGetRandomBytes)?;
        let public = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
        Ok(Box::new(Begun { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

impl ActiveKeyExchange for Begun {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // Uncompressed, as the standard has it.
        let peer = Some(peer)
            .filter(|peer| peer.first() == Some(&4))
            .and_then(|peer| PublicKey::from_sec1_bytes(peer).ok());
        let peer = peer.ok_or(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare))?;
        let shared = p521::ecdh::diffie_hellman(self.secret.to_nonzero_scalar(), peer.as_affine());
        Ok(SharedSecret::from(shared.raw_secret_bytes().as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_come_to_the_same_secret() {
        let (one, other) = (P521.start().expect("a key"), P521.start().expect("a key"));
        let (for_one, for_other) = (other.pub_key().to_vec(), one.pub_key().to_vec());
        assert_eq!((for_one.len(), for_one[0]), (1 + 2 * FIELD, 4));
        let (one, other) = (
            one.complete(&for_one).expect("a secret"),
            other.complete(&for_other).expect("a secret"),
        );
        assert_eq!(one.secret_bytes(), other.secret_bytes());
        assert_eq!(one.secret_bytes().len(), FIELD);
        for wrong in [&[][..], &[4; 1 + 2 * FIELD], &for_one[1..]] {
            assert!(P521.start().expect("a key").complete(wrong).is_err());
        }
    }
}
