//! A port on which only challenges are answered.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::matrix::model::Protocol;
use portmatrix_fuzz::conversation::{stand_in, talk};
use portmatrix_fuzz::key::is_sealed_proof;

fuzz_target!(|data: &[u8]| {
    let said = talk(data, stand_in(Protocol::Tcp));
    said.check_bland(0);
    assert!(said.challenges > 0 || said.heard.is_empty(), "a stranger is answered");
    // Each line begins with a proof, and what follows it came with the challenge.
    for line in said.heard.split_inclusive(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r\n").expect("a whole line");
        let line = line.strip_prefix(b"PORTMATRIX/1 ").expect("a greeting");
        let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
        let proof = std::str::from_utf8(&line[..end]).expect("text");
        assert!(is_sealed_proof(proof), "no proof: {proof}");
        let padding = &line[end..];
        assert!(
            padding.is_empty() || said.sent.windows(padding.len()).any(|sent| sent == padding),
            "padding that did not come"
        );
    }
});
