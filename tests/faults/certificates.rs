//! Certificates of every kind, made at run time: good ones of the bed's own authority, and each
//! with one thing wrong.

use portmatrix::net::tls::crypto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// The name that is right.
pub const NAME: &str = "srv.bed.test";

const DAY: Duration = Duration::from_secs(86_400);

/// The authorities: one that the connector trusts, with an intermediate one below it, and one that
/// nobody knows.
pub struct Authorities {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
    foreign: CertifiedIssuer<'static, KeyPair>,
    /// Below the root, and over.
    expired: CertifiedIssuer<'static, KeyPair>,
    /// Below the root, for the names of others alone.
    constrained: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate chain with its key.
#[derive(Clone)]
pub struct Made {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    /// Chain and key as one PEM text.
    pub pem: String,
}

fn authority(
    name: &str,
    under: Option<&CertifiedIssuer<'static, KeyPair>>,
) -> CertifiedIssuer<'static, KeyPair> {
    authority_with(name, under, CertificateParams::default())
}

fn authority_with(
    name: &str,
    under: Option<&CertifiedIssuer<'static, KeyPair>>,
    mut parameters: CertificateParams,
) -> CertifiedIssuer<'static, KeyPair> {
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    match under {
        None => CertifiedIssuer::self_signed(parameters, key),
        Some(issuer) => CertifiedIssuer::signed_by(parameters, key, issuer),
    }
    .expect("an authority")
}

impl Authorities {
    /// Makes them.
    pub fn new() -> Authorities {
        let root = authority("Bed Root", None);
        let intermediate = authority("Bed Intermediate", Some(&root));
        let now = SystemTime::now();
        let (mut over, mut constrained) =
            (CertificateParams::default(), CertificateParams::default());
        (over.not_before, over.not_after) = ((now - 60 * DAY).into(), (now - 2 * DAY).into());
        let elsewhere = vec![rcgen::GeneralSubtree::DnsName("elsewhere.test".to_owned())];
        constrained.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: elsewhere,
            excluded_subtrees: Vec::new(),
        });
        Authorities {
            expired: authority_with("Bed Expired", Some(&root), over),
            constrained: authority_with("Bed Constrained", Some(&root), constrained),
            root,
            intermediate,
            foreign: authority("Somebody's Proxy", None),
        }
    }

    /// Writes the root that the connector trusts.
    pub fn write_root(&self, folder: &Path) -> PathBuf {
        let path = folder.join("ca.pem");
        std::fs::write(&path, self.root.as_ref().pem()).expect("the root can be written");
        path
    }

    /// The root itself.
    pub fn root_certificate(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// A certificate of a kind.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn make(&self, kind: &str) -> Made {
        let mut parameters = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
        parameters.distinguished_name.push(DnType::CommonName, NAME);
        let now = SystemTime::now();
        let (mut from, mut until) = (now - DAY, now + 300 * DAY);
        let mut issuer = Some(&self.root);
        let mut more: Vec<&CertifiedIssuer<'static, KeyPair>> = Vec::new();
        let mut algorithm: &'static rcgen::SignatureAlgorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
        let (mut another_key, mut garbage) = (false, false);
        match kind {
            "good" => {}
            "good-chain" => (issuer, more) = (Some(&self.intermediate), vec![&self.intermediate]),
            "expires-soon" => until = now + 10 * DAY,
            "for-clients" => {
                parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]
            }
            "expired" => (from, until) = (now - 60 * DAY, now - 2 * DAY),
            "not-yet-valid" => (from, until) = (now + 2 * DAY, now + 60 * DAY),
            "wrong-name" => {
                parameters.subject_alt_names =
                    vec![rcgen::SanType::DnsName("elsewhere.bed.test".try_into().expect("a name"))]
            }
            "cn-only" => parameters.subject_alt_names.clear(),
            "critical-extension" => {
                let mut unknown = rcgen::CustomExtension::from_oid_content(
                    &[1, 3, 6, 1, 4, 1, 99_999, 1],
                    vec![0x0c, 1, b'x'],
                );
                unknown.set_criticality(true);
                parameters.custom_extensions.push(unknown);
            }
            // Basic constraints that are none.
            "unreadable" => {
                let broken =
                    rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 19], vec![0x04, 1, 0]);
                parameters.custom_extensions.push(broken);
            }
            "garbage" => garbage = true,
            "authority" => parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            "no-subject" => parameters.distinguished_name = rcgen::DistinguishedName::new(),
            "key-usage" => parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyAgreement],
            "ed25519" => algorithm = &rcgen::PKCS_ED25519,
            // The handshake is signed with another one.
            "another-key" => another_key = true,
            "expired-intermediate" => (issuer, more) = (Some(&self.expired), vec![&self.expired]),
            "constrained" => (issuer, more) = (Some(&self.constrained), vec![&self.constrained]),
            "incomplete-chain" => issuer = Some(&self.intermediate),
            "self-signed" => issuer = None,
            "foreign" => issuer = Some(&self.foreign),
            // Larger than a packet: many names.
            "bulky" => {
                let names = (0..80).map(|n| {
                    format!("a-name-that-fills-a-certificate-{n}.bed.test")
                        .try_into()
                        .expect("a name")
                });
                parameters.subject_alt_names.extend(names.map(rcgen::SanType::DnsName));
            }
            other => panic!("no certificate is of the kind \"{other}\""),
        }
        (parameters.not_before, parameters.not_after) = (from.into(), until.into());
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let leaf = match issuer {
            Some(issuer) => parameters.signed_by(&key, issuer),
            None => parameters.self_signed(&key),
        }
        .expect("a certificate");
        let mut pem = leaf.pem();
        let mut chain =
            vec![if garbage { CertificateDer::from(vec![0x41; 200]) } else { leaf.der().clone() }];
        for issuer in more {
            pem.push_str(&issuer.pem());
            chain.push(issuer.der().clone());
        }
        pem.push_str(&key.serialize_pem());
        let key = if another_key { KeyPair::generate().expect("a key") } else { key };
        Made { chain, key: key.serialize_der(), pem }
    }
}

impl Made {
    /// Chain and key, as a server shows them, whether they fit together or not.
    ///
    /// # Panics
    /// When the key cannot be used.
    pub fn resolver(&self) -> Arc<rustls::sign::SingleCertAndKey> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("a key");
        Arc::new(rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(
            self.chain.clone(),
            key,
        )))
    }

    /// Accepts TLS with it.
    ///
    /// # Panics
    /// When the key cannot be used.
    pub fn acceptor(&self, alpn: &[String]) -> TlsAcceptor {
        let mut config = ServerConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(self.resolver());
        config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}
