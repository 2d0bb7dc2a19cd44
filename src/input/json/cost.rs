//! What is kept of a document, in octets of memory, and texts that steer nothing.

use crate::text::{sanitise, steers};
use serde::de::Error;
use std::cell::Cell;

/// Memory for each octet of a file. Files that this program writes need about two.
pub(super) const PER_OCTET: usize = 3;
/// Memory that a small file may take.
pub(super) const LEAST: usize = 32 << 20;
/// Longest text, in characters.
pub(super) const TEXT: usize = 4096;
/// What a map takes for its first pair, and each pair beside its key and its value.
pub(super) const OF_MAP: usize = 200;
pub(super) const OF_PAIR: usize = 88;
/// What a field takes whose name is kept, beside its name.
pub(super) const OF_FIELD: usize = 80;

/// Counts what is kept; fails where it is too much.
pub(super) fn take<E: Error>(left: &Cell<usize>, cost: usize) -> Result<(), E> {
    let Some(rest) = left.get().checked_sub(cost) else {
        return Err(E::custom("it holds far more entries than a file of its size has"));
    };
    left.set(rest);
    Ok(())
}

/// A text that steers nothing; `None` where it is one already, as most are.
pub(super) fn made_safe(text: &str) -> Option<String> {
    (text.len() > TEXT || text.contains(steers)).then(|| sanitise(text, TEXT))
}

/// What the octets of a text take, by the ways of allocators. Words of a set, addresses and times are
/// smaller than a text, and keep none.
pub(super) fn room<T>(text: &str) -> usize {
    let is_kept = size_of::<T>() >= size_of::<String>() && !text.is_empty();
    if is_kept { (text.len() + 8).next_multiple_of(16).max(32) } else { 0 }
}
