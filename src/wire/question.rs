//! What a connector asks a listener about something else than the connection on which it asks:
//! another connection, the requests of another hop, a sweep. A question rides in the place of a
//! challenge, in the same 40 octets and with a MAC of its own, so that neither can be taken for the
//! other and no stranger can ask.
//!
//! Of the twelve octets of the nonce a question keeps five for chance; what is asked needs the
//! others. No clock is compared: a question says how long ago something was sent, and the listener
//! counts from when the question arrives.

use super::hex::{hex, unhex};
use ring::digest;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

/// A few octets by which an address is known to those who know it; zeros stand for "that of the
/// connection on which it is asked".
pub type AddressTag = [u8; 3];

/// The tag of an address. IPv4 addresses inside IPv6 have that of the IPv4 address.
pub fn address_tag(address: IpAddr) -> AddressTag {
    let digest = match address.to_canonical() {
        IpAddr::V4(v4) => digest::digest(&digest::SHA256, &v4.octets()),
        IpAddr::V6(v6) => digest::digest(&digest::SHA256, &v6.octets()),
    };
    let mut tag = AddressTag::default();
    tag.copy_from_slice(&digest.as_ref()[..3]);
    // Zeros have a meaning of their own.
    tag[0] |= 1;
    tag
}

/// The tag of a hop's id, as it stands in a challenge: eight octets of a SHA-256 over the id and a
/// number of this process. It means nothing to anybody else, and another run of the same hop has
/// another one.
pub fn hop_tag(hop_id: &str) -> [u8; 8] {
    // Every workstation of a network has hops of the same id: what one of them sent is not to speak
    // for another one.
    static RUN: OnceLock<u64> = OnceLock::new();
    let run = RUN.get_or_init(|| RandomState::new().build_hasher().finish());
    let mut tag = [0; 8];
    let salted = [&run.to_be_bytes()[..], hop_id.as_bytes()].concat();
    tag.copy_from_slice(&digest::digest(&digest::SHA256, &salted).as_ref()[..8]);
    tag
}

/// "Did you see me on port N?"
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The port that was asked for.
    pub port: u16,
    /// The port that the connector sent from.
    pub source_port: u16,
    /// How long before the question it sent, in milliseconds.
    pub age_ms: u32,
    /// The address that it sent from, where that is another one than asks.
    pub source: AddressTag,
    /// The address that it sent to, where that is another one than is asked.
    pub destination: AddressTag,
}

/// "Did anything of this hop reach you?", whatever addresses and ports it had on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopQuestion {
    /// Tag of the hop's id.
    pub hop: [u8; 8],
    /// How long before the question the hop was tried first, in milliseconds.
    pub age_ms: u32,
    /// Tag of the path that it asks for.
    pub path: [u8; 2],
}

/// The tag of an HTTP path; letters match in either case, and a slash at the end is none.
pub fn path_tag(path: &str) -> [u8; 2] {
    let path = path.trim_end_matches('/').to_ascii_lowercase();
    let digest = digest::digest(&digest::SHA256, path.as_bytes());
    [digest.as_ref()[0], digest.as_ref()[1]]
}

/// The mark of a hop's requests in their `User-Agent`, as a comment of it (RFC 9110 section
/// 10.1.5): fronts that take unknown headers out of a request leave that one alone.
pub fn mark(hop_id: &str) -> String {
    let tag = hop_tag(hop_id);
    format!("({})", hex(&tag[..4]))
}

/// The mark in such a header, where there is one.
pub fn mark_in(agent: &str) -> Option<[u8; 4]> {
    let (_, rest) = agent.strip_prefix(AGENT)?.split_once('(')?;
    unhex(rest.strip_suffix(')')?)?.try_into().ok()
}

/// How the `User-Agent` of this program begins, whatever its version.
const AGENT: &str = "portmatrix/";

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// One connection.
    Connection(Question),
    /// Everything of one hop.
    Hop(HopQuestion),
    /// The sweep whose nonce it has.
    Sweep,
}

/// What is asked for, in the octets of the nonce that are not chance.
const KIND: usize = 5;
const CONNECTION: u8 = 0;
const HOP: u8 = 1;

