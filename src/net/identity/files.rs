//! A certificate and its key from files: PEM, or PFX as Windows exports it. Every error names the
//! file and says what to do.

use super::chain::Identity;
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
    /// In words that name the file and say what to do.
    pub fn from_pem(certificates: &Path, key: &Path) -> Result<Self, String> {
        let shown = certificates.display();
        let text = read_pem(certificates)?;
        let found = certificates_of(certificates, &text)?;
        let key_text = if key == certificates { text } else { read_pem(key)? };
        let (file, key) = (key.display(), read_key(key, &key_text)?);
        let chain = arrange(found, &key).map_err(|wrong| match wrong {
            Wrong::Key(e) => format!("the private key in {file} cannot be used: {e}"),
            Wrong::NoMatch => format!(
                "the private key in {file} does not belong to the certificate in {shown}; give the \
                    key with which that certificate was \
                 requested"
            ),
        })?;
        Ok(Identity { chain, key, own: false })
    }

    /// A certificate with its chain and key from a PFX file (PKCS#12). An empty password is one
    /// too.
    ///
    /// # Errors
    /// In words that name the file and say what to do.
    pub fn from_pfx(path: &Path, password: &str) -> Result<Self, String> {
        let shown = path.display();
        let octets = read(path)?;
        if octets.windows(11).take(4096).any(|w| w == b"-----BEGIN ") {
            return Err(format!(
                "{shown} is a PEM file; give it as certificate and key instead of as a PFX file"
            ));
        }
        let archive =
            Pkcs12Archive::from_pkcs12(&octets, password).map_err(|e| pfx_problem(path, &e))?;
        if archive.keys.is_empty() {
            return Err(format!(
                "{shown} holds no private key; export it again with its private key (\"Yes, export \
                    the private key\")"
            ));
        }
        let certificates: Vec<_> =
            archive.certs.iter().map(|c| CertificateDer::from(c.cert.as_der().to_vec())).collect();
        if certificates.is_empty() {
            return Err(format!(
                "{shown} holds no certificate; export it again together with its certificate"
            ));
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
            Some(e) => format!("the private key in {shown} cannot be used: {e}"),
            None => format!(
                "no private key in {shown} belongs to a certificate in it; export certificate and \
                    key together"
            ),
        })
    }
}

/// The certificates of a PEM file, of which there is at least one: a list of roots to trust.
///
/// # Errors
/// In words that name the file and say what to do.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates_of(path, &read_pem(path)?)
}

fn certificates_of(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let found = CertificateDer::pem_slice_iter(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("{shown}: {e}"))?;
    if found.is_empty() {
        return Err(format!(
            "{shown} holds no certificate: a section \"BEGIN CERTIFICATE\" was expected"
        ));
    }
    Ok(found)
}

/// The whole file, within reason.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|e| format!("cannot read {shown}: {e}"))?.len();
    if size > MAX_FILE {
        return Err(format!("{shown} is too large ({size} octets) for a certificate or a key"));
    }
    std::fs::read(path).map_err(|e| format!("cannot read {shown}: {e}"))
}

/// A file that must be PEM text.
fn read_pem(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let octets = read(path)?;
    match octets.as_slice() {
        // Windows PowerShell writes text like this when its output goes into a file.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Err(format!("{shown} is UTF-16 text; save it as UTF-8 or ASCII"))
        }
        // A DER sequence: a certificate, a key or a PFX file.
        [0x30, 0x80..=0x84, ..] => Err(format!(
            "{shown} is binary, PEM text was expected. A PFX file is given as such, with its \
                password; a binary certificate is converted \
             with: openssl x509 -inform der -in {shown} -out certificate.pem"
        )),
        [0xef, 0xbb, 0xbf, text @ ..] => Ok(text.to_vec()),
        _ => Ok(octets),
    }
}

/// The first private key of a PEM text.
fn read_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    let has = |words: &str| text.windows(words.len()).any(|w| w == words.as_bytes());
    // The older way keeps the plain label and says it in a header, which a reader of the label
    // alone would miss.
    if has("Proc-Type: 4,ENCRYPTED") {
        return Err(encrypted(path));
    }
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(_) if has("-----BEGIN ENCRYPTED PRIVATE KEY-----") => Err(encrypted(path)),
        Err(PemError::NoItemsFound) => Err(format!(
            "{shown} holds no private key: a section \"BEGIN PRIVATE KEY\", \"BEGIN RSA PRIVATE \
                KEY\" or \"BEGIN EC PRIVATE KEY\" was \
             expected; name the file of the key if it is another one"
        )),
        Err(e) => Err(format!("the private key in {shown} cannot be read: {e}")),
    }
}

fn encrypted(path: &Path) -> String {
    let shown = path.display();
    format!(
        "the private key in {shown} is encrypted, which is not supported; convert it with: openssl \
            pkey -in {shown} -out plain-key.pem"
    )
}

/// What an error of the PFX reader means for its user.
fn pfx_problem(path: &Path, error: &PfxError) -> String {
    let shown = path.display();
    match error {
        PfxError::MacError(_) => format!("the password does not open {shown}"),
        PfxError::DerError(_) => format!("{shown} is no PFX file, or is damaged: {error}"),
        PfxError::UnsupportedEncryptionScheme | PfxError::UnsupportedMacAlgorithm => format!(
            "{shown} is protected in a way that is not supported ({error}); export it again with \
                AES256-SHA256, or convert it with: \
             openssl pkcs12 -in {shown} -nodes -out all.pem"
        ),
        // Files without a MAC show a wrong password only by what the decrypted octets look like.
        PfxError::UnpadError => {
            format!("the password does not open {shown}, or the file is damaged")
        }
        _ => format!("cannot read {shown}: {error}"),
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
