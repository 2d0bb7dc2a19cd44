//! Stamps: of one key, challenge, host and port.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::challenge::stamp_name;
use portmatrix::wire::stamp::stamp;
use portmatrix_fuzz::choices::{Choices, text};
use portmatrix_fuzz::key::{key, other_key};

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let (challenge, port, other_port) = (choices.array(), choices.word(), choices.word());
    let (at, by) = (choices.below(40), choices.octet());
    let length = choices.below(64);
    let (host, other) = (text(choices.some(length)), text(choices.0));
    let right = stamp(key(), &challenge, host, port);
    assert_ne!(right, stamp(other_key(), &challenge, host, port));
    assert_eq!(right == stamp(key(), &challenge, host, other_port), port == other_port);
    assert_eq!(right == stamp(key(), &challenge, other, port), host == other);
    // Between port and name no octet can move.
    assert_eq!(
        right == stamp(key(), &challenge, other, other_port),
        (host, port) == (other, other_port)
    );
    let mut changed = challenge;
    changed[at] ^= by;
    assert_eq!(right == stamp(key(), &changed, host, port), by == 0);
    // Both ends take the same name, whichever of them the listener calls its own.
    let (a, b) = (host.to_owned(), other.to_owned());
    assert_eq!(stamp_name(&a, std::slice::from_ref(&b)), stamp_name(&b, std::slice::from_ref(&a)));
});
