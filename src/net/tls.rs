//! TLS for both ends. The client side completes every handshake that cryptography allows and *records* what is wrong with the
//! certificate: a probe must go on to see who answers. What the finding means is decided in [`crate::verdict`].

use super::certificate::{self, sha256};
use super::failure::Failure;
use crate::observation::Detail;
use crate::proto::challenge::{EXPORTER_LEN, Exporter, TlsSeen};
use crate::reason::Reason;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::sync::{Arc, Mutex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Label of the exporter (RFC 9266 section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// The provider of all cryptography.
pub fn crypto() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(provider::default_provider())).clone()
}

/// Makes TLS clients that judge certificates by the machine's trust store, or by roots from a file instead.
#[derive(Debug, Clone)]
pub struct Trust {
    verifier: Arc<dyn ServerCertVerifier>,
    /// Knows the roots that public services have their certificates from, whatever this machine trusts besides.
    public: Arc<dyn ServerCertVerifier>,
}

impl Trust {
    /// The operating system's trust store.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn platform() -> Result<Self, rustls::Error> {
        let verifier = Arc::new(rustls_platform_verifier::Verifier::new(crypto())?);
        Ok(Trust { verifier, public: public_roots() })
    }

    /// Only these roots.
    ///
    /// # Errors
    /// When no certificate of the list can serve as a root.
    pub fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        Ok(Trust { verifier: of_roots(certificates)?, public: public_roots() })
    }

    /// The same, with these roots for the public ones.
    ///
    /// # Errors
    /// When no certificate of the list can serve as a root.
    pub fn with_public_roots(self, certificates: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        Ok(Trust { public: of_roots(certificates)?, ..self })
    }
}

fn of_roots(certificates: Vec<CertificateDer<'static>>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store.add(certificate).map_err(|e| e.to_string())?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), crypto()).build().map_err(|e| e.to_string())?;
    Ok(verifier)
}

/// Mozilla's roots, which this program carries along: a root that somebody added to this machine is none of them.
fn public_roots() -> Arc<dyn ServerCertVerifier> {
    static ROOTS: std::sync::OnceLock<Arc<dyn ServerCertVerifier>> = std::sync::OnceLock::new();
    let make = || {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), crypto()).build().expect("the list is not empty") as _
    };
    ROOTS.get_or_init(make).clone()
}

/// What a verifier found, kept instead of ending the handshake.
#[derive(Debug, Clone, Default, PartialEq)]
struct Finding {
    problem: Option<(Reason, String)>,
    /// Whether the chain ends in a public root; `None` where something else is wrong, so that it was not found out.
    public: Option<bool>,
    leaf: Option<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
}

/// Accepts every certificate whose key signs the handshake, and notes what the real verifier says of it.
#[derive(Debug)]
struct Recorder {
    trust: Trust,
    finding: Arc<Mutex<Finding>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judge = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier.verify_server_cert(leaf, intermediates, name, ocsp, now).err().map(|e| (problem_of(&e), e.to_string()))
        };
        let problem = judge(&self.trust.verifier);
        let public = match judge(&self.trust.public) {
            None => Some(true),
            Some((Reason::TlsUntrusted, _)) => Some(false),
            Some(_) => None,
        };
        if let Ok(mut finding) = self.finding.lock() {
            let intermediates = intermediates.iter().take(certificate::MAX_CHAIN).map(|c| c.clone().into_owned()).collect();
            *finding = Finding { problem, public, leaf: Some(leaf.clone().into_owned()), intermediates };
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &crypto().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &crypto().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        crypto().signature_verification_algorithms.supported_schemes()
    }
}

/// The closed reason for what a verifier says.
fn problem_of(error: &rustls::Error) -> Reason {
    use rustls::CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. }) => {
            Reason::TlsExpired
        }
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => Reason::TlsNameMismatch,
        _ => Reason::TlsUntrusted,
    }
}

/// A finished handshake on the connector's side.
pub struct Session<S> {
    /// The stream inside TLS.
    pub stream: TlsStream<S>,
    /// What ALPN selected.
    pub alpn: Option<String>,
    /// The channel binding.
    pub exporter: Option<Exporter>,
    /// SHA-256 of the other end's certificate.
    pub certificate_sha256: String,
    /// What is wrong with the certificate, if anything.
    pub problem: Option<Reason>,
    /// Facts: version, cipher, subject, issuer, names, days left, the verifier's words.
    pub detail: Detail,
}

