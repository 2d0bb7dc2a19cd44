//! Certificates as facts, alone and as a chain.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::net::certificate::{chain, describe, sha256};
use portmatrix::net::tls::chain::{Chain, Roots, fault, root};
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;

fuzz_target!(|data: &[u8]| {
    // The first octet cuts what came into two certificates.
    let Some((&at, data)) = data.split_first() else { return };
    let at = usize::from(at) * 16;
    let (one, other) = data.split_at(if at == 0 { data.len() } else { at.min(data.len()) });
    let (leaf, above) = (CertificateDer::from(one), CertificateDer::from(other));
    let told = describe(&leaf);
    let links = chain(&leaf, std::slice::from_ref(&above));
    assert_eq!(links.len(), 2);
    assert_eq!(links[0].subject, told.subject);
    assert_eq!(links[0].sha256, Some(sha256(&leaf)));
    assert!(links.iter().all(|link| link.crl.len() <= 4 && link.ocsp.len() <= 4));
    let roots: Roots = root(&above).into_iter().collect();
    let name = told.names.first().map_or("dc1.contoso.com", String::as_str);
    for roots in [None, Some(&roots)] {
        let read = Chain::read(&leaf, &[above.clone(), leaf.clone()], name, 1_800_000_000, roots);
        assert!(read.above <= 3, "a chain that goes round");
        for error in [
            CertificateError::Expired,
            CertificateError::NotValidForName,
            CertificateError::UnknownIssuer,
            CertificateError::BadEncoding,
        ] {
            let _ = fault(&error.into(), &read);
        }
    }
});
