//! The rungs that a probe climbs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step of a probe.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Name to addresses.
    Resolve,
    /// TCP handshake.
    Connect,
    /// An outbound proxy is asked to open the way (HTTP CONNECT).
    Proxy,
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
    /// What a domain controller tells those who locate one.
    Directory,
    /// StartTLS on an LDAP connection.
    StartTls,
    /// Bind to the endpoint mapper.
    RpcBind,
    /// Look-up of one interface at the mapper.
    RpcMap,
    /// Connect and bind to one interface's own port.
    RpcPort,
    /// Every port of the dynamic range, or a sample of them.
    RpcRange,
    /// The listener's proof.
    Proof,
    /// The greeting of a known service is exchanged.
    Greeting,
    /// A plain connection is left alone for a second, to see whether it stays.
    Settle,
    /// An exchange of several full packets on the proved connection.
    Payload,
    /// An exchange after a long silence on the proved connection.
    Idle,
}

impl StepKind {
    /// The word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            StepKind::Resolve => "resolve",
            StepKind::Connect => "connect",
            StepKind::Proxy => "proxy",
            StepKind::Tls => "tls",
            StepKind::Alpn => "alpn",
            StepKind::Http => "http",
            StepKind::Grpc => "grpc",
            StepKind::GrpcStream => "grpc-stream",
            StepKind::Ldap => "ldap",
            StepKind::Directory => "directory",
            StepKind::StartTls => "start-tls",
            StepKind::RpcBind => "rpc-bind",
            StepKind::RpcMap => "rpc-map",
            StepKind::RpcPort => "rpc-port",
            StepKind::RpcRange => "rpc-range",
            StepKind::Proof => "proof",
            StepKind::Greeting => "greeting",
            StepKind::Settle => "settle",
            StepKind::Payload => "payload",
            StepKind::Idle => "idle",
        }
    }
}
