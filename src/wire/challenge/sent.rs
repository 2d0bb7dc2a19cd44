//! The challenge itself, and the site key that it is made with.

use crate::wire::hex::{hex, unhex};
use crate::wire::question::{Asked, hop_tag};
use jiff::Timestamp;
use ring::{digest, hmac};
use subtle::ConstantTimeEq as _;

/// Octets of a challenge on the wire.
pub const CHALLENGE_LEN: usize = 40;
/// Octets of what the MAC is over.
pub(super) const BODY_LEN: usize = 28;
/// Octets of the MAC.
const MAC_LEN: usize = CHALLENGE_LEN - BODY_LEN;
/// Octets of a TLS exporter (RFC 9266 section 2).
pub const EXPORTER_LEN: usize = 32;
/// Octets of padding in a large exchange: more than fits into two full packets of Ethernet, and
/// into no header limit of a common front.
pub const PADDING: usize = 3000;
/// Most octets of padding that a listener gives back; never more than came with the challenge.
pub const MAX_PADDING: usize = 4096;
/// Name of the HTTP request header that carries padding. It is given back in the body, after a
/// valid challenge only.
pub const PADDING_HEADER: &str = "portmatrix-padding";
/// Name of the HTTP request header and gRPC metadata entry that carries the challenge, as 80
/// hexadecimal digits.
pub const CHALLENGE_HEADER: &str = "portmatrix-challenge";
/// Name of the HTTP response header and gRPC trailer that carries the proof.
pub const PROOF_HEADER: &str = "portmatrix-proof";

/// Organisation in the subject of a certificate that a listener made for itself, so that nobody
/// takes it for the product's.
pub const OWN_CERTIFICATE: &str = "portmatrix stand-in";

/// A TLS exporter value: the same at both ends of one TLS session and nowhere else.
pub type Exporter = [u8; EXPORTER_LEN];

/// The site key, split into one key per purpose so that no message can be passed off as another.
#[derive(Clone)]
pub struct SiteKey {
    challenge: hmac::Key,
    question: hmac::Key,
    aim: hmac::Key,
    pub(super) proof: hmac::Key,
    pub(super) session: hmac::Key,
    pub(in crate::wire) stamp: hmac::Key,
    pub(in crate::wire) seal: hmac::Key,
    fingerprint: [u8; 8],
}

impl std::fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteKey(…)")
    }
}

impl SiteKey {
    /// From the 32 octets of the key file.
    pub fn new(secret: &[u8; 32]) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let mut fingerprint = [0; 8];
        fingerprint
            .copy_from_slice(&hmac::sign(&master, b"portmatrix/1 fingerprint").as_ref()[..8]);
        let derive = |purpose: &str| {
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, purpose.as_bytes()).as_ref())
        };
        SiteKey {
            challenge: derive("portmatrix/3 challenge"),
            question: derive("portmatrix/3 question"),
            aim: derive("portmatrix/3 aim"),
            proof: derive("portmatrix/1 proof"),
            session: derive("portmatrix/1 tls session"),
            stamp: derive("portmatrix/1 stamp"),
            seal: derive("portmatrix/1 seal"),
            fingerprint,
        }
    }

    /// Eight octets of a MAC for this purpose alone, as `xxxx-xxxx-xxxx-xxxx`: the same for the
    /// same key, and of no other use. For comparing two hosts' keys by eye.
    pub fn fingerprint(&self) -> String {
        let digits = hex(&self.fingerprint);
        [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]].join("-")
    }
}

/// A host, as the site file names it, and a port of it: where a challenge is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim<'h> {
    /// The host.
    pub host: &'h str,
    /// The port.
    pub port: u16,
}

impl<'h> Aim<'h> {
    /// At this port of a host.
    pub fn new(host: &'h str, port: u16) -> Self {
        Aim { host, port }
    }
}

/// What the connector asks of whoever answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge {
    pub(super) nonce: [u8; 12],
    /// Tag of the hop; in a question, what is asked.
    pub(super) hop: [u8; 8],
    pub(super) sent: u32,
    pub(super) is_question: bool,
}

/// A challenge as it came: made with the site key, and sent to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// The challenge.
    pub challenge: Challenge,
    aim: [u8; 4],
}

impl Received {
    /// Reads a challenge; `None` unless it was made with the same key.
    pub fn decode(key: &SiteKey, octets: &[u8]) -> Option<Self> {
        let octets: &[u8; CHALLENGE_LEN] = octets.try_into().ok()?;
        let (body, mac) = octets.split_at(BODY_LEN);
        let made_with = |key: &hmac::Key| {
            equal_in_constant_time(&hmac::sign(key, body).as_ref()[..MAC_LEN], mac)
        };
        let (challenge, is_question) = (made_with(&key.challenge), made_with(&key.question));
        (challenge || is_question).then_some(())?;
        let challenge = Challenge {
            is_question,
            nonce: body[..12].try_into().ok()?,
            hop: body[12..20].try_into().ok()?,
            sent: u32::from_be_bytes(body[20..24].try_into().ok()?),
        };
        Some(Received { challenge, aim: body[24..].try_into().ok()? })
    }

