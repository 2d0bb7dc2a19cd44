//! Certificates as facts: what they say of themselves.

use super::tls::chain::{algorithm_name, is_for_servers, names};
use crate::observation::Detail;
use crate::proto::der;
use crate::proto::hex::hex;
use rustls::pki_types::CertificateDer;
use serde_json::json;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;

/// Certificates of a chain that are told, besides the leaf.
pub const MAX_CHAIN: usize = 8;

/// The chain as it came, leaf first: subject, issuer, end of validity and SHA-256 of each.
pub fn chain(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> serde_json::Value {
    let one = |octets: &CertificateDer<'_>| {
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(octets) else {
            return json!({ "sha256": sha256(octets) });
        };
        let (crl, ocsp) = revocation(&certificate);
        json!({
            "crl": crl,
            "ocsp": ocsp,
            "subject": certificate.subject().to_string(),
            "issuer": certificate.issuer().to_string(),
            "not_after": time(certificate.validity().not_after.timestamp()),
            "signed_with": algorithm_name(&certificate.signature_algorithm.algorithm),
            "key": der::public_key(octets).map(|key| key.words()),
            "sha256": sha256(octets),
        })
    };
    std::iter::once(leaf).chain(intermediates).map(one).collect()
}

/// URLs that a certificate names of each kind at most.
const MAX_URLS: usize = 4;

/// Where a certificate says that its revocation can be looked up: lists (RFC 5280 section 4.2.1.13)
/// and OCSP (section 4.2.2.1).
fn revocation(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<String>) {
    let (mut crl, mut ocsp) = (Vec::new(), Vec::new());
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::CRLDistributionPoints(points) => {
                let full = points.points.iter().filter_map(|point| {
                    match point.distribution_point.as_ref()? {
                        DistributionPointName::FullName(names) => Some(names),
                        DistributionPointName::NameRelativeToCRLIssuer(_) => None,
                    }
                });
                crl.extend(full.flatten().filter_map(url));
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let described = access
                    .accessdescs
                    .iter()
                    .filter(|one| one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP);
                ocsp.extend(described.filter_map(|one| url(&one.access_location)));
            }
            _ => {}
        }
    }
    crl.truncate(MAX_URLS);
    ocsp.truncate(MAX_URLS);
    (crl, ocsp)
}

fn url(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(uri) if uri.len() <= 1024 => Some((*uri).to_owned()),
        _ => None,
    }
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|t| t.to_string()).unwrap_or_default()
}

/// Subject, issuer, names and validity of a certificate (RFC 5280).
pub fn describe(octets: &CertificateDer<'_>, detail: &mut Detail) {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(octets) else { return };
    detail.insert("subject".into(), certificate.subject().to_string().into());
    detail.insert("issuer".into(), certificate.issuer().to_string().into());
    detail.insert("key".into(), der::public_key(octets).map(|key| key.words()).into());
    let unknown: Vec<String> = certificate
        .extensions()
        .iter()
        .filter(|extension| {
            extension.critical
                && matches!(
                    extension.parsed_extension(),
                    ParsedExtension::UnsupportedExtension { .. }
                )
        })
        .take(MAX_URLS)
        .map(|extension| extension.oid.to_id_string())
        .collect();
    if !unknown.is_empty() {
        detail.insert("critical_unknown".into(), unknown.join(", ").into());
    }
    detail.insert("names".into(), names(&certificate).into());
    detail.insert(
        "key_usage".into(),
        certificate.key_usage().ok().flatten().map(|u| u.value.to_string()).into(),
    );
    detail.insert("for_servers".into(), is_for_servers(&certificate).into());
    let until = certificate.validity().not_after.timestamp();
    let from = certificate.validity().not_before.timestamp();
    detail.insert("not_after".into(), time(until).into());
    detail.insert("not_before".into(), time(from).into());
    detail.insert("days_left".into(), ((until - super::clock::now().as_second()) / 86_400).into());
}

/// SHA-256 of a certificate, as hexadecimal text.
pub fn sha256(der: &CertificateDer<'_>) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, der).as_ref())
}
