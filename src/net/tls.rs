//! TLS for both ends. The client side completes every handshake that cryptography allows and
//! *records* what is wrong with the certificate: a probe must go on to see who answers. What the
//! finding means is decided in [`crate::verdict`].

pub mod chain;
mod crypto;
mod group;
mod inside;
mod judge;
mod signature;
mod trust;
#[cfg(windows)]
mod windows;

pub use crypto::crypto;
pub use inside::{Inside, Told};
pub use trust::{RootsError, Trust};

use self::crypto::client_crypto;
use self::judge::{Finding, Shown};
use self::signature::Signature;
use super::certificate::{self, sha256};
use crate::lock::lock;
use crate::observation::Facts;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use crate::wire::challenge::{EXPORTER_LEN, Exporter, TlsSeen};
use crate::wire::der;
use crate::wire::tls_alert::{About, Alert};
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, InvalidMessage, SignatureScheme};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Label of the exporter (RFC 9266 section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Accepts every certificate whose key signs the handshake, and keeps what it is judged by
/// afterwards: the machine's own verifier may wait for the network, and no other connection must
/// wait with it.
#[derive(Debug, Default)]
struct Recorder {
    shown: Mutex<Shown>,
}

impl Recorder {
    /// Whether the handshake may go on. A wrong signature ends it: whoever made it does not have
    /// the certificate's key.
    fn signed(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        match signature::check(der::public_key(cert), dss.scheme, message, dss.signature()) {
            Signature::Wrong => return Err(rustls::CertificateError::BadSignature.into()),
            Signature::NotChecked(why) => {
                lock(&self.shown).not_checked = Some(why);
            }
            Signature::Right => {}
        }
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *lock(&self.shown) = Shown {
            leaf: Some(leaf.clone().into_owned()),
            intermediates: intermediates.iter().map(|c| c.clone().into_owned()).collect(),
            ocsp: ocsp.to_vec(),
            now: Some(now),
            not_checked: None,
        };
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.signed(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // RFC 8446 section 4.2.3: this padding is for certificates alone.
        if matches!(
            dss.scheme,
            SignatureScheme::RSA_PKCS1_SHA256
                | SignatureScheme::RSA_PKCS1_SHA384
                | SignatureScheme::RSA_PKCS1_SHA512
        ) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        self.signed(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature::schemes()
    }
}

/// Has no client certificate, and notes that one was asked for.
#[derive(Debug, Default)]
struct AskedByServer(AtomicBool);

impl ResolvesClientCert for AskedByServer {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A finished handshake on the connector's side.
pub struct Session<S> {
    /// The stream inside TLS.
    pub stream: Inside<S>,
    /// What TLS will know of the session that the protocols inside do not.
    pub told: Arc<Told>,
    /// What ALPN selected.
    pub alpn: Option<String>,
    /// The channel binding.
    pub exporter: Option<Exporter>,
    /// SHA-256 of the other end's certificate.
    pub certificate_sha256: String,
    /// What is wrong with the certificate, if anything.
    pub problem: Option<Reason>,
    /// Facts: version, cipher, subject, issuer, names, days left, the verifier's words.
    pub facts: Facts,
}

/// Shakes hands. `name` is what the certificate must be for: a DNS name or an address.
///
/// # Errors
/// [`Failure`] when there is no TLS session at the end: not TLS, broken off, reset, no deadline
/// kept by the caller.
pub async fn connect<S: super::Io>(
    trust: &Trust,
    stream: S,
    name: &str,
    alpn: &[&str],
) -> Result<Session<S>, Failure> {
    let recorder = Arc::new(Recorder::default());
    let asked = Arc::new(AskedByServer::default());
    let mut config = ClientConfig::builder_with_provider(client_crypto())
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::local(Reason::LocalResources).saying(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_client_cert_resolver(asked.clone());
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    // A resumed session would show no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
        Failure::local(Reason::NameNotFound)
            .saying(format!("\"{name}\" is not a name that TLS can ask for"))
    })?;
    let outcome = TlsConnector::from(Arc::new(config)).connect(server_name, stream).await;
    let asked = asked.0.load(Ordering::Relaxed);
    let stream = outcome.map_err(|e| handshake_failure(&e, asked))?;
    let shown = std::mem::take(&mut *lock(&recorder.shown));
    let finding = judge::judge(trust, shown, name).await;
    Ok(describe(stream, name, finding, asked))
}

fn describe<S: super::Io>(
    stream: TlsStream<S>,
    name: &str,
    finding: Finding,
    asked: bool,
) -> Session<S> {
    let connection = stream.get_ref().1;
    let mut facts = Facts::default();
    let tls = &mut facts.tls;
    tls.server_name = Some(name.to_owned());
    if let Some(version) = connection.protocol_version() {
        tls.version = Some(version_text(version).to_owned());
    }
    if let Some(suite) = connection.negotiated_cipher_suite() {
        tls.cipher = Some(format!("{:?}", suite.suite()));
    }
    let alpn = connection.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
    tls.alpn = alpn.clone();
    tls.client_certificate_wanted = asked;
    let exporter = connection.export_keying_material([0; EXPORTER_LEN], EXPORTER_LABEL, None).ok();
    let mut certificate_sha256 = String::new();
    if let Some(leaf) = &finding.leaf {
        certificate_sha256 = sha256(leaf);
        tls.certificate_sha256 = Some(certificate_sha256.clone());
        tls.chain = certificate::chain(leaf, &finding.intermediates);
    }
    tls.trusted = Some(finding.problem.is_none());
    tls.public_root = finding.public;
    tls.signature_not_checked = finding.not_checked;
    let problem = finding.problem.map(|(fault, words)| {
        tls.problem = Some(fault.reason());
        tls.problem_text = Some(words);
        tls.finding = Some(fault);
        fault.reason()
    });
    if let Some(leaf) = &finding.leaf {
        *facts.certificate = certificate::describe(leaf);
    }
    let told = Told::new(asked);
    Session {
        alpn,
        exporter,
        certificate_sha256,
        problem,
        facts,
        stream: Inside::new(stream, told.clone()),
        told,
    }
}

fn version_text(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "1.3",
        rustls::ProtocolVersion::TLSv1_2 => "1.2",
        _ => "other",
    }
}

/// What the error of a handshake means; `asked` says that the server had asked for a client
/// certificate. rustls wraps its own errors into `InvalidData`.
fn handshake_failure(error: &std::io::Error, asked: bool) -> Failure {
    let words = error.to_string();
    let failure = match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        // The first octets are no record of TLS. What is wrong in a record is a broken handshake.
        Some(rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        )) => Failure::peer(Reason::TlsNotSpoken),
        Some(rustls::Error::AlertReceived(description)) => {
            let alert = Alert(u8::from(*description));
            let name = format!("{description:?}");
            Failure::peer(of_alert(alert, asked)).noting(|facts| {
                (facts.ended.alert, facts.ended.alert_code) = (Some(name), Some(alert.0));
            })
        }
        Some(
            rustls::Error::PeerIncompatible(_)
            | rustls::Error::InvalidMessage(
                InvalidMessage::CertificatePayloadTooLarge
                | InvalidMessage::UnsupportedCompression
                | InvalidMessage::UnsupportedCurveType
                | InvalidMessage::UnsupportedKeyExchangeAlgorithm(_),
            ),
        ) => Failure::peer(Reason::TlsNotSupportedHere),
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature)) => {
            Failure::peer(Reason::TlsHandshakeFailed)
                .noting(|facts| facts.tls.wrong_signature = true)
        }
        Some(_) => Failure::peer(Reason::TlsHandshakeFailed),
        None => {
            let mut failure = Failure::after_connect(error);
            let ended =
                matches!(failure.reason, Reason::ClosedAfterConnect | Reason::ResetAfterConnect);
            // An orderly close in the middle of a handshake is an answer: this port does not shake
            // hands.
            if failure.reason == Reason::ClosedAfterConnect {
                failure.reason = Reason::TlsHandshakeFailed;
            }
            if ended && asked {
                failure = Failure { reason: Reason::ClientCertificateWanted, ..failure };
            }
            failure
        }
    };
    let failure = failure.noting(|facts| facts.tls.client_certificate_wanted = asked);
    failure.saying(words)
}