/// Shakes hands. `name` is what the certificate must be for: a DNS name or an address.
///
/// # Errors
/// [`Failure`] when there is no TLS session at the end: not TLS, broken off, reset, no deadline kept by the caller.
pub async fn connect<S: super::Io>(trust: &Trust, stream: S, name: &str, alpn: &[&str]) -> Result<Session<S>, Failure> {
    let finding = Arc::new(Mutex::new(Finding::default()));
    let recorder = Recorder { trust: trust.clone(), finding: finding.clone() };
    let mut config = ClientConfig::builder_with_provider(crypto())
        .with_safe_default_protocol_versions()
        .map_err(|e| Failure::local(Reason::LocalResources).with("error", e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(recorder))
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    // A resumed session would show no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    let server_name = ServerName::try_from(name.to_owned())
        .map_err(|_| Failure::local(Reason::NameNotFound).with("error", format!("\"{name}\" is not a name that TLS can ask for")))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(server_name, stream).await.map_err(|e| handshake_failure(&e))?;
    let finding = finding.lock().map(|f| f.clone()).unwrap_or_default();
    Ok(describe(stream, name, finding))
}

fn describe<S: super::Io>(stream: TlsStream<S>, name: &str, finding: Finding) -> Session<S> {
    let connection = stream.get_ref().1;
    let mut detail = Detail::new();
    detail.insert("server_name".into(), name.into());
    if let Some(version) = connection.protocol_version() {
        detail.insert("version".into(), version_text(version).into());
    }
    if let Some(suite) = connection.negotiated_cipher_suite() {
        detail.insert("cipher".into(), format!("{:?}", suite.suite()).into());
    }
    let alpn = connection.alpn_protocol().map(|p| String::from_utf8_lossy(p).into_owned());
    detail.insert("alpn".into(), alpn.clone().into());
    let exporter = connection.export_keying_material([0; EXPORTER_LEN], EXPORTER_LABEL, None).ok();
    let mut certificate_sha256 = String::new();
    if let Some(leaf) = &finding.leaf {
        certificate_sha256 = sha256(leaf);
        detail.insert("certificate_sha256".into(), certificate_sha256.clone().into());
        certificate::describe(leaf, &mut detail);
        detail.insert("chain".into(), certificate::chain(leaf, &finding.intermediates));
    }
    detail.insert("trusted".into(), finding.problem.is_none().into());
    if let Some(public) = finding.public {
        detail.insert("public_root".into(), public.into());
    }
    if let Some((reason, words)) = &finding.problem {
        detail.insert("problem".into(), reason.code().into());
        detail.insert("problem_text".into(), words.clone().into());
        if let Some(finding) = finding.leaf.as_ref().and_then(|leaf| certificate::finding(*reason, leaf, finding.intermediates.len())) {
            detail.insert("finding".into(), finding.into());
        }
    }
    Session { alpn, exporter, certificate_sha256, problem: finding.problem.map(|(reason, _)| reason), detail, stream }
}

fn version_text(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "1.3",
        rustls::ProtocolVersion::TLSv1_2 => "1.2",
        _ => "other",
    }
}

/// What the error of a handshake means. rustls wraps its own errors into `InvalidData`.
fn handshake_failure(error: &std::io::Error) -> Failure {
    let words = error.to_string();
    let failure = match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => Failure::peer(Reason::TlsNotSpoken),
        Some(rustls::Error::AlertReceived(alert)) => {
            let reason = if *alert == rustls::AlertDescription::NoApplicationProtocol {
                Reason::Http2NotOffered
            } else {
                Reason::TlsHandshakeFailed
            };
            Failure::peer(reason).with("alert", format!("{alert:?}"))
        }
        Some(_) => Failure::peer(Reason::TlsHandshakeFailed),
        None => {
            let mut failure = Failure::after_connect(error);
            // An orderly close in the middle of a handshake is an answer: this port does not shake hands.
            if failure.reason == Reason::ClosedAfterConnect {
                failure.reason = Reason::TlsHandshakeFailed;
            }
            failure
        }
    };
    failure.with("error", words)
}

/// What the listener's side of a handshake looks like, for the proof.
pub fn seen_by_server<S>(stream: &tokio_rustls::server::TlsStream<S>, certificate_sha256: &str, own: bool) -> (TlsSeen, Option<Exporter>) {
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
