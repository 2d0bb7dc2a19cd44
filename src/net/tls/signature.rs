//! The signature of a handshake, verified with the key of the certificate alone: whatever else is
//! wrong with a certificate, who has its key can be told. And the algorithms that the provider of
//! cryptography lacks: ECDSA on P-521, and on the other curves with SHA-512, as enterprises'
//! authorities use them.

use crate::wire::der::{PublicKey, RSA_PSS};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rustls::SignatureScheme as Scheme;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring as provider};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use std::sync::OnceLock;

/// What became of the signature of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// It was made with the key of the certificate.
    Right,
    /// It was not.
    Wrong,
    /// It cannot be verified here, and why not.
    NotChecked(String),
}

/// Signatures that are taken, and cannot be verified here; a handshake with them goes on all the
/// same.
const UNVERIFIED: &[Scheme] = &[Scheme::ED448];
/// RSA-PSS with a key that is good for nothing else (RFC 8446 section 4.2.3), and the same padding
/// with a key for everything.
const PSS: &[(Scheme, Scheme)] = &[
    (Scheme::Unknown(0x0809), Scheme::RSA_PSS_SHA256),
    (Scheme::Unknown(0x080a), Scheme::RSA_PSS_SHA384),
    (Scheme::Unknown(0x080b), Scheme::RSA_PSS_SHA512),
];
/// Bits of an RSA key that is verified with the provider's algorithms, which count whole octets.
pub(super) const RSA_BITS: std::ops::RangeInclusive<usize> = 2041..=8192;

#[derive(Debug, Clone, Copy)]
enum Curve {
    P256,
    P384,
    P521,
}

/// ECDSA that the provider lacks.
#[derive(Debug)]
struct Ecdsa {
    curve: Curve,
    hash: &'static ring::digest::Algorithm,
    signature: AlgorithmIdentifier,
}

static P256_SHA512: Ecdsa =
    Ecdsa { curve: Curve::P256, hash: &ring::digest::SHA512, signature: alg_id::ECDSA_SHA512 };
static P384_SHA512: Ecdsa =
    Ecdsa { curve: Curve::P384, hash: &ring::digest::SHA512, signature: alg_id::ECDSA_SHA512 };
static P521_SHA256: Ecdsa =
    Ecdsa { curve: Curve::P521, hash: &ring::digest::SHA256, signature: alg_id::ECDSA_SHA256 };
static P521_SHA384: Ecdsa =
    Ecdsa { curve: Curve::P521, hash: &ring::digest::SHA384, signature: alg_id::ECDSA_SHA384 };
static P521_SHA512: Ecdsa =
    Ecdsa { curve: Curve::P521, hash: &ring::digest::SHA512, signature: alg_id::ECDSA_SHA512 };