/// What an alert means that ends a handshake.
fn of_alert(alert: Alert, asked: bool) -> Reason {
    if inside::means_client_certificate(asked, alert) {
        return Reason::ClientCertificateWanted;
    }
    match (alert.about(), alert.0) {
        (About::Application, _) => Reason::Http2NotOffered,
        // Said of nothing else than what was offered. A plain `handshake_failure` may have other
        // causes.
        (About::Common, 70 | 71 | 86) => Reason::TlsNotSupportedHere,
        _ => Reason::TlsHandshakeFailed,
    }
}

/// What the listener's side of a handshake looks like, for the proof.
pub fn seen_by_server<S>(
    stream: &tokio_rustls::server::TlsStream<S>,
    certificate_sha256: &str,
    own: bool,
) -> (TlsSeen, Option<Exporter>) {
    let connection = stream.get_ref().1;
    let seen = TlsSeen {
        version: connection.protocol_version().map(version_text).unwrap_or("unknown").to_owned(),
        alpn: connection.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned()),
        sni: connection.server_name().map(str::to_owned),
        certificate_sha256: certificate_sha256.to_owned(),
        own_certificate: own,
        session: String::new(),
    };
    (seen, connection.export_keying_material([0; EXPORTER_LEN], EXPORTER_LABEL, None).ok())
}
