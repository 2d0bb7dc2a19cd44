//! Result files of this version and of the first, as octets of anybody.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::input::json;
use portmatrix::result::{ResultFile, v1};
use portmatrix_fuzz::results::look;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(file) = json::read::<ResultFile>(text) else { return };
    look(&v1::upgraded(file), data.first().copied().unwrap_or_default());
});
