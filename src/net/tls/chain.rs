//! What is wrong with a chain of certificates, from what a verifier says and what the certificates
//! say of themselves.
//!
//! A verifier stops at the first thing that it does not like, and some of what it does not like is
//! only not known to *it*. So each of its errors is mapped by itself, and where one only says that
//! the chain could not be judged, the rest is looked at here: dates, names, and whether the chain
//! leads to a root that is trusted at all.

use super::signature::RSA_BITS;
use crate::observation::CertificateFault as Fault;
use crate::wire::der;
use rustls::CertificateError as C;
use rustls::pki_types::CertificateDer;
use std::collections::BTreeMap;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, Oid};

/// What the certificates of a chain say of themselves, as far as they can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// The leaf's dates, against the clock.
    pub leaf: Dates,
    /// Whether the leaf has alternative names at all.
    pub has_names: bool,
    /// Whether one of them is the name that was asked for; `None` where the leaf cannot be read.
    pub covers: Option<bool>,
    /// Whether the leaf may be a server's.
    pub for_servers: bool,
    /// Whether every other certificate that was sent may stand above a server's.
    pub issuers_for_servers: bool,
    /// Whether the leaf names itself as its issuer.
    pub self_signed: bool,
    /// Certificates that were sent above the leaf, each the issuer of the one before.
    pub above: usize,
    /// Whether the last of them names itself as its issuer: a root.
    pub has_root: bool,
    /// Whether the leaf says where its issuer can be fetched (RFC 5280 section 4.2.2.1).
    pub names_issuer: bool,
    /// Whether the last of them is, or was issued by, a root that this machine trusts, by its name;
    /// `None` where its roots are not known.
    pub anchored: Option<bool>,
    /// Whether a signature above is made with an RSA key of a size that is not verified here.
    pub odd_rsa: bool,
}

/// Where a certificate stands in its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dates {
    /// It has begun and not ended, or cannot be read.
    #[default]
    Within,
    /// It is over.
    Over,
    /// It has not begun.
    Before,
}

/// Subjects of the roots of a store, as their names are encoded; and whether the key of one is an
/// RSA key of a size that is not verified here.
pub type Roots = BTreeMap<Vec<u8>, bool>;

/// What [`Roots`] keeps of a root.
pub fn root(der: &CertificateDer<'_>) -> Option<(Vec<u8>, bool)> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    Some((certificate.subject().as_raw().to_vec(), has_odd_rsa(der)))
}

/// Whether a certificate has an RSA key whose signatures are not verified here.
fn has_odd_rsa(der: &[u8]) -> bool {
    der::public_key(der)
        .and_then(|key| key.rsa_bits())
        .is_some_and(|bits| !RSA_BITS.contains(&bits))
}

