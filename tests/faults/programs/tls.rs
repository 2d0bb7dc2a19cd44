//! Servers that speak TLS in another way than the connector, or want more of it.

use crate::certificates::Made;
use crate::programs::tcp;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use serde::Deserialize;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// Whether a server asks for a client certificate, and what it does without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificate {
    Optional,
    Required,
}

/// How a server speaks TLS, where it is not the way of all others.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Speaks {
    pub client_certificate: Option<ClientCertificate>,
    /// `1.2` or `1.3` alone.
    pub version: Option<String>,
}

/// Accepts TLS in this way.
pub fn acceptor(made: &Made, root: &CertificateDer<'static>, speaks: &Speaks) -> TlsAcceptor {
    let versions: &[&rustls::SupportedProtocolVersion] = match speaks.version.as_deref() {
        Some("1.2") => &[&rustls::version::TLS12],
        Some("1.3") => &[&rustls::version::TLS13],
        _ => rustls::ALL_VERSIONS,
    };
    let crypto = portmatrix::net::tls::crypto();
    let builder = ServerConfig::builder_with_provider(crypto.clone())
        .with_protocol_versions(versions)
        .expect("versions");
    let builder = match speaks.client_certificate {
        None => builder.with_no_client_auth(),
        Some(how) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(root.clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto);
            let verifier = if how == ClientCertificate::Optional {
                verifier.allow_unauthenticated()
            } else {
                verifier
            };
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    TlsAcceptor::from(Arc::new(builder.with_cert_resolver(made.resolver())))
}

/// Says one thing inside TLS, as [`tcp::say`] does.
pub async fn banner(stream: TcpStream, acceptor: &TlsAcceptor, text: &str) {
    match acceptor.accept(stream).into_fallible().await {
        Ok(inside) => tcp::say(inside, Some(text), None, false).await,
        // The alert must get out before the end, and no reset behind it.
        Err((_, mut stream)) => {
            let _ = stream.shutdown().await;
            let _ =
                tokio::time::timeout(std::time::Duration::from_secs(1), tcp::swallow(stream)).await;
        }
    }
}

/// Takes one cipher suite of TLS 1.2 alone, by its two octets in hexadecimal: a greeting with it is
/// answered, any other ends with an alert, or without a word where `resets`.
pub async fn picky(mut stream: TcpStream, suite: &str, resets: bool) {
    let suite = u16::from_str_radix(suite, 16).expect("a suite").to_be_bytes();
    let mut octets = [0; 4096];
    let Ok(n) = stream.read(&mut octets).await else { return };
    // The suites stand behind version, random and session.
    let session = usize::from(octets[43]);
    let suites = octets[..n].get(46 + session..).unwrap_or_default();
    let length = usize::from(u16::from_be_bytes([octets[44 + session], octets[45 + session]]));
    if !suites[..length.min(suites.len())].chunks(2).any(|one| one == suite) {
        if resets {
            let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
            return;
        }
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).await;
        return tcp::close(stream).await;
    }
    let hello = [&[2, 0, 0, 38, 3, 3][..], &[7; 32], &[0], &suite, &[0]].concat();
    let _ = stream.write_all(&[&[22, 3, 3, 0, 42][..], &hello].concat()).await;
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), tcp::swallow(stream)).await;
}
