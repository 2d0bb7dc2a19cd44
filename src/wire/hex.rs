//! Hexadecimal text.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

/// Most digits that are read.
const MAX_DIGITS: usize = 1024;

/// Lower-case hexadecimal text.
pub fn hex(octets: &[u8]) -> String {
    HEXLOWER.encode(octets)
}

/// The octets of hexadecimal text of either case; `None` for anything else, and for more than 1024
/// digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().filter(|_| text.len() <= MAX_DIGITS)
}