impl Asked {
    /// The same, asked so much later.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        let more = |age: u32| age.saturating_add(millis(by));
        match self {
            Asked::Connection(q) => Asked::Connection(Question { age_ms: more(q.age_ms), ..q }),
            Asked::Hop(q) => Asked::Hop(HopQuestion { age_ms: more(q.age_ms), ..q }),
            Asked::Sweep => Asked::Sweep,
        }
    }

    /// The octets of a challenge that say what is asked: the nonce, of which the first five octets
    /// are left as they are, and those of the hop's tag.
    pub fn encode(&self, nonce: &mut [u8; 12]) -> [u8; 8] {
        let mut hop = [0; 8];
        match self {
            Asked::Connection(question) => {
                nonce[KIND] = CONNECTION;
                nonce[6..9].copy_from_slice(&question.source);
                nonce[9..].copy_from_slice(&question.destination);
                hop[..2].copy_from_slice(&question.port.to_be_bytes());
                hop[2..4].copy_from_slice(&question.source_port.to_be_bytes());
                hop[4..].copy_from_slice(&question.age_ms.to_be_bytes());
            }
            Asked::Hop(question) => {
                nonce[KIND] = HOP;
                nonce[6..10].copy_from_slice(&question.age_ms.to_be_bytes());
                nonce[10..].copy_from_slice(&question.path);
                hop = question.hop;
            }
            Asked::Sweep => {}
        }
        hop
    }

    /// Reads them.
    pub fn decode(nonce: &[u8; 12], hop: [u8; 8]) -> Self {
        let number = |at: usize| {
            u32::from_be_bytes([nonce[at], nonce[at + 1], nonce[at + 2], nonce[at + 3]])
        };
        let [a, b, c, d, age @ ..] = hop;
        match nonce[KIND] {
            // Without a port, and without a hop: nothing else is asked so.
            _ if hop == [0; 8] => Asked::Sweep,
            HOP => Asked::Hop(HopQuestion { hop, age_ms: number(6), path: [nonce[10], nonce[11]] }),
            _ => Asked::Connection(Question {
                port: u16::from_be_bytes([a, b]),
                source_port: u16::from_be_bytes([c, d]),
                age_ms: u32::from_be_bytes(age),
                source: [nonce[6], nonce[7], nonce[8]],
                destination: [nonce[9], nonce[10], nonce[11]],
            }),
        }
    }
}

/// A time as questions say it: whole milliseconds, and never more than there is room for.
pub fn millis(age: Duration) -> u32 {
    u32::try_from(age.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_again() {
        let connection = Question {
            port: 389,
            source_port: 50000,
            age_ms: 4711,
            source: [1, 2, 3],
            destination: [0, 0, 0],
        };
        let hop =
            HopQuestion { hop: hop_tag("m/f/a/b:1"), age_ms: 70_000, path: path_tag("/Admin") };
        for asked in [Asked::Connection(connection), Asked::Hop(hop), Asked::Sweep] {
            let mut nonce = [9; 12];
            let tag = asked.encode(&mut nonce);
            assert_eq!(Asked::decode(&nonce, tag), asked);
            assert_eq!(nonce[..5], [9; 5], "chance stays");
        }
    }

    #[test]
    fn a_tag_is_of_one_run() {
        let plain = digest::digest(&digest::SHA256, b"m/f/a/b:1");
        assert_ne!(
            hop_tag("m/f/a/b:1")[..],
            plain.as_ref()[..8],
            "another machine's run of the same row has the same id"
        );
        assert_eq!(hop_tag("m/f/a/b:1"), hop_tag("m/f/a/b:1"));
    }

    #[test]
    fn a_mark_is_read_again() {
        let agent = format!("portmatrix/1.2.3 {}", mark("m/f/a/b:1"));
        assert_eq!(mark_in(&agent), hop_tag("m/f/a/b:1").first_chunk().copied());
        for other in
            ["portmatrix/1.2.3", "curl/8 (01020304)", "portmatrix/1 (0102)", "portmatrix/1 (x", ""]
        {
            assert_eq!(mark_in(other), None, "{other}");
        }
    }

    #[test]
    fn tags_tell_addresses_and_paths_apart() {
        let tag = |text: &str| address_tag(text.parse().expect("an address"));
        assert_eq!(tag("10.0.0.1"), tag("::ffff:10.0.0.1"));
        assert_ne!(tag("10.0.0.1"), tag("10.0.0.2"));
        assert_ne!(tag("0.0.0.0"), AddressTag::default());
        assert_eq!(path_tag("/Agent"), path_tag("/agent"));
        assert_ne!(path_tag("/Agent"), path_tag("/"));
    }
}
