//! Certificates as facts: what they say of themselves, and what exactly is wrong with one.

use crate::observation::Detail;
use crate::proto::challenge::hex;
use crate::reason::Reason;
use rustls::pki_types::CertificateDer;
use serde_json::json;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_OCSP;

/// Certificates of a chain that are told, besides the leaf.
pub const MAX_CHAIN: usize = 8;

/// The chain as it came, leaf first: subject, issuer, end of validity and SHA-256 of each.
pub fn chain(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> serde_json::Value {
    let one = |der: &CertificateDer<'_>| {
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return json!({ "sha256": sha256(der) }) };
        let (crl, ocsp) = revocation(&certificate);
        json!({
            "crl": crl,
            "ocsp": ocsp,
            "subject": certificate.subject().to_string(),
            "issuer": certificate.issuer().to_string(),
            "not_after": time(certificate.validity().not_after.timestamp()),
            "sha256": sha256(der),
        })
    };
    std::iter::once(leaf).chain(intermediates).map(one).collect()
}

/// URLs that a certificate names of each kind at most.
const MAX_URLS: usize = 4;

/// Where a certificate says that its revocation can be looked up: lists (RFC 5280 section 4.2.1.13) and OCSP (section 4.2.2.1).
fn revocation(certificate: &X509Certificate<'_>) -> (Vec<String>, Vec<String>) {
    let (mut crl, mut ocsp) = (Vec::new(), Vec::new());
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::CRLDistributionPoints(points) => {
                let full = points.points.iter().filter_map(|point| match point.distribution_point.as_ref()? {
                    DistributionPointName::FullName(names) => Some(names),
                    DistributionPointName::NameRelativeToCRLIssuer(_) => None,
                });
                crl.extend(full.flatten().filter_map(url));
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let described = access.accessdescs.iter().filter(|one| one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP);
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

/// Whether the certificate may be shown by a server (RFC 5280 section 4.2.1.12): it says so, or says nothing of its purpose.
fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    certificate.extended_key_usage().ok().flatten().is_none_or(|usage| usage.value.any || usage.value.server_auth)
}

fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|t| t.to_string()).unwrap_or_default()
}

/// What exactly is wrong with a certificate, as far as the chain that came can tell.
pub fn finding(reason: Reason, leaf: &CertificateDer<'_>, intermediates: usize) -> Option<&'static str> {
    let (_, certificate) = x509_parser::parse_x509_certificate(leaf).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten().map_or(0, |san| san.value.general_names.len());
    let now = super::clock::now().as_second();
    Some(match reason {
        Reason::TlsExpired if certificate.validity().not_before.timestamp() > now => "not-yet-valid",
        Reason::TlsExpired => "expired",
        // RFC 9525 section 2: a common name is no name any more.
        Reason::TlsNameMismatch if names == 0 => "common-name-only",
        Reason::TlsNameMismatch => "other-name",
        Reason::TlsUntrusted if !is_for_servers(&certificate) => "not-for-servers",
        Reason::TlsUntrusted if certificate.subject() == certificate.issuer() => "self-signed",
        // The leaf alone, and not from a root that this machine knows: the intermediate was not sent, or the root is private.
        Reason::TlsUntrusted if intermediates == 0 => "chain-incomplete-or-private-root",
        Reason::TlsUntrusted => "root-not-trusted",
        _ => return None,
    })
}

/// Subject, issuer, names and validity of a certificate (RFC 5280).
pub fn describe(der: &CertificateDer<'_>, detail: &mut Detail) {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return };
    detail.insert("subject".into(), certificate.subject().to_string().into());
    detail.insert("issuer".into(), certificate.issuer().to_string().into());
    let names: Vec<String> = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|san| san.value.general_names.iter().filter_map(general_name).collect())
        .unwrap_or_default();
    detail.insert("names".into(), names.into());
    detail.insert("key_usage".into(), certificate.key_usage().ok().flatten().map(|u| u.value.to_string()).into());
    detail.insert("for_servers".into(), is_for_servers(&certificate).into());
    let until = certificate.validity().not_after.timestamp();
    let from = certificate.validity().not_before.timestamp();
    detail.insert("not_after".into(), time(until).into());
    detail.insert("not_before".into(), time(from).into());
    detail.insert("days_left".into(), ((until - super::clock::now().as_second()) / 86_400).into());
}

fn general_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|o| std::net::IpAddr::from(o).to_string()),
            16 => <[u8; 16]>::try_from(*octets).ok().map(|o| std::net::IpAddr::from(o).to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// SHA-256 of a certificate, as hexadecimal text.
pub fn sha256(der: &CertificateDer<'_>) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, der).as_ref())
}