impl SignatureVerificationAlgorithm for Ecdsa {
    fn verify_signature(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let digest = ring::digest::digest(self.hash, message);
        // A hash that is shorter than half the field is the same number with zeros in front.
        let digest = [&[0; 64][..64 - digest.as_ref().len()], digest.as_ref()].concat();
        let digest = match self.curve {
            Curve::P521 => &digest[..],
            Curve::P256 | Curve::P384 => &digest[64 - self.hash.output_len()..],
        };
        let verified = match self.curve {
            Curve::P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(key).and_then(|key| {
                key.verify_prehash(digest, &p256::ecdsa::Signature::from_der(signature)?)
            }),
            Curve::P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(key).and_then(|key| {
                key.verify_prehash(digest, &p384::ecdsa::Signature::from_der(signature)?)
            }),
            Curve::P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(key).and_then(|key| {
                key.verify_prehash(digest, &p521::ecdsa::Signature::from_der(signature)?)
            }),
        };
        verified.map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self.curve {
            Curve::P256 => alg_id::ECDSA_P256,
            Curve::P384 => alg_id::ECDSA_P384,
            Curve::P521 => alg_id::ECDSA_P521,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// The provider's algorithms, and those above.
pub fn algorithms() -> WebPkiSupportedAlgorithms {
    static ALL: OnceLock<WebPkiSupportedAlgorithms> = OnceLock::new();
    *ALL.get_or_init(|| {
        let own = provider::default_provider().signature_verification_algorithms;
        let more: [&'static dyn SignatureVerificationAlgorithm; 5] =
            [&P256_SHA512, &P384_SHA512, &P521_SHA256, &P521_SHA384, &P521_SHA512];
        let with_sha512: Vec<&'static dyn SignatureVerificationAlgorithm> =
            vec![&P521_SHA512, &P384_SHA512, &P256_SHA512];
        let all = own.all.iter().copied().chain(more).collect::<Vec<_>>();
        let mapping = own
            .mapping
            .iter()
            .copied()
            .chain([(Scheme::ECDSA_NISTP521_SHA512, &*with_sha512.leak())])
            .collect::<Vec<_>>();
        // Once for the whole program.
        WebPkiSupportedAlgorithms { all: all.leak(), mapping: mapping.leak() }
    })
}

/// Every signature that a handshake may have.
pub fn schemes() -> Vec<Scheme> {
    algorithms()
        .supported_schemes()
        .into_iter()
        .chain(PSS.iter().map(|(pss, _)| *pss))
        .chain(UNVERIFIED.iter().copied())
        .collect()
}

/// Verifies the signature of a handshake. `key` is the certificate's, where it could be found.
pub fn check(
    key: Option<PublicKey<'_>>,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Signature {
    let Some(key) = key else {
        return Signature::NotChecked("the certificate shows no key that can be read".to_owned());
    };
    let not_here = || {
        Signature::NotChecked(format!("a key of the kind {} is not supported here", key.words()))
    };
    let told = |right: bool| if right { Signature::Right } else { Signature::Wrong };
    if let Some(bits) = key.rsa_bits().filter(|bits| !RSA_BITS.contains(bits)) {
        let legacy: &dyn ring::signature::VerificationAlgorithm = match scheme {
            Scheme::RSA_PKCS1_SHA256 => {
                &ring::signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
            }
            Scheme::RSA_PKCS1_SHA512 => {
                &ring::signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
            }
            _ => return not_here(),
        };
        if !(1017..=8192).contains(&bits) {
            return not_here();
        }
        return told(
            ring::signature::UnparsedPublicKey::new(legacy, key.key)
                .verify(message, signature)
                .is_ok(),
        );
    }
    // A key for RSA-PSS alone is the same key under another name.
    let (pss, scheme) = PSS
        .iter()
        .find(|(pss, _)| *pss == scheme)
        .map_or((false, scheme), |(_, same)| (true, *same));
    let algorithms = algorithms();
    let candidates = algorithms
        .mapping
        .iter()
        .find(|(known, _)| *known == scheme)
        .map_or(&[][..], |(_, all)| *all);
    // Before TLS 1.3 the scheme names the hash alone.
    let other_curve: &[&'static dyn SignatureVerificationAlgorithm] = match scheme {
        Scheme::ECDSA_NISTP256_SHA256 => &[&P521_SHA256],
        Scheme::ECDSA_NISTP384_SHA384 => &[&P521_SHA384],
        _ => &[],
    };
    let is_of = |one: &&&'static dyn SignatureVerificationAlgorithm| match pss {
        true => key.oid() == Some(RSA_PSS),
        false => one.public_key_alg_id().as_ref() == key.algorithm,
    };
    match candidates.iter().chain(other_curve).find(is_of) {
        Some(algorithm) => told(algorithm.verify_signature(key.key, message, signature).is_ok()),
        None => not_here(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tls_hello;

    #[test]
    fn the_greetings_say_what_the_handshake_takes() {
        let codes =
            |all: &mut dyn Iterator<Item = u16>| all.collect::<std::collections::BTreeSet<u16>>();
        let offered = codes(&mut schemes().into_iter().map(u16::from));
        let known =
            codes(&mut tls_hello::own_schemes().chain(UNVERIFIED.iter().map(|s| u16::from(*s))));
        assert_eq!(offered, known);
        let crypto = super::super::client_crypto();
        assert_eq!(
            codes(&mut tls_hello::own_suites()),
            codes(&mut crypto.cipher_suites.iter().map(|s| u16::from(s.suite())))
        );
        assert_eq!(
            codes(&mut tls_hello::own_groups()),
            codes(&mut crypto.kx_groups.iter().map(|g| u16::from(g.name())))
        );
    }

    #[test]
    fn what_cannot_be_verified_is_not_called_wrong() {
        let ed448 = PublicKey { algorithm: &[6, 3, 0x2b, 0x65, 0x71], key: &[0; 57] };
        assert_eq!(
            check(Some(ed448), Scheme::ED448, b"m", b"s"),
            Signature::NotChecked("a key of the kind Ed448 is not supported here".into())
        );
        assert!(matches!(check(None, Scheme::ED25519, b"m", b"s"), Signature::NotChecked(_)));
        let ed25519 = PublicKey { algorithm: &[6, 3, 0x2b, 0x65, 0x70], key: &[0; 32] };
        assert_eq!(check(Some(ed25519), Scheme::ED25519, b"m", &[0; 64]), Signature::Wrong);
        assert!(
            matches!(
                check(Some(ed25519), Scheme::RSA_PSS_SHA256, b"m", &[0; 64]),
                Signature::NotChecked(_)
            ),
            "of another kind"
        );
    }
}
