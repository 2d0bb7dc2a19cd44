//! The header of the PROXY protocol: what was found does not depend on how much came behind it.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::proxy_header::{Found, find};

fuzz_target!(|data: &[u8]| {
    let whole = find(data);
    match whole {
        Found::Header(_, length) => {
            assert!(length > 6 && length <= data.len(), "longer than what came");
            assert_eq!(find(&data[..length]), whole);
        }
        Found::Begun => assert!(data.len() < 4096, "nothing has so long a header"),
        Found::No => {}
    }
    // A short input is looked at octet by octet, a long one at its beginnings alone.
    for end in 0..data.len().min(160) {
        let found = find(&data[..end]);
        assert!(found == Found::Begun || found == whole, "{end}: {found:?}, and {whole:?}");
    }
});
