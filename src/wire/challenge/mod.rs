//! The challenge that rides inside each protocol, and the proof that answers it.
//!
//! A challenge is 40 octets so that it fits everywhere, even into one presentation context of a
//! DCE/RPC bind (abstract syntax and one transfer syntax, 20 octets each): nonce (12), tag of the
//! hop id (8), UNIX seconds (4, big-endian), tag of where it is sent to (4), MAC (12:
//! nobody tries 2^96 of them on a listener). The MAC keeps the listener bland towards strangers:
//! without the site key nobody can make it answer. The tag binds it to one host
//! and port: who records a challenge has nothing to say elsewhere, and a listener answers each only
//! once. A proof is the listener's claims as JSON, and an HMAC over the nonce, the claims and the
//! TLS exporter (RFC 5705, RFC 9266). It answers one nonce, so a replayed one is worth nothing.

use super::hex::{hex, unhex};
use super::ports::Swept;
use super::question::{Asked, hop_tag};
use super::sighting::{Arrived, Sighting};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::{digest, hmac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use subtle::ConstantTimeEq as _;

/// Octets of a challenge on the wire.
pub const CHALLENGE_LEN: usize = 40;
/// Octets of what the MAC is over.
const BODY_LEN: usize = 28;
/// Octets of the MAC.
const MAC_LEN: usize = CHALLENGE_LEN - BODY_LEN;
/// Octets of a TLS exporter (RFC 9266 section 2).
pub const EXPORTER_LEN: usize = 32;
/// Longest proof that is looked at, in octets.
pub const MAX_PROOF_LEN: usize = 8 * 1024;
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
    proof: hmac::Key,
    session: hmac::Key,
    pub(super) stamp: hmac::Key,
    pub(super) seal: hmac::Key,
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
    nonce: [u8; 12],
    /// Tag of the hop; in a question, what is asked.
    hop: [u8; 8],
    sent: u32,
    is_question: bool,
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

/// What the listener saw of the connection on which it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Claims {
    /// The nonce it answers, as hexadecimal text.
    pub nonce: String,
    /// Tag of the hop id it answers, as hexadecimal text.
    pub hop: String,
    /// The listener's host, as the site file names it.
    pub host: String,
    /// Other names that the site file has for the same machine and whose hops lead to this very
    /// port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Its own address and port.
    #[schemars(with = "String")]
    pub local: SocketAddr,
    /// Whether the challenge was sent to somebody else, as far as the listener knows: then it says
    /// who it is, and this proves nobody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub misdirected: bool,
    /// The connector's address and port as the listener saw them: different from the connector's
    /// own where NAT is on the way.
    #[schemars(with = "String")]
    pub peer: SocketAddr,
    /// TLS as the listener saw it; absent where the listener's side had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSeen>,
    /// HTTP as the listener saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSeen>,
    /// The version of the PROXY protocol, `v1` or `v2`, whose header came ahead of everything else
    /// on the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_protocol: Option<String>,
    /// The listener's clock, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub now: Timestamp,
    /// The answer to a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighting: Option<Sighting>,
    /// The answer to a question about a hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Arrived>,
    /// The answer to a question about a sweep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Swept>,
    /// The ports that it has on its host, as `135,389,49152-65535`; absent where they are too many
    /// to tell, and while it turns connections away: it would answer on any of these.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ports: String,
    /// Which run of a listener it is, as hexadecimal text: two listeners may have one name and one
    /// key, and one that was started again is another.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// When that run began, by the listener's clock, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
}

impl Claims {
    /// Of a host on a connection, at that time, and nothing else.
    pub fn new(host: &str, local: SocketAddr, peer: SocketAddr, now: Timestamp) -> Self {
        Claims {
            nonce: String::new(),
            hop: String::new(),
            host: host.to_owned(),
            also: Vec::new(),
            local,
            misdirected: false,
            peer,
            tls: None,
            http: None,
            proxy_protocol: None,
            now,
            sighting: None,
            arrived: None,
            swept: None,
            ports: String::new(),
            instance: String::new(),
            started: None,
        }
    }

    /// Whether the run of the listener began less than so long before it said this, by its own
    /// clock.
    pub fn is_younger_than(&self, time: std::time::Duration) -> bool {
        let age = self.started.map(|started| self.now.duration_since(started));
        age.is_some_and(|age| std::time::Duration::try_from(age).is_ok_and(|age| age < time))
    }

    /// The same under the first of these names that the listener has: a machine of several names is
    /// whom it was asked for.
    #[must_use]
    pub fn named<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for name in names {
            if self.host == name {
                break;
            }
            if let Some(other) = self.also.iter_mut().find(|other| *other == name) {
                std::mem::swap(&mut self.host, other);
                break;
            }
        }
        self
    }
}

