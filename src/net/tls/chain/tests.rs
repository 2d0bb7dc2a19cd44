use super::*;
use rustls::pki_types::UnixTime;
use rustls::{CertRevocationListError, Error, OtherError};
use std::sync::Arc;

fn good() -> Chain {
    Chain {
        has_names: true,
        covers: Some(true),
        for_servers: true,
        issuers_for_servers: true,
        above: 1,
        anchored: Some(true),
        ..Chain::default()
    }
}

fn webpki(error: webpki::Error) -> Error {
    Error::InvalidCertificate(C::Other(OtherError(Arc::new(error))))
}

#[test]
fn every_error_of_the_verifier_has_its_own_meaning() {
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
    let certificate = Error::InvalidCertificate;
    for (error, wanted) in [
        (certificate(C::BadEncoding), Fault::Unreadable),
        (certificate(C::ExpiredContext { time, not_after: time }), Fault::IssuerExpired),
        (certificate(C::NotValidYetContext { time, not_before: time }), Fault::IssuerNotYetValid),
        (certificate(C::Revoked), Fault::Revoked),
        (certificate(C::UnhandledCriticalExtension), Fault::CriticalExtension),
        (certificate(C::UnknownIssuer), Fault::RootNotTrusted),
        (certificate(C::UnknownRevocationStatus), Fault::RevocationUnknown),
        (certificate(C::ExpiredRevocationList), Fault::RevocationUnknown),
        (certificate(C::InvalidOcspResponse), Fault::RevocationUnknown),
        (certificate(C::BadSignature), Fault::BadSignature),
        (
            certificate(C::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: Vec::new(),
                supported_algorithms: Vec::new(),
            }),
            Fault::SignatureNotSupported,
        ),
        (
            certificate(C::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: Vec::new(),
                public_key_algorithm_id: Vec::new(),
            }),
            Fault::SignatureNotSupported,
        ),
        (certificate(C::NotValidForName), Fault::OtherName),
        (certificate(C::InvalidPurpose), Fault::NotForServers),
        (certificate(C::ApplicationVerificationFailure), Fault::Refused),
        (webpki(webpki::Error::CaUsedAsEndEntity), Fault::AuthorityAsServer),
        (webpki(webpki::Error::EndEntityUsedAsCa), Fault::IssuerIsNoAuthority),
        (webpki(webpki::Error::NameConstraintViolation), Fault::NameConstraints),
        (webpki(webpki::Error::PathLenConstraintViolated), Fault::PathTooLong),
        (webpki(webpki::Error::UnsupportedCriticalExtension), Fault::CriticalExtension),
        (webpki(webpki::Error::UnsupportedCertVersion), Fault::OldVersion),
        (webpki(webpki::Error::InvalidSerialNumber), Fault::Unreadable),
        (webpki(webpki::Error::MaximumPathDepthExceeded), Fault::TooComplex),
        (webpki(webpki::Error::EmptyEkuExtension), Fault::NotForServers),
        (
            Error::InvalidCertRevocationList(CertRevocationListError::BadSignature),
            Fault::RevocationUnknown,
        ),
        (Error::General("0x800B0109".into()), Fault::Refused),
    ] {
        assert_eq!(fault(&error, &good()), wanted, "{error:?}");
    }
}

#[test]
fn what_the_certificates_say_makes_an_error_exact() {
    let expired = Error::InvalidCertificate(C::Expired);
    assert_eq!(fault(&expired, &Chain { leaf: Dates::Over, ..good() }), Fault::Expired);
    assert_eq!(
        fault(&expired, &Chain { leaf: Dates::Before, ..good() }),
        Fault::NotYetValid,
        "it ends before it begins"
    );
    let unknown = Error::InvalidCertificate(C::UnknownIssuer);
    assert_eq!(
        fault(&unknown, &Chain { self_signed: true, above: 0, ..good() }),
        Fault::SelfSigned
    );
    assert_eq!(
        fault(&unknown, &Chain { names_issuer: true, above: 0, ..good() }),
        Fault::Incomplete
    );
    assert_eq!(fault(&unknown, &Chain { above: 0, ..good() }), Fault::IncompleteOrPrivateRoot);
    let purpose = Error::InvalidCertificate(C::InvalidPurpose);
    assert_eq!(
        fault(&purpose, &Chain { issuers_for_servers: false, ..good() }),
        Fault::IssuerNotForServers
    );
    let name = Error::InvalidCertificate(C::NotValidForName);
    assert_eq!(fault(&name, &Chain { has_names: false, ..good() }), Fault::CommonNameOnly);
    let wrong = Error::InvalidCertificate(C::BadSignature);
    assert_eq!(fault(&wrong, &Chain { odd_rsa: true, ..good() }), Fault::SignatureNotSupported);
}

#[test]
fn what_could_not_be_judged_does_not_hide_what_is_plain() {
    let critical = webpki(webpki::Error::UnsupportedCriticalExtension);
    for (chain, wanted) in [
        (good(), Fault::CriticalExtension),
        (Chain { anchored: None, ..good() }, Fault::CriticalExtension),
        (Chain { leaf: Dates::Over, ..good() }, Fault::Expired),
        (Chain { covers: Some(false), ..good() }, Fault::OtherName),
        (Chain { for_servers: false, ..good() }, Fault::NotForServers),
        (Chain { anchored: Some(false), ..good() }, Fault::RootNotTrusted),
        (Chain { anchored: Some(false), self_signed: true, above: 0, ..good() }, Fault::SelfSigned),
    ] {
        assert_eq!(fault(&critical, &chain), wanted, "{chain:?}");
    }
}

#[test]
fn only_a_whole_chain_to_an_unknown_root_is_no_public_one() {
    let unknown = || Err(Error::InvalidCertificate(C::UnknownIssuer));
    let alone = Chain { above: 0, ..good() };
    assert_eq!(is_public(&Ok(()), &good(), true, false), Some(true));
    assert_eq!(is_public(&unknown(), &good(), false, false), Some(false));
    assert_eq!(is_public(&unknown(), &alone, false, false), None, "an intermediate may be missing");
    assert_eq!(
        is_public(&unknown(), &alone, true, false),
        Some(false),
        "this machine found the root right above it"
    );
    assert_eq!(
        is_public(&unknown(), &Chain { names_issuer: true, ..alone.clone() }, true, true),
        None,
        "this machine may have fetched it"
    );
    assert_eq!(
        is_public(&unknown(), &Chain { self_signed: true, ..alone }, false, false),
        Some(false)
    );
    for other in [
        C::Expired,
        C::BadEncoding,
        C::Revoked,
        C::NotValidForName,
        C::InvalidPurpose,
        C::BadSignature,
    ] {
        assert_eq!(is_public(&Err(Error::InvalidCertificate(other)), &good(), true, false), None);
    }
    assert_eq!(
        is_public(&Err(webpki(webpki::Error::NameConstraintViolation)), &good(), true, false),
        None
    );
}

#[test]
fn names_stand_for_themselves_and_for_one_label() {
    assert!(
        covers("srv.bed.test", "SRV.bed.test")
            && covers("*.bed.test", "srv.bed.test")
            && covers("10.0.0.1", "10.0.0.1")
    );
    assert!(
        !covers("*.bed.test", "bed.test")
            && !covers("*.bed.test", "a.b.bed.test")
            && !covers("srv.bed.test", "srv.bed")
    );
}
