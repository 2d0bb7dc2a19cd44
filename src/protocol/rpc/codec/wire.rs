//! Bounds-checked reading and little-endian writing of NDR's plain types (C706 chapter 14).

use super::error::Error;
use uuid::Uuid;

/// Byte order of a PDU, from the first octet of its data representation (C706 14.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// What everybody sends.
    #[default]
    Little,
    /// Allowed, and read here, but never written.
    Big,
}

/// Reads from the front of a slice; every read says whether the octets were there.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Reader<'a> {
    /// At the first octet; alignment counts from there.
    pub fn new(octets: &'a [u8], order: Order) -> Self {
        Reader { octets, at: 0, order }
    }

    /// Octets not read yet.
    pub fn left(&self) -> usize {
        self.octets.len() - self.at
    }

    /// The next `n` octets.
    ///
    /// # Errors
    /// [`Error::Truncated`] when there are fewer.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let end = self.at.checked_add(n).ok_or(Error::Truncated)?;
        let taken = self.octets.get(self.at..end).ok_or(Error::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.octets[self.at..];
        self.at = self.octets.len();
        rest
    }

    /// The next `N` octets as an array.
    ///
    /// # Errors
    /// [`Error::Truncated`] when there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| Error::Truncated)
    }

    /// One octet.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    /// Two octets as a number.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn u16(&mut self) -> Result<u16, Error> {
        let octets = self.array()?;
        Ok(if self.order == Order::Little {
            u16::from_le_bytes(octets)
        } else {
            u16::from_be_bytes(octets)
        })
    }

    /// Four octets as a number.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn u32(&mut self) -> Result<u32, Error> {
        let octets = self.array()?;
        Ok(if self.order == Order::Little {
            u32::from_le_bytes(octets)
        } else {
            u32::from_be_bytes(octets)
        })
    }

    /// A UUID in NDR's form: its first three fields in the byte order of the PDU (C706 appendix A).
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn uuid(&mut self) -> Result<Uuid, Error> {
        let octets = self.array()?;
        Ok(if self.order == Order::Little {
            Uuid::from_bytes_le(octets)
        } else {
            Uuid::from_bytes(octets)
        })
    }

    /// A 32-bit count of things of at least `size` octets each, which cannot be more than `most`
    /// nor than the octets left.
    ///
    /// # Errors
    /// [`Error::TooMany`] naming `what`, or [`Error::Truncated`].
    pub fn count(&mut self, most: usize, size: usize, what: &'static str) -> Result<usize, Error> {
        let count = self.u32()?;
        match usize::try_from(count) {
            Ok(count) if count > most => Err(Error::TooMany(what)),
            Ok(count) if count.saturating_mul(size) > self.left() => Err(Error::Truncated),
            Ok(count) => Ok(count),
            Err(_) => Err(Error::TooMany(what)),
        }
    }

    /// Skips to a multiple of `n` from the start. What stands in the gap is nobody's business: some
    /// clients leave rubbish there.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the octets end in the gap.
    pub fn align(&mut self, n: usize) -> Result<(), Error> {
        let gap = self.at.next_multiple_of(n) - self.at;
        self.take(gap).map(drop)
    }
}

/// Appends little-endian.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) octets: Vec<u8>,
}

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.octets.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.octets.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.octets.extend_from_slice(&value.to_le_bytes());
    }

    /// A length that fits by construction; the largest number otherwise, which every reader
    /// refuses.
    pub(super) fn len32(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    pub(super) fn len16(&mut self, length: usize) {
        self.u16(u16::try_from(length).unwrap_or(u16::MAX));
    }

    pub(super) fn len8(&mut self, length: usize) {
        self.u8(u8::try_from(length).unwrap_or(u8::MAX));
    }

    pub(super) fn bytes(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    pub(super) fn uuid(&mut self, uuid: Uuid) {
        self.bytes(&uuid.to_bytes_le());
    }

    pub(super) fn align(&mut self, n: usize) {
        self.octets.resize(self.octets.len().next_multiple_of(n), 0);
    }
}
