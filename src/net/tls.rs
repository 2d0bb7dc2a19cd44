//! TLS for both ends. The client side completes every handshake that cryptography allows and
//! *records* what is wrong with the certificate: a probe must go on to see who answers. What the
//! finding means is decided in [`crate::verdict`].

pub mod chain;
mod group;
mod inside;
mod signature;

pub use inside::{Inside, Told};

use self::chain::{Chain, Roots};
use self::signature::Signature;
use super::certificate::{self, sha256};
use crate::lock::lock;
use crate::observation::failure::Failure;
use crate::observation::{CertificateFault, Facts};
use crate::reason::Reason;
use crate::wire::challenge::{EXPORTER_LEN, Exporter, TlsSeen};
use crate::wire::der;
use crate::wire::tls_alert::{About, Alert};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore, SignatureScheme};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Label of the exporter (RFC 9266 section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

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
fn client_crypto() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    let make = || {
        let mut provider = CryptoProvider::clone(&crypto());
        provider.kx_groups.push(&group::P521);
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}

/// Makes TLS clients that judge certificates by the machine's trust store, or by roots from a file
/// instead.
#[derive(Debug, Clone)]
pub struct Trust {
    verifier: Arc<dyn ServerCertVerifier>,
    /// Knows the roots that public services have their certificates from, whatever this machine
    /// trusts besides.
    public: Arc<dyn ServerCertVerifier>,
    /// The roots from a file; those of the machine where there is none.
    roots: Option<Arc<Roots>>,
}

impl Trust {
    /// The operating system's trust store.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn platform() -> Result<Self, rustls::Error> {
        let verifier = Arc::new(rustls_platform_verifier::Verifier::new(crypto())?);
        Ok(Trust { verifier, public: public_roots(), roots: None })
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
    fn fetches(&self) -> bool {
        self.roots.is_none() && cfg!(any(windows, target_vendor = "apple"))
    }

    /// The names of all roots, where they can be told.
    fn root_names(&self) -> Option<&Roots> {
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

/// What a verifier found, kept instead of ending the handshake.
#[derive(Debug, Clone, Default)]
struct Finding {
    problem: Option<(CertificateFault, String)>,
    /// Whether the chain ends in a public root; `None` where something else is wrong, so that it
    /// was not found out.
    public: Option<bool>,
    leaf: Option<CertificateDer<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    /// Why the signature of the handshake could not be verified.
    not_checked: Option<String>,
}

/// Accepts every certificate whose key signs the handshake, and notes what the real verifier says
/// of it.
#[derive(Debug)]
struct Recorder {
    trust: Trust,
    /// The name as it was asked for.
    name: String,
    finding: Mutex<Finding>,
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
                let mut finding = lock(&self.finding);
                finding.not_checked = Some(why);
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
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judge = |verifier: &Arc<dyn ServerCertVerifier>| {
            verifier.verify_server_cert(leaf, intermediates, name, ocsp, now).map(|_| ())
        };
        let (own, public) = (judge(&self.trust.verifier), judge(&self.trust.public));
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let roots = if own.is_err() { self.trust.root_names() } else { None };
        let chain = Chain::read(leaf, intermediates, &self.name, seconds, roots);
        let public = chain::is_public(&public, &chain, own.is_ok(), self.trust.fetches());
        let problem = own.err().map(|e| (chain::fault(&e, &chain), short(&e)));
        let mut finding = lock(&self.finding);
        let intermediates = intermediates
            .iter()
            .take(certificate::MAX_CHAIN)
            .map(|c| c.clone().into_owned())
            .collect();
        *finding = Finding {
            problem,
            public,
            leaf: Some(leaf.clone().into_owned()),
            intermediates,
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

/// The words of a verifier, without its lists of what it supports.
fn short(error: &rustls::Error) -> String {
    let words = error.to_string();
    let words =
        words.split_once(" { signature_algorithm_id").map_or(words.as_str(), |(words, _)| words);
    words.chars().take(300).collect()
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
    let recorder = Arc::new(Recorder {
        trust: trust.clone(),
        name: name.to_owned(),
        finding: Mutex::default(),
    });
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
    let finding = lock(&recorder.finding).clone();
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
