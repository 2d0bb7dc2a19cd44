//! Certificates as facts: what they say of themselves.

use super::tls::chain::{algorithm_name, is_for_servers, names};
use crate::observation::facts::{Certificate, ChainLink};
use crate::wire::der;
use crate::wire::hex::hex;
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;

/// Certificates of a chain that are told, besides the leaf.
pub const MAX_CHAIN: usize = 8;

/// The chain as it came, leaf first: subject, issuer, end of validity and SHA-256 of each.
pub fn chain(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Vec<ChainLink> {
    let one = |octets: &CertificateDer<'_>| {
        let sha256 = Some(sha256(octets));
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(octets) else {
            return ChainLink { sha256, ..ChainLink::default() };
        };
        let (crl, ocsp) = revocation(&certificate);
        ChainLink {
            crl,
            ocsp,
            subject: Some(certificate.subject().to_string()),
            issuer: Some(certificate.issuer().to_string()),
            not_after: time(certificate.validity().not_after.timestamp()),
            signed_with: Some(algorithm_name(&certificate.signature_algorithm.algorithm)),
            key: der::public_key(octets).map(|key| key.words()),
            sha256,
        }
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

fn time(seconds: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(seconds).ok()
}

/// Subject, issuer, names and validity of a certificate (RFC 5280).
pub fn describe(octets: &CertificateDer<'_>) -> Certificate {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(octets) else {
        return Certificate::default();
    };
    let critical_unknown = certificate
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
    let until = certificate.validity().not_after.timestamp();
    Certificate {
        subject: Some(certificate.subject().to_string()),
        issuer: Some(certificate.issuer().to_string()),
        key: der::public_key(octets).map(|key| key.words()),
        critical_unknown,
        names: names(&certificate),
        key_usage: certificate.key_usage().ok().flatten().map(|u| u.value.to_string()),
        for_servers: Some(is_for_servers(&certificate)),
        not_after: time(until),
        not_before: time(certificate.validity().not_before.timestamp()),
        days_left: Some((until - super::clock::now().as_second()) / 86_400),
    }
}

/// SHA-256 of a certificate, as hexadecimal text.
pub fn sha256(der: &CertificateDer<'_>) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, der).as_ref())
}
