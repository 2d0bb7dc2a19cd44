//! As much of DER as is read here, beside somebody else's reader of certificates.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::der::{element, public_key};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Some((_, contents, after)) = element(rest) {
        let head = rest.len() - contents.len() - after.len();
        assert!((2..=6).contains(&head), "more than came");
        assert!(after.len() < rest.len());
        rest = after;
    }
    let ours = public_key(data);
    if let Some(key) = ours {
        assert!(key.key.len() + key.algorithm.len() < data.len());
        assert!(key.rsa_bits().is_none_or(|bits| bits <= key.key.len() * 8));
        assert!(key.words().starts_with(key.kind()));
        let _ = key.oid();
    }
    if let Ok((_, certificate)) = x509_parser::parse_x509_certificate(data)
        && let Some(key) = ours
    {
        let theirs = &certificate.public_key().subject_public_key;
        assert_eq!(key.key, &*theirs.data, "another key");
    }
});
