//! What one end of a hop saw: facts, no opinion.

use crate::proto::challenge::ProofOutcome;
use crate::reason::Reason;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// One rung of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Name to addresses.
    Resolve,
    /// TCP handshake.
    Connect,
    /// TLS handshake.
    Tls,
    /// What ALPN selected.
    Alpn,
    /// HTTP request and answer, or the HTTP/2 settings.
    Http,
    /// gRPC unary call with trailers.
    Grpc,
    /// gRPC bidirectional ping-pong.
    GrpcStream,
    /// rootDSE search.
    Ldap,
    /// StartTLS on an LDAP connection.
    StartTls,
    /// Bind to the endpoint mapper.
    RpcBind,
    /// Look-up of one interface at the mapper.
    RpcMap,
    /// Connect and bind to one interface's own port.
    RpcPort,
    /// The listener's proof.
    Proof,
}

impl StepKind {
    /// The word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Resolve => "resolve",
            StepKind::Connect => "connect",
            StepKind::Tls => "tls",
            StepKind::Alpn => "alpn",
            StepKind::Http => "http",
            StepKind::Grpc => "grpc",
            StepKind::GrpcStream => "grpc-stream",
            StepKind::Ldap => "ldap",
            StepKind::StartTls => "start-tls",
            StepKind::RpcBind => "rpc-bind",
            StepKind::RpcMap => "rpc-map",
            StepKind::RpcPort => "rpc-port",
            StepKind::Proof => "proof",
        }
    }
}

/// Who ended a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initiator {
    /// This machine.
    Local,
    /// Something between the two ends.
    Path,
    /// The other end, as far as can be told.
    Peer,
    /// Nobody said anything.
    Unknown,
}

/// Free facts of a step, by name: numbers, texts, lists.
pub type Detail = BTreeMap<String, serde_json::Value>;

/// One rung, climbed or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Which rung.
    pub step: StepKind,
    /// Whether it was climbed.
    pub ok: bool,
    /// How it ended, where it did not succeed or succeeded with something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Who ended it, where it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<Initiator>,
    /// Milliseconds from the start of the hop to the start of the step.
    pub at_ms: f64,
    /// Duration in milliseconds.
    pub ms: f64,
    /// Facts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: Detail,
}

/// One connection attempt, for the log of a firewall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Source address and port; absent when the system gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub source: Option<SocketAddr>,
    /// Destination address and port.
    #[schemars(with = "String")]
    pub destination: SocketAddr,
    /// When the first packet was sent, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub sent_at: Timestamp,
    /// Connection attempts made by the program.
    pub attempts: u32,
}

/// Everything one probe of one hop saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Id of the hop.
    pub hop: String,
    /// When the probe began.
    pub started: Timestamp,
    /// Duration of the whole probe in milliseconds.
    pub ms: f64,
    /// Rungs in the order in which they were tried.
    pub steps: Vec<Step>,
    /// Connection attempts.
    pub evidence: Vec<Evidence>,
    /// One outcome per connection on which the challenge was sent.
    pub proofs: Vec<ProofOutcome>,
    /// What the other end was recognised as, from what it sent (`Active Directory`, `Kestrel`); a detail, never a verdict.
    pub recognised: Option<String>,
}

impl Observation {
    /// The first step that was not climbed.
    pub fn first_failure(&self) -> Option<&Step> {
        self.steps.iter().find(|s| !s.ok)
    }
}
