//! The proof that answers a challenge: what the listener saw, and the MAC over it.

use super::sent::{Challenge, Exporter, SiteKey};
use crate::wire::hex::hex;
use crate::wire::ports::Swept;
use crate::wire::sighting::{Arrived, Sighting};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use ring::hmac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Longest proof that is looked at, in octets.
pub const MAX_PROOF_LEN: usize = 8 * 1024;

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
