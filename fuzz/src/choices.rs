//! Choices off the front of an input: what is not there is zero, so that every input is a valid one.

/// What is left of an input.
#[derive(Clone, Copy)]
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// One octet.
    pub fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Two octets.
    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// `N` octets.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.octet())
    }

    /// A number below `most`; 0 where `most` is.
    pub fn below(&mut self, most: usize) -> usize {
        let number = if most > 256 { usize::from(self.word()) } else { usize::from(self.octet()) };
        number.checked_rem(most).unwrap_or(0)
    }

    /// Up to so many octets.
    pub fn some(&mut self, most: usize) -> &'a [u8] {
        let (some, rest) = self.0.split_at(self.0.len().min(most));
        self.0 = rest;
        some
    }

    /// Whether everything is used up.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Pieces of octets, as a network may cut them: by turns as long as the two halves of `cut` say.
pub fn pieces(octets: &[u8], cut: u8) -> impl Iterator<Item = &[u8]> {
    let (mut left, mut turn) = (octets, false);
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let half = if turn { cut >> 4 } else { cut & 15 };
        turn = !turn;
        // 15 is everything, so that both ends of the scale are tried.
        let length = if half == 15 { left.len() } else { 1 << half.min(12) };
        let (piece, rest) = left.split_at(length.min(left.len()));
        left = rest;
        Some(piece)
    })
}

/// A text without what a file or a line has no room for.
pub fn text(octets: &[u8]) -> &str {
    match std::str::from_utf8(octets) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&octets[..error.valid_up_to()]).unwrap_or_default(),
    }
}
