//! A certificate chain with its key, made for a run or given.

use super::error::IdentityError;
use crate::net::certificate::{self, sha256};
use crate::net::tls::crypto;
use crate::observation::facts::Certificate;
use crate::wire::challenge::OWN_CERTIFICATE;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A certificate chain with its key.
#[derive(Debug)]
pub struct Identity {
    /// Leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// Whether it was made for this run rather than given.
    pub own: bool,
}

impl Identity {
    /// A self-signed certificate for these DNS names and addresses, good for 90 days, and by clocks
    /// that are days behind: only as long as it runs is its key anywhere.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn self_signed(names: &[String]) -> Result<Self, IdentityError> {
        let mut parameters = rcgen::CertificateParams::new(names.to_vec())?;
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, OWN_CERTIFICATE);
        parameters
            .distinguished_name
            .push(rcgen::DnType::CommonName, names.first().map_or("portmatrix", String::as_str));
        let seconds = u64::try_from(crate::net::clock::now().as_second()).unwrap_or(0);
        let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        parameters.not_before = (now - std::time::Duration::from_secs(30 * 86_400)).into();
        parameters.not_after = (now + std::time::Duration::from_secs(90 * 86_400)).into();
        let key = rcgen::KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?;
        Ok(Identity {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            own: true,
        })
    }

    /// Accepts TLS with this certificate and these ALPN protocols, the preferred one first.
    ///
    /// # Errors
    /// When key and certificate do not fit together.
    pub fn acceptor(&self, alpn: &[&str]) -> Result<TlsAcceptor, IdentityError> {
        let mut config = ServerConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Subject, issuer, names and validity of the leaf.
    pub fn describe(&self) -> Certificate {
        self.chain.first().map(certificate::describe).unwrap_or_default()
    }

    /// SHA-256 of the leaf, as hexadecimal text.
    pub fn sha256(&self) -> String {
        self.chain.first().map(sha256).unwrap_or_default()
    }
}