impl Chain {
    /// Reads the certificates as they came, leaf first. `name` is the one that was asked for, `now`
    /// in seconds since 1970.
    pub fn read(
        leaf: &[u8],
        others: &[CertificateDer<'_>],
        name: &str,
        now: i64,
        roots: Option<&Roots>,
    ) -> Chain {
        let parse =
            |der| x509_parser::parse_x509_certificate(der).ok().map(|(_, certificate)| certificate);
        let mut odd_rsa = others.iter().any(|der| has_odd_rsa(der));
        let others: Vec<X509Certificate<'_>> = others.iter().filter_map(|der| parse(der)).collect();
        let Some(leaf) = parse(leaf) else {
            return Chain { for_servers: true, issuers_for_servers: true, ..Chain::default() };
        };
        let names = names(&leaf);
        let (mut last, mut above) = (&leaf, 0);
        while let Some(issuer) = others.iter().find(|c| {
            is_self_signed(last) != Some(true) && c.subject().as_raw() == last.issuer().as_raw()
        }) {
            (last, above) = (issuer, above + 1);
            // Two authorities may name each other.
            if above > others.len() {
                break;
            }
        }
        let anchor = roots.and_then(|roots| {
            roots.get(last.issuer().as_raw()).or_else(|| roots.get(last.subject().as_raw()))
        });
        odd_rsa |= anchor == Some(&true);
        Chain {
            leaf: dates(&leaf, now),
            has_names: !names.is_empty(),
            covers: leaf
                .subject_alternative_name()
                .ok()
                .map(|_| names.iter().any(|known| covers(known, name))),
            for_servers: is_for_servers(&leaf),
            issuers_for_servers: others.iter().all(is_for_servers),
            self_signed: is_self_signed(&leaf) == Some(true),
            above,
            has_root: above > 0 && is_self_signed(last) == Some(true),
            names_issuer: names_issuer(&leaf),
            anchored: roots.map(|_| anchor.is_some()),
            odd_rsa,
        }
    }

    /// What is wrong where no way to a trusted root was found.
    fn no_root(&self) -> Fault {
        match self {
            Chain { self_signed: true, .. } => Fault::SelfSigned,
            Chain { above: 0, names_issuer: true, .. } => Fault::Incomplete,
            Chain { above: 0, .. } => Fault::IncompleteOrPrivateRoot,
            _ => Fault::RootNotTrusted,
        }
    }

    /// Whether everything but the root came, so that a root which is not known is what it ends in.
    /// `trusted` says that this machine found its root, and `fetches` that it may have fetched what
    /// was missing.
    fn is_complete(&self, trusted: bool, fetches: bool) -> bool {
        self.self_signed || self.above > 0 || (trusted && !(fetches && self.names_issuer))
    }
}

/// Whether a certificate may be shown by a server (RFC 5280 section 4.2.1.12): it says so, or says
/// nothing of its purpose.
pub fn is_for_servers(certificate: &X509Certificate<'_>) -> bool {
    certificate
        .extended_key_usage()
        .ok()
        .flatten()
        .is_none_or(|usage| usage.value.any || usage.value.server_auth)
}

fn is_self_signed(certificate: &X509Certificate<'_>) -> Option<bool> {
    Some(certificate.subject().as_raw() == certificate.issuer().as_raw())
}

fn dates(certificate: &X509Certificate<'_>, now: i64) -> Dates {
    match certificate.validity() {
        validity if validity.not_before.timestamp() > now => Dates::Before,
        validity if validity.not_after.timestamp() < now => Dates::Over,
        _ => Dates::Within,
    }
}

fn names_issuer(certificate: &X509Certificate<'_>) -> bool {
    let fetched = |extension: &ParsedExtension<'_>| match extension {
        ParsedExtension::AuthorityInfoAccess(access) => access
            .accessdescs
            .iter()
            .any(|one| one.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS),
        _ => false,
    };
    certificate.extensions().iter().any(|extension| fetched(extension.parsed_extension()))
}

/// DNS names and addresses of a certificate.
pub fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    names
        .map(|san| san.value.general_names.iter().filter_map(general_name).collect())
        .unwrap_or_default()
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

/// Whether a name in a certificate stands for the one that was asked for (RFC 9525 section 6.3):
/// itself, or one label for the star in front.
fn covers(known: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.');
    match known.strip_prefix("*.") {
        Some(domain) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(domain)),
        None => known.eq_ignore_ascii_case(name),
    }
}

/// The name of an algorithm of signatures, by its identifier.
pub fn algorithm_name(oid: &Oid<'_>) -> String {
    let text = oid.to_id_string();
    let known = [
        ("1.2.840.113549.1.1.2", "RSA with MD2"),
        ("1.2.840.113549.1.1.4", "RSA with MD5"),
        ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
        ("1.2.840.113549.1.1.10", "RSA-PSS"),
        ("1.2.840.113549.1.1.11", "RSA with SHA-256"),
        ("1.2.840.113549.1.1.12", "RSA with SHA-384"),
        ("1.2.840.113549.1.1.13", "RSA with SHA-512"),
        ("1.2.840.113549.1.1.14", "RSA with SHA-224"),
        ("1.2.840.10040.4.3", "DSA with SHA-1"),
        ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
        ("1.2.840.10045.4.3.1", "ECDSA with SHA-224"),
        ("1.2.840.10045.4.3.2", "ECDSA with SHA-256"),
        ("1.2.840.10045.4.3.3", "ECDSA with SHA-384"),
        ("1.2.840.10045.4.3.4", "ECDSA with SHA-512"),
        ("1.3.101.112", "Ed25519"),
        ("1.3.101.113", "Ed448"),
        ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
        ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
        ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
    ];
    known.iter().find(|(known, _)| *known == text).map_or(text, |(_, name)| (*name).to_owned())
}

/// What exactly is wrong, by the error of a verifier.
pub fn fault(error: &rustls::Error, chain: &Chain) -> Fault {
    let said = said(error, chain);
    if said.is_unjudged() { seen_without_verifier(said, chain) } else { said }
}

/// What is wrong where the verifier did not come to its end.
pub fn fault_unasked(chain: &Chain) -> Fault {
    seen_without_verifier(Fault::NotInTime, chain)
}

fn seen_without_verifier(said: Fault, chain: &Chain) -> Fault {
    // The verifier did not get far: what can be seen without it comes first, and of no use is a
    // chain that leads nowhere.
    match chain {
        Chain { leaf: Dates::Over, .. } => Fault::Expired,
        Chain { leaf: Dates::Before, .. } => Fault::NotYetValid,
        Chain { covers: Some(false), .. } => name(chain),
        Chain { for_servers: false, .. } => Fault::NotForServers,
        Chain { anchored: Some(false), .. } => chain.no_root(),
        _ => said,
    }
}