impl ProofOutcome {
    /// See [`Claims::named`].
    #[must_use]
    pub fn named<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Self {
        match self {
            ProofOutcome::Valid { claims, same_tls_session } => {
                ProofOutcome::Valid { claims: claims.named(names), same_tls_session }
            }
            other => other,
        }
    }
}

/// The name that stamps are made with, where a listener has several: both ends know all of them,
/// and a stamp has room for one.
pub fn stamp_name<'n>(host: &'n str, also: &'n [String]) -> &'n str {
    also.iter().map(String::as_str).chain([host]).min().unwrap_or(host)
}

/// TLS as a listener saw it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TlsSeen {
    /// Protocol version, `1.2` or `1.3`.
    pub version: String,
    /// What ALPN selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// Server name that the client asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// SHA-256 of the certificate that the listener showed, as hexadecimal text.
    pub certificate_sha256: String,
    /// Whether that certificate is the stand-in's own, made for the run, rather than one given to
    /// it.
    pub own_certificate: bool,
    /// Keyed tag of the exporter (filled in by [`prove`]).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session: String,
}

/// HTTP as a listener saw it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HttpSeen {
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// The path that was asked for, as it arrived; empty where an older listener does not tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Headers that a device on the way added: `via`, `x-forwarded-for`, `forwarded` and the like,
    /// as `name: value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
}

/// What became of the challenge.
#[expect(clippy::large_enum_variant, reason = "one per connection, and soon gone")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ProofOutcome {
    /// No key, so nothing was asked.
    NotAsked,
    /// Asked, and no proof came: a real service, a stranger, or a listener with another key.
    None,
    /// A proof came that does not hold; `why` names the first check that failed.
    Invalid {
        /// Which check failed.
        why: String,
    },
    /// A valid proof.
    Valid {
        /// What the listener said it saw.
        claims: Claims,
        /// Whether both ends of TLS have the same session keys (RFC 9266); `None` where the
        /// connector used no TLS.
        same_tls_session: Option<bool>,
    },
}

/// The listener's answer to `challenge`. `claims.nonce`, `claims.hop` and `claims.tls.session` are
/// filled in here.
pub fn prove(
    key: &SiteKey,
    challenge: &Challenge,
    mut claims: Claims,
    exporter: Option<&Exporter>,
) -> String {
    claims.nonce = hex(&challenge.nonce);
    claims.hop = hex(&challenge.hop);
    if let (Some(tls), Some(exporter)) = (&mut claims.tls, exporter) {
        tls.session = session_tag(key, challenge, exporter);
    }
    let body = serde_json::to_vec(&claims).unwrap_or_default();
    let mac = hmac::sign(&key.proof, &body);
    format!("{}.{}", BASE64URL_NOPAD.encode(&body), BASE64URL_NOPAD.encode(mac.as_ref()))
}

/// Checks a proof against the challenge that was sent. `exporter` is the connector's own, where it
/// spoke TLS.
///
/// A proof made by the right key for another nonce or hop is a replay and invalid. Whether both
/// ends share one TLS session is reported, not judged: behind a reverse proxy that ends TLS they do
/// not, and that is as it should be.
pub fn verify(
    key: &SiteKey,
    challenge: &Challenge,
    proof: &str,
    exporter: Option<&Exporter>,
) -> ProofOutcome {
    let invalid = |why: &str| ProofOutcome::Invalid { why: why.to_owned() };
    if proof.len() > MAX_PROOF_LEN {
        return invalid("longer than any proof");
    }
    let Some((body, mac)) = proof.trim().split_once('.') else {
        return invalid("not in the form of a proof");
    };
    let (Ok(body), Ok(mac)) =
        (BASE64URL_NOPAD.decode(body.as_bytes()), BASE64URL_NOPAD.decode(mac.as_bytes()))
    else {
        return invalid("not in the form of a proof");
    };
    if hmac::verify(&key.proof, &body, &mac).is_err() {
        return invalid("altered on the way, or made with another key");
    }
    let Ok(claims) = serde_json::from_slice::<Claims>(&body) else {
        return invalid("its claims cannot be read");
    };
    if claims.nonce != hex(&challenge.nonce) {
        return invalid("a replay: it answers another challenge");
    }
    if claims.hop != hex(&challenge.hop) {
        return invalid("it answers for another hop");
    }
    let same_tls_session = exporter.map(|own| {
        claims.tls.as_ref().is_some_and(|tls| tls.session == session_tag(key, challenge, own))
    });
    ProofOutcome::Valid { claims, same_tls_session }
}

fn session_tag(key: &SiteKey, challenge: &Challenge, exporter: &Exporter) -> String {
    let mut context = hmac::Context::with_key(&key.session);
    context.update(&challenge.nonce);
    context.update(exporter);
    hex(&context.sign().as_ref()[..16])
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

#[cfg(test)]
mod tests;
