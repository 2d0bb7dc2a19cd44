//! Whose certificates are believed: the operating system's store, or the roots of a file; and which
//! roots are public.

use super::chain::{self, Roots};
use super::crypto::crypto;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// Makes TLS clients that judge certificates by the machine's trust store, or by roots from a file
/// instead.
#[derive(Debug, Clone)]
pub struct Trust {
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    /// Knows the roots that public services have their certificates from, whatever this machine
    /// trusts besides.
    pub(super) public: Arc<dyn ServerCertVerifier>,
    /// The roots from a file; those of the machine where there is none.
    roots: Option<Arc<Roots>>,
}

impl Trust {
    /// The operating system's trust store.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn platform() -> Result<Self, rustls::Error> {
        #[cfg(windows)]
        let verifier = Arc::new(super::windows::System(crypto()));
        #[cfg(not(windows))]
        let verifier = Arc::new(rustls_platform_verifier::Verifier::new(crypto())?);
        Ok(Trust { verifier, public: public_roots(), roots: None })
    }

    /// A verifier of a test in the place of the machine's.
    #[cfg(test)]
    pub(super) fn waiting(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Trust { verifier, public: public_roots(), roots: None }
    }

    /// Only these roots.
    ///
    /// # Errors
    /// When no certificate of the list can serve as a root.
    pub fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<Self, RootsError> {
        let roots = certificates.iter().filter_map(chain::root).collect();
        Ok(Trust {
            verifier: of_roots(certificates)?,
            public: public_roots(),
            roots: Some(Arc::new(roots)),
        })
    }

    /// The same, with these roots for the public ones.
    ///
    /// # Errors
    /// When no certificate of the list can serve as a root.
    pub fn with_public_roots(
        self,
        certificates: Vec<CertificateDer<'static>>,
    ) -> Result<Self, RootsError> {
        Ok(Trust { public: of_roots(certificates)?, ..self })
    }

    /// Whether the verifier may fetch certificates that were not sent: those of Windows and macOS
    /// do.
    pub(super) fn fetches(&self) -> bool {
        self.roots.is_none() && cfg!(any(windows, target_vendor = "apple"))
    }

    /// Whether the verifier may wait for something: that of the machine may, a list of roots not.
    pub(super) fn may_block(&self) -> bool {
        self.roots.is_none()
    }

    /// The names of all roots, where they can be told.
    pub(super) fn root_names(&self) -> Option<&Roots> {
        self.roots.as_deref().or_else(|| machine_roots())
    }
}

/// Certificates that are no list of roots.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// One of them cannot serve as a root.
    #[error(transparent)]
    Certificate(#[from] rustls::Error),
    /// There is none.
    #[error(transparent)]
    List(#[from] rustls::client::VerifierBuilderError),
}

/// The names of the roots of this machine. Windows and macOS judge by more than a list.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn machine_roots() -> Option<&'static Roots> {
    static ROOTS: std::sync::OnceLock<Roots> = std::sync::OnceLock::new();
    Some(ROOTS.get_or_init(|| {
        rustls_native_certs::load_native_certs().certs.iter().filter_map(chain::root).collect()
    }))
}

#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn machine_roots() -> Option<&'static Roots> {
    None
}

fn of_roots(
    certificates: Vec<CertificateDer<'static>>,
) -> Result<Arc<dyn ServerCertVerifier>, RootsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate)?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), crypto()).build()?;
    Ok(verifier)
}

/// Mozilla's roots, which this program carries along: a root that somebody added to this machine is
/// none of them.
fn public_roots() -> Arc<dyn ServerCertVerifier> {
    static ROOTS: std::sync::OnceLock<Arc<dyn ServerCertVerifier>> = std::sync::OnceLock::new();
    let make = || {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), crypto())
            .build()
            .expect("the list is not empty") as _
    };
    ROOTS.get_or_init(make).clone()
}
