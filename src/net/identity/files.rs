//! A certificate and its key from files: PEM, or PFX as Windows exports it.

use super::chain::Identity;
use super::error::IdentityError;
use crate::input;
use p12_keystore::{Pkcs12Archive, error::Error as PfxError};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;

/// Largest file that is read, in octets: a chain with its key takes a few thousand.
const MAX_FILE: u64 = 4 << 20;

impl Identity {
    /// A certificate chain and its key (PKCS#8, PKCS#1 or SEC1) in PEM. Both paths may name the
    /// same file. The order of the certificates does not matter.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn from_pem(certificates: &Path, key: &Path) -> Result<Self, IdentityError> {
        let text = read_pem(certificates)?;
        let found = certificates_of(certificates, &text)?;
        let key_text = if key == certificates { text } else { read_pem(key)? };
        let (file, key) = (key, read_key(key, &key_text)?);
        let chain = arrange(found, &key).map_err(|wrong| match wrong {
            Wrong::Key(error) => IdentityError::KeyUnusable { path: file.into(), error },
            Wrong::NoMatch => {
                IdentityError::KeyOfAnother { key: file.into(), certificate: certificates.into() }
            }
        })?;
        Ok(Identity { chain, key, own: false })
    }

    /// A certificate with its chain and key from a PFX file (PKCS#12). An empty password is one
    /// too.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn from_pfx(path: &Path, password: &str) -> Result<Self, IdentityError> {
        let octets = read(path)?;
        if octets.windows(11).take(4096).any(|w| w == b"-----BEGIN ") {
            return Err(IdentityError::NotPfx(path.into()));
        }
        let archive =
            Pkcs12Archive::from_pkcs12(&octets, password).map_err(|e| pfx_problem(path, e))?;
        if archive.keys.is_empty() {
            return Err(IdentityError::NoKeyInPfx(path.into()));
        }
        let certificates: Vec<_> =
            archive.certs.iter().map(|c| CertificateDer::from(c.cert.as_der().to_vec())).collect();
        if certificates.is_empty() {
            return Err(IdentityError::NoCertificateInPfx(path.into()));
        }
        let mut unusable = None;
        for bag in &archive.keys {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()));
            match arrange(certificates.clone(), &key) {
                Ok(chain) => return Ok(Identity { chain, key, own: false }),
                Err(Wrong::Key(e)) => unusable = Some(e),
                Err(Wrong::NoMatch) => {}
            }
        }
        Err(match unusable {
            Some(error) => IdentityError::KeyUnusable { path: path.into(), error },
            None => IdentityError::NothingBelongs(path.into()),
        })
    }
}

/// The certificates of a PEM file, of which there is at least one: a list of roots to trust.
///
/// # Errors
/// What is wrong with the file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    certificates_of(path, &read_pem(path)?)
}

fn certificates_of(
    path: &Path,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let found = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| IdentityError::Pem { path: path.into(), error })?;
    if found.is_empty() {
        return Err(IdentityError::NoCertificate(path.into()));
    }
    Ok(found)
}

/// The whole file, within reason.
fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let wrong = |error| IdentityError::Unreadable { path: path.into(), error };
    let octets = std::fs::metadata(path).map_err(wrong)?.len();
    if octets > MAX_FILE {
        return Err(IdentityError::TooLarge { path: path.into(), octets });
    }
    input::octets(path, MAX_FILE).map_err(wrong)
}

/// A file that must be PEM text.
fn read_pem(path: &Path) -> Result<Vec<u8>, IdentityError> {
    let octets = read(path)?;
    match octets.as_slice() {
        // Windows PowerShell writes text like this when its output goes into a file.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(IdentityError::Utf16(path.into())),
        // A DER sequence: a certificate, a key or a PFX file.
        [0x30, 0x80..=0x84, ..] => Err(IdentityError::Binary(path.into())),
        [0xef, 0xbb, 0xbf, text @ ..] => Ok(text.to_vec()),
        _ => Ok(octets),
    }
}

/// The first private key of a PEM text.
fn read_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let has = |words: &str| text.windows(words.len()).any(|w| w == words.as_bytes());
    // The older way keeps the plain label and says it in a header, which a reader of the label
    // alone would miss.
    if has("Proc-Type: 4,ENCRYPTED") {
        return Err(IdentityError::Encrypted(path.into()));
    }
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(_) if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") => {
            Err(IdentityError::Encrypted(path.into()))
        }
        Err(PemError::NoItemsFound) => Err(IdentityError::NoKey(path.into())),
        Err(error) => Err(IdentityError::KeyUnreadable { path: path.into(), error }),
    }
}

/// What an error of the PFX reader means for its user.
fn pfx_problem(path: &Path, error: PfxError) -> IdentityError {
    let path = path.to_path_buf();
    match error {
        PfxError::MacError(_) => IdentityError::WrongPassword(path),
        PfxError::DerError(_) => IdentityError::DamagedPfx { path, error },
        PfxError::UnsupportedEncryptionScheme | PfxError::UnsupportedMacAlgorithm => {
            IdentityError::OldPfx { path, error }
        }
        PfxError::UnpadError => IdentityError::WrongPasswordOrDamaged(path),
        _ => IdentityError::UnreadablePfx { path, error },
    }
}

/// Why certificates and a key give no identity.
enum Wrong {
    /// The key is of a kind that TLS cannot use here.
    Key(rustls::Error),
    /// It belongs to none of the certificates.
    NoMatch,
}

/// The chain of `key`, leaf first, each certificate followed by its issuer as far as they are
/// there. A root is left out: whoever trusts it has it.
fn arrange(
    mut certificates: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let signer = rustls::crypto::ring::sign::any_supported_type(key).map_err(Wrong::Key)?;
    let belongs = |c: &CertificateDer<'static>| {
        CertifiedKey::new(vec![c.clone()], signer.clone()).keys_match().is_ok()
    };
    let leaf = certificates.iter().position(belongs).ok_or(Wrong::NoMatch)?;
    let mut chain = vec![certificates.swap_remove(leaf)];
    while let Some((subject, issuer)) = chain.last().and_then(names)
        && subject != issuer
        && let Some(next) = certificates
            .iter()
            .position(|c| names(c).is_some_and(|(subject, up)| subject == issuer && subject != up))
    {
        chain.push(certificates.swap_remove(next));
    }
    Ok(chain)
}

/// Subject and issuer of a certificate, as they are encoded.
fn names(certificate: &CertificateDer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some((parsed.subject().as_raw().to_vec(), parsed.issuer().as_raw().to_vec()))
}
