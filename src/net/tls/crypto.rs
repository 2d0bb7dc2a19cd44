//! The provider of all cryptography.

use super::{group, signature};
use rustls::crypto::{CryptoProvider, ring as provider};
use std::sync::Arc;

/// The provider of all cryptography.
pub fn crypto() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    let make = || CryptoProvider {
        signature_verification_algorithms: signature::algorithms(),
        ..provider::default_provider()
    };
    PROVIDER.get_or_init(|| Arc::new(make())).clone()
}

/// The same for a client, which speaks to servers of every kind.
pub(super) fn client_crypto() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    let make = || {
        let mut provider = CryptoProvider::clone(&crypto());
        provider.kx_groups.push(&group::P521);
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}