fn name(chain: &Chain) -> Fault {
    // RFC 9525 section 2: a common name is no name any more.
    if chain.has_names { Fault::OtherName } else { Fault::CommonNameOnly }
}

fn purpose(chain: &Chain) -> Fault {
    match chain {
        Chain { for_servers: true, issuers_for_servers: false, .. } => Fault::IssuerNotForServers,
        _ => Fault::NotForServers,
    }
}

/// The error of a verifier, one by one.
fn said(error: &rustls::Error, chain: &Chain) -> Fault {
    let over = |leaf: Fault, issuer: Fault| if chain.leaf == Dates::Within { issuer } else { leaf };
    let error = match error {
        rustls::Error::InvalidCertificate(error) => error,
        // A list of revoked certificates that cannot be used.
        rustls::Error::InvalidCertRevocationList(_) => return Fault::RevocationUnknown,
        rustls::Error::NoCertificatesPresented => return Fault::Unreadable,
        _ => return Fault::Refused,
    };
    match error {
        C::BadEncoding => Fault::Unreadable,
        C::Expired | C::ExpiredContext { .. } if chain.leaf == Dates::Before => Fault::NotYetValid,
        C::Expired | C::ExpiredContext { .. } => over(Fault::Expired, Fault::IssuerExpired),
        C::NotValidYet | C::NotValidYetContext { .. } => {
            over(Fault::NotYetValid, Fault::IssuerNotYetValid)
        }
        C::Revoked => Fault::Revoked,
        C::UnhandledCriticalExtension => Fault::CriticalExtension,
        C::UnknownIssuer => chain.no_root(),
        C::UnknownRevocationStatus
        | C::ExpiredRevocationList
        | C::ExpiredRevocationListContext { .. }
        | C::InvalidOcspResponse => Fault::RevocationUnknown,
        // What verifies signatures here calls a key of another size a wrong signature.
        C::BadSignature if chain.odd_rsa => Fault::SignatureNotSupported,
        C::BadSignature => Fault::BadSignature,
        #[expect(deprecated, reason = "verifiers of others may still say so")]
        C::UnsupportedSignatureAlgorithm => Fault::SignatureNotSupported,
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            Fault::SignatureNotSupported
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => name(chain),
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => purpose(chain),
        C::ApplicationVerificationFailure => Fault::Refused,
        C::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
            Some(error) => of_webpki(error, chain),
            // The verifier of this machine says this of the purpose, in an error of its own.
            None if !chain.for_servers || !chain.issuers_for_servers => purpose(chain),
            None => Fault::Refused,
        },
        _ => Fault::Refused,
    }
}

/// What rustls passes on as it is.
fn of_webpki(error: &webpki::Error, chain: &Chain) -> Fault {
    use webpki::Error as E;
    match error {
        E::CaUsedAsEndEntity => Fault::AuthorityAsServer,
        E::EndEntityUsedAsCa => Fault::IssuerIsNoAuthority,
        E::NameConstraintViolation => Fault::NameConstraints,
        E::PathLenConstraintViolated => Fault::PathTooLong,
        E::CertDistrusted | E::CertRevoked => Fault::Revoked,
        E::EmptyEkuExtension => purpose(chain),
        E::UnsupportedCriticalExtension => Fault::CriticalExtension,
        E::UnsupportedCertVersion => Fault::OldVersion,
        E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => Fault::TooComplex,
        E::SignatureAlgorithmMismatch
        | E::BadDer
        | E::BadDerTime
        | E::ExtensionValueInvalid
        | E::InvalidNetworkMaskConstraint
        | E::InvalidSerialNumber
        | E::MalformedDnsIdentifier
        | E::MalformedExtensions
        | E::MalformedNameConstraint
        | E::TrailingData(_)
        | E::UnsupportedNameType => Fault::Unreadable,
        E::UnknownIssuer => chain.no_root(),
        _ => Fault::Refused,
    }
}

/// Whether a chain ends in a public root, by what the verifier with those roots says: `Some(false)`
/// only of a chain that came whole, and whose root alone is not known. `trusted` and `fetches` are
/// as for `Chain::is_complete`.
pub fn is_public(
    verdict: &Result<(), rustls::Error>,
    chain: &Chain,
    trusted: bool,
    fetches: bool,
) -> Option<bool> {
    match verdict {
        Ok(()) => Some(true),
        Err(rustls::Error::InvalidCertificate(C::UnknownIssuer))
            if chain.is_complete(trusted, fetches) =>
        {
            Some(false)
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
