//! Why there is no certificate with its key. Every message names the file and says what to do.

use p12_keystore::error::Error as PfxError;
use rustls::pki_types::pem::Error as PemError;
use std::path::PathBuf;

/// What is wrong with a certificate, its key, or their file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is larger than any certificate or key.
    #[error("{} is too large ({octets} octets) for a certificate or a key", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        octets: u64,
    },
    /// Text of Windows PowerShell.
    #[error("{} is UTF-16 text; save it as UTF-8 or ASCII", .0.display())]
    Utf16(PathBuf),
    /// DER, where PEM was expected.
    #[error(
        "{path} is binary, PEM text was expected. A PFX file is given as such, with its password; a \
            binary certificate is converted with: openssl x509 -inform der -in {path} -out \
            certificate.pem", path = .0.display()
    )]
    Binary(PathBuf),
    /// PEM, where PFX was expected.
    #[error("{} is a PEM file; give it as certificate and key instead of as a PFX file", .0.display())]
    NotPfx(PathBuf),
    /// A section of a PEM file that cannot be read.
    #[error("{}: {error}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PemError,
    },
    /// No certificate in a PEM file.
    #[error("{} holds no certificate: a section \"BEGIN CERTIFICATE\" was expected", .0.display())]
    NoCertificate(PathBuf),
    /// No certificate in a PFX file.
    #[error("{} holds no certificate; export it again together with its certificate", .0.display())]
    NoCertificateInPfx(PathBuf),
    /// No key in a PEM file.
    #[error(
        "{} holds no private key: a section \"BEGIN PRIVATE KEY\", \"BEGIN RSA PRIVATE KEY\" or \
            \"BEGIN EC PRIVATE KEY\" was expected; name the file of the key if it is another one",
        .0.display()
    )]
    NoKey(PathBuf),
    /// No key in a PFX file.
    #[error(
        "{} holds no private key; export it again with its private key (\"Yes, export the private \
            key\")", .0.display()
    )]
    NoKeyInPfx(PathBuf),
    /// A key that cannot be read.
    #[error("the private key in {} cannot be read: {error}", path.display())]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PemError,
    },
    /// A key behind a password.
    #[error(
        "the private key in {path} is encrypted, which is not supported; convert it with: openssl \
            pkey -in {path} -out plain-key.pem", path = .0.display()
    )]
    Encrypted(PathBuf),
    /// A key of a kind that TLS cannot use here.
    #[error("the private key in {} cannot be used: {error}", path.display())]
    KeyUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: rustls::Error,
    },
    /// The key of another certificate.
    #[error(
        "the private key in {} does not belong to the certificate in {}; give the key with which \
            that certificate was requested", key.display(), certificate.display()
    )]
    KeyOfAnother {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// A PFX file whose keys belong to none of its certificates.
    #[error(
        "no private key in {} belongs to a certificate in it; export certificate and key together",
        .0.display()
    )]
    NothingBelongs(PathBuf),
    /// The password of a PFX file is another one.
    #[error("the password does not open {}", .0.display())]
    WrongPassword(PathBuf),
    /// Or the file is damaged: files without a MAC show a wrong password only by what the decrypted
    /// octets look like.
    #[error("the password does not open {}, or the file is damaged", .0.display())]
    WrongPasswordOrDamaged(PathBuf),
    /// No PFX file.
    #[error("{} is no PFX file, or is damaged: {error}", path.display())]
    DamagedPfx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PfxError,
    },
    /// A PFX file that is protected in an old way.
    #[error(
        "{path} is protected in a way that is not supported ({error}); export it again with \
            AES256-SHA256, or convert it with: openssl pkcs12 -in {path} -nodes -out all.pem",
        path = path.display()
    )]
    OldPfx {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        error: PfxError,
    },
    /// A PFX file that cannot be read for another reason.
    #[error("cannot read {}: {error}", path.display())]
    UnreadablePfx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: PfxError,
    },
    /// A certificate of our own cannot be made.
    #[error("cannot make a certificate: {0}")]
    NotMade(#[from] rcgen::Error),
    /// TLS does not take certificate and key.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}
