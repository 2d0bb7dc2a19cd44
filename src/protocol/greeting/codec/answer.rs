//! What is done after what came so far, and what a server is recognised as.

use crate::wire::octets;
use jiff::Timestamp;

/// By this word in the place of a product, a stand-in says that it is none. Anybody may say it: it
/// only ever makes less of an answer.
pub const STAND_IN: &str = "portmatrix stand-in";

/// Longest words about a product, in characters.
const MAX_WORDS: usize = 80;

/// The first exchange on a connection, as functions of all octets that came so far (`heard`) and of
/// how often this end has spoken (`said`).
#[derive(Debug, Clone, Copy)]
pub struct Dialogue {
    /// Its word in results.
    pub name: &'static str,
    /// What the connector does next.
    pub next: fn(heard: &[u8], said: usize) -> Next,
    /// What a stand-in says next, in the real exchange's form and with nothing in it: `None` waits
    /// for more. It never says more than a few dozen octets, and nothing that a bland service would
    /// not.
    pub stand_in: fn(heard: &[u8], said: usize) -> Option<Vec<u8>>,
}

impl Dialogue {
    /// Whether the service speaks first: it does not wait for anything that a client might say.
    pub fn is_begun_by_service(&self) -> bool {
        (self.stand_in)(&[], 0).is_some()
    }
}

/// What is to be done after what came so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Say this, and go on.
    Say(Vec<u8>),
    /// Too little came to tell.
    More,
    /// The greeting is over.
    Known(Answer),
    /// So it is, if nothing more comes for a moment: the answer is so short that others begin with
    /// it.
    IfQuiet(Answer),
    /// Another protocol, or none.
    Other,
}

/// A service that was recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What it is, for people.
    pub words: String,
    /// With which words it turned us away, where it did: it was reached all the same.
    pub turned_away: Option<String>,
    /// Whether it says itself that it is a stand-in.
    pub stand_in: bool,
    /// Its clock, where it tells the time.
    pub clock: Option<Timestamp>,
    /// With which octets one takes leave.
    pub bye: &'static [u8],
}

impl Answer {
    /// A service that goes by this name, and what it says of itself.
    pub fn of(name: &str, says: &str, bye: &'static [u8]) -> Self {
        let says = printable(says.as_bytes());
        let words = format!("{name} {says}");
        Answer {
            words: words.trim().chars().take(MAX_WORDS).collect(),
            stand_in: says.contains(STAND_IN),
            bye,
            turned_away: None,
            clock: None,
        }
    }

    /// The same, which turns us away with these words.
    pub fn turning_away(mut self, words: &[u8]) -> Self {
        let words = printable(words);
        self.stand_in |= words.contains(STAND_IN);
        self.turned_away = Some(words);
        self
    }
}

/// Text of a server, fit for people: printable ASCII, anything else as a dot, and not too long.
pub(super) fn printable(octets: &[u8]) -> String {
    octets::printable(octets, 200).trim().chars().take(MAX_WORDS).collect()
}

/// A number of so many octets, the most significant first.
pub fn number(octets: &[u8], at: usize, len: usize) -> Option<usize> {
    let octets = octets.get(at..at.checked_add(len)?)?;
    Some(octets.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
}