    /// Reads the text form; `None` unless it was made with the same key.
    pub fn decode_text(key: &SiteKey, text: &str) -> Option<Self> {
        Self::decode(key, &unhex(text)?)
    }

    /// Whether it was sent there.
    pub fn is_for(&self, key: &SiteKey, aim: Aim<'_>) -> bool {
        equal_in_constant_time(&self.challenge.aim_tag(key, aim), &self.aim)
    }
}

impl Challenge {
    /// A challenge for one connection of one hop. `nonce` must be fresh random octets.
    pub fn new(nonce: [u8; 12], hop_id: &str, now: Timestamp) -> Self {
        let sent = u32::try_from(now.as_second().clamp(0, i64::from(u32::MAX))).unwrap_or(u32::MAX);
        Challenge { nonce, hop: hop_tag(hop_id), sent, is_question: false }
    }

    /// A challenge that also asks something. Of `nonce` what is asked leaves five octets of chance.
    pub fn question(mut nonce: [u8; 12], asked: &Asked, now: Timestamp) -> Self {
        let hop = asked.encode(&mut nonce);
        Challenge { hop, is_question: true, ..Challenge::new(nonce, "", now) }
    }

    /// The same for one port of a sweep: the last two octets of the nonce are the port, the others
    /// are the sweep's own.
    #[must_use]
    pub fn at_port(mut self, port: u16) -> Self {
        self.nonce[10..].copy_from_slice(&port.to_be_bytes());
        self
    }

    /// The same for another try at the port of a sweep: a listener stamps each only once, and none
    /// that is older than one which it has stamped.
    #[must_use]
    pub fn at_try(mut self, number: u16) -> Self {
        self.hop[6..].copy_from_slice(&number.to_be_bytes());
        self
    }

    /// The port that it is for, of a sweep.
    pub fn port_of_try(&self) -> u16 {
        u16::from_be_bytes([self.nonce[10], self.nonce[11]])
    }

    /// Which try it is, of a sweep.
    pub fn number_of_try(&self) -> u16 {
        u16::from_be_bytes([self.hop[6], self.hop[7]])
    }

    /// A question about the sweep that this challenge is of: which of its ports did you see?
    /// Each time with another number.
    #[must_use]
    pub fn about_sweep(self, number: u16) -> Self {
        Challenge { hop: [0; 8], is_question: true, ..self.at_port(number) }
    }

    /// What it asks; `None` for one that asks only who answers.
    pub fn asks(&self) -> Option<Asked> {
        self.is_question.then(|| Asked::decode(&self.nonce, self.hop))
    }

    /// Tag of the hop that it is of; `None` where it asks about something else.
    pub fn hop(&self) -> Option<[u8; 8]> {
        (!self.is_question).then_some(self.hop)
    }

    /// The octets on the wire, on their way to one host and port.
    pub fn encode(&self, key: &SiteKey, aim: Aim<'_>) -> [u8; CHALLENGE_LEN] {
        let mut out = [0; CHALLENGE_LEN];
        out[..12].copy_from_slice(&self.nonce);
        out[12..20].copy_from_slice(&self.hop);
        out[20..24].copy_from_slice(&self.sent.to_be_bytes());
        out[24..BODY_LEN].copy_from_slice(&self.aim_tag(key, aim));
        let made_with = if self.is_question { &key.question } else { &key.challenge };
        let mac = hmac::sign(made_with, &out[..BODY_LEN]);
        out[BODY_LEN..].copy_from_slice(&mac.as_ref()[..MAC_LEN]);
        out
    }

    /// The octets as hexadecimal text, for protocols that carry text.
    pub fn encode_text(&self, key: &SiteKey, aim: Aim<'_>) -> String {
        hex(&self.encode(key, aim))
    }

    /// The nonce is in it, so that nobody can tell which challenges go to one host.
    fn aim_tag(&self, key: &SiteKey, aim: Aim<'_>) -> [u8; 4] {
        let mut context = hmac::Context::with_key(&key.aim);
        context.update(&self.nonce);
        context.update(&aim.port.to_be_bytes());
        context.update(aim.host.to_ascii_lowercase().as_bytes());
        let mut tag = [0; 4];
        tag.copy_from_slice(&context.sign().as_ref()[..4]);
        tag
    }

    /// What makes it one of its kind.
    pub fn nonce(&self) -> [u8; 12] {
        self.nonce
    }

    /// When the connector made it, by the connector's clock, in UNIX seconds.
    pub fn sent(&self) -> u32 {
        self.sent
    }
}

/// Padding for a large exchange: letters that differ from one challenge to the next, and along
/// their length.
pub fn padding(challenge: &[u8; CHALLENGE_LEN], length: usize) -> String {
    let mut text = String::with_capacity(length + 64);
    let mut block = 0u32;
    while text.len() < length {
        text.push_str(&hex(digest::digest(
            &digest::SHA256,
            &[&challenge[..], &block.to_be_bytes()].concat(),
        )
        .as_ref()));
        block += 1;
    }
    text.truncate(length);
    text
}

fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
