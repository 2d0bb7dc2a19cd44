//! What a listener saw of a connection that the connector asks about: the other end's view of a hop
//! that did not work.

use super::hex::hex;
use jiff::Timestamp;
use ring::digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The listener's answer to "did you see me on port N?".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sighting {
    /// Whether something listens on that port of the host: the listener itself, or a program that
    /// has the port.
    pub listening: bool,
    /// Whether it is the listener itself that has the port there: it would have answered, and
    /// proved itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own: bool,
    /// How far the connection came.
    pub state: Seen,
    /// Why it cannot be told how far it came, where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Whether the address that asked is changed on the way (NAT): the connection in question may
    /// then have come from another one, and that nothing is known of it means nothing. Filled in by
    /// the connector.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub translated: bool,
    /// From which address and port it came, as the listener's host saw it; absent when nothing
    /// came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub peer: Option<SocketAddr>,
    /// At which address and port it arrived; absent when nothing came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub local: Option<SocketAddr>,
    /// Another address or port of the host at which something arrived from the very address and
    /// port that is asked about: a connection of its own, or this one, which was sent on to there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub elsewhere: Option<SocketAddr>,
    /// Whether the host's kernel has this very connection now, whichever program has the port;
    /// absent where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_table: Option<bool>,
    /// How many connections to that port the host's kernel has, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// When it was first seen, by the listener's clock, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
    /// What the host's kernel has counted, where it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// What the listener had read on that connection each time that it said something there, as
    /// [`tag_of_words`]; empty where it said nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<String>,
}

/// Tag of what one end said on a connection: eight octets of SHA-256, in hexadecimal digits.
pub fn tag_of_words(words: &[u8]) -> String {
    hex(&digest::digest(&digest::SHA256, words).as_ref()[..8])
}

impl Sighting {
    /// Of which nothing is known but the state.
    pub fn of(state: Seen) -> Self {
        Sighting {
            listening: false,
            own: false,
            state,
            doubt: None,
            translated: false,
            peer: None,
            local: None,
            elsewhere: None,
            in_table: None,
            connections: None,
            at: None,
            counters: None,
            answered: Vec::new(),
        }
    }
}

/// How often something became of connections that had only begun, since the host's kernel was
/// started. None of them is there long enough to be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// They were reset.
    pub reset: u64,
    /// An ICMP message ended them, or the host had no room for them.
    pub dropped: u64,
    /// The program that has the port had as many waiting as it takes.
    pub overflowed: u64,
    /// They were answered with a cookie, of which nothing is remembered (RFC 4987 section 3.6).
    #[serde(default)]
    pub cookies: u64,
}

/// What a listener knows of the requests of one hop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Arrived {
    /// Its challenges that were answered with a proof.
    pub proved: u32,
    /// Its HTTP requests, by the mark in their `User-Agent`; and its challenges that were sent to
    /// another host or port, which prove nothing.
    pub marked: u32,
    /// HTTP requests for its path without a mark, whoever sent them.
    pub path: u32,
    /// HTTP requests without a mark for paths that are none of the plan's, and for which nobody
    /// asks at other times: a front that changes paths may have made them of this hop's.
    #[serde(default)]
    pub elsewhere: u32,
    /// Whether the listener remembers everything since the hop was tried first.
    pub whole: bool,
}

impl Arrived {
    /// What arrived at either of two hosts.
    #[must_use]
    pub fn and(self, other: Arrived) -> Arrived {
        Arrived {
            proved: self.proved.saturating_add(other.proved),
            marked: self.marked.saturating_add(other.marked),
            path: self.path.saturating_add(other.path),
            elsewhere: self.elsewhere.saturating_add(other.elsewhere),
            whole: self.whole && other.whole,
        }
    }

    /// Whether it is known that nothing arrived.
    pub fn is_nothing(self) -> bool {
        // Whoever has the key says what he likes: a sum could come round to nothing.
        self.whole && [self.proved, self.marked, self.path, self.elsewhere] == [0; 4]
    }
}

/// Why a listener cannot tell how far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// Another program has the port, and the listener does not see what it accepts.
    AnotherProgram,
    /// It may have come in a flood, of which not everything is remembered.
    NotRemembered,
    /// The listener was started only after it was sent.
    BeganLater,
    /// The program that has the port takes no more: its queue is full, and the kernel drops what
    /// comes.
    QueueFull,
    /// Half-open connections were reset at that time: such a one is gone before anybody sees it.
    GoneAtOnce,
    /// Something came to the port from another address or port: NAT may have made that of it.
    OthersCame,
    /// The same, and its answer was lost: it stayed half open for as long as it was looked at.
    OthersBegan,
}

impl Doubt {
    /// In words, behind "cannot tell what became of it there:".
    pub fn words(self) -> &'static str {
        match self {
            Doubt::AnotherProgram => "another program has the port",
            Doubt::NotRemembered => "too much came at that time",
            Doubt::BeganLater => "the listener was started only afterwards",
            Doubt::QueueFull => {
                "the program that has the port has as many connections waiting as it takes, and \
                    the host drops what comes"
            }
            Doubt::GoneAtOnce => {
                "connections that had begun were reset at that time, or answered with a cookie, \
                    before anybody could see from where they came"
            }
            Doubt::OthersCame => {
                "something came from another address or port, which NAT may have given it"
            }
            Doubt::OthersBegan => {
                "a connection from another address or port, which NAT may have given it, began at \
                    that time, and its answer was never taken up"
            }
        }
    }
}

/// How far a connection came, as the To host saw it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It cannot be told; see [`Sighting::doubt`].
    Unknown,
    /// Nothing came from that address.
    Nothing,
    /// A SYN came and was answered, and the answer to that never came: the connection stayed half
    /// open.
    HalfOpen,
    /// The connection opened, and the listener closed it: it lets only some networks in
    /// (`--allow-from`).
    NotAllowed,
    /// The connection opened, and the listener closed it: as many as it takes were open already.
    TurnedAway,
    /// The connection opened.
    Opened,
    /// The connection opened, and the site's challenge was answered on it.
    Proved,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_nothing_of_each_kind() {
        let nothing = Arrived { whole: true, ..Arrived::default() };
        assert!(nothing.is_nothing() && !Arrived::default().is_nothing());
        for (proved, marked, path, elsewhere) in
            [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (u32::MAX, 1, 0, 0)]
        {
            let some = Arrived { proved, marked, path, elsewhere, whole: true };
            assert!(!some.is_nothing() && !some.and(nothing).is_nothing(), "{some:?}");
        }
    }
}
