//! What headers of an answer tell.

use crate::wire::challenge::{MAX_PROOF_LEN, PROOF_HEADER};
use crate::wire::octets::printable;
use hyper::HeaderMap;
use hyper::header::{AGE, DATE, HeaderName};
use jiff::Timestamp;

/// Characters of a header's value that are told.
const MAX_VALUE: usize = 200;

/// A header's value, fit for a table.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| printable(value.as_bytes(), MAX_VALUE))
}

/// Seconds by which the other end's clock is ahead, by the time that it writes on its answer (RFC
/// 9110 section 6.6.1). What a cache kept is of another time.
pub(crate) fn clock_offset(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let date = headers.get(DATE).filter(|_| !headers.contains_key(AGE))?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(theirs.timestamp().as_second() - now.as_second())
}

/// The proof, if there is one; one that is too long is kept long enough to be called invalid.
pub(crate) fn proof_of(headers: &HeaderMap) -> Option<String> {
    headers.get(PROOF_HEADER).map(|value| printable(value.as_bytes(), MAX_PROOF_LEN + 1))
}
