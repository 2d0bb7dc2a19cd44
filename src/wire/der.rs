//! As much of DER (X.690) as is needed to find the public key of a certificate whose other parts
//! cannot be read: a certificate never ends a probe, and whoever signs the handshake is known by
//! that key alone.

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// `version`, which certificates of version 1 leave out.
const VERSION: u8 = 0xa0;

/// The public key of a certificate (RFC 5280 section 4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey<'a> {
    /// The contents of its `AlgorithmIdentifier`.
    pub algorithm: &'a [u8],
    /// The key itself.
    pub key: &'a [u8],
}

/// One element: its tag, its contents, and what comes after it. `None` where the octets end too
/// early, or the form is none of DER's.
pub fn element(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

fn expect(tag: u8, octets: &[u8]) -> Option<(&[u8], &[u8])> {
    element(octets).filter(|(found, ..)| *found == tag).map(|(_, contents, rest)| (contents, rest))
}

/// The public key of a certificate; serial number, names, validity and extensions may be anything.
pub fn public_key(certificate: &[u8]) -> Option<PublicKey<'_>> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (mut rest, _) = expect(SEQUENCE, certificate)?;
    if let Some((VERSION, _, after)) = element(rest) {
        rest = after;
    }
    // serialNumber, signature, issuer, validity, subject.
    for _ in 0..5 {
        rest = element(rest)?.2;
    }
    let (info, _) = expect(SEQUENCE, rest)?;
    let (algorithm, rest) = expect(SEQUENCE, info)?;
    let (bits, _) = expect(BIT_STRING, rest)?;
    // No key has a number of bits that does not fill its last octet.
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else { return None };
    Some(PublicKey { algorithm, key })
}

impl PublicKey<'_> {
    /// The object identifier of the algorithm, as its contents are encoded.
    pub fn oid(&self) -> Option<&[u8]> {
        element(self.algorithm).filter(|(tag, ..)| *tag == 0x06).map(|(_, oid, _)| oid)
    }

    /// Bits of the modulus, of a key for RSA (RFC 8017 appendix A.1.1).
    pub fn rsa_bits(&self) -> Option<usize> {
        if !matches!(self.oid()?, RSA | RSA_PSS) {
            return None;
        }
        let (key, _) = expect(SEQUENCE, self.key)?;
        let (modulus, _) = expect(INTEGER, key)?;
        let modulus = &modulus[modulus.iter().position(|octet| *octet != 0)?..];
        Some(modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).unwrap_or(0))
    }

    /// The kind of key: `RSA`, `EC P-521`, `Ed25519`.
    pub fn kind(&self) -> &'static str {
        let name = self
            .oid()
            .and_then(|oid| KINDS.iter().find(|(known, _)| *known == oid))
            .map(|(_, name)| *name);
        let curve = || {
            element(self.algorithm)
                .and_then(|(.., parameters)| element(parameters))
                .map(|(_, oid, _)| oid)
        };
        match name {
            Some("EC") => CURVES
                .iter()
                .find(|(known, _)| Some(*known) == curve())
                .map_or("EC of an unknown curve", |(_, name)| *name),
            Some(name) => name,
            None => "of an unknown kind",
        }
    }

    /// The same with its size, where it has sizes.
    pub fn words(&self) -> String {
        let kind = self.kind();
        self.rsa_bits().map_or_else(|| kind.to_owned(), |bits| format!("{kind} with {bits} bits"))
    }
}

/// rsaEncryption and id-RSASSA-PSS.
pub const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// The same key, good for one padding alone (RFC 4055 section 1.2).
pub const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];

const KINDS: &[(&[u8], &str)] = &[
    (RSA, "RSA"),
    (RSA_PSS, "RSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "EC"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "DSA"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
];

const CURVES: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "EC P-256"),
    (&[0x2b, 0x81, 4, 0, 0x22], "EC P-384"),
    (&[0x2b, 0x81, 4, 0, 0x23], "EC P-521"),
    (&[0x2b, 0x81, 4, 0, 0x0a], "EC secp256k1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7], "EC brainpoolP256r1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11], "EC brainpoolP384r1"),
    (&[0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13], "EC brainpoolP512r1"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = u8::try_from(contents.len()).expect("a short element");
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [&head[..], contents].concat()
    }

    fn certificate(version: &[u8]) -> Vec<u8> {
        let oid = der(6, &[0x2b, 0x65, 0x70]);
        let key = der(SEQUENCE, &[der(SEQUENCE, &oid), der(BIT_STRING, &[0, 1, 2, 3])].concat());
        // A negative serial number, and names and times that are none.
        let rest = [
            der(INTEGER, &[0xff]),
            der(SEQUENCE, &[]),
            der(SEQUENCE, &[9]),
            der(SEQUENCE, &[7; 130]),
            der(SEQUENCE, &[]),
        ]
        .concat();
        der(SEQUENCE, &der(SEQUENCE, &[version, &rest, &key, &[0xff; 3]].concat()))
    }

    #[test]
    fn the_key_is_found_whatever_the_rest_is_like() {
        for version in [&[][..], &[0xa0, 3, 2, 1, 2]] {
            let certificate = certificate(version);
            let key = public_key(&certificate).expect("a key");
            assert_eq!(
                (key.key, key.oid(), key.rsa_bits()),
                (&[1, 2, 3][..], Some(&[0x2b, 0x65, 0x70][..]), None)
            );
            assert_eq!(key.words(), "Ed25519");
            assert_eq!(public_key(&certificate[..certificate.len() - 1]), None, "cut off");
        }
    }

    #[test]
    fn rsa_keys_have_a_size() {
        let parameters = [der(6, RSA), vec![5, 0]].concat();
        let key = der(
            SEQUENCE,
            &[der(INTEGER, &[&[0, 0x80][..], &[0; 31]].concat()), der(INTEGER, &[1, 0, 1])]
                .concat(),
        );
        let key = PublicKey { algorithm: &parameters, key: &key };
        assert_eq!((key.rsa_bits(), key.words()), (Some(256), "RSA with 256 bits".to_owned()));
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(octets: Vec<u8>) {
            let _ = public_key(&octets).map(|key| (key.rsa_bits(), key.words()));
        }
    }
}
