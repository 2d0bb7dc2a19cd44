//! The rungs that a probe climbs.

use crate::open_words::words;

words! {
    /// One step of a probe.
    "a step"
    StepKind {
        /// Name to addresses.
        Resolve = "resolve",
        /// TCP handshake.
        Connect = "connect",
        /// An outbound proxy is asked to open the way (HTTP CONNECT).
        Proxy = "proxy",
        /// TLS handshake.
        Tls = "tls",
        /// What ALPN selected.
        Alpn = "alpn",
        /// HTTP request and answer, or the HTTP/2 settings.
        Http = "http",
        /// gRPC unary call with trailers.
        Grpc = "grpc",
        /// gRPC bidirectional ping-pong.
        GrpcStream = "grpc-stream",
        /// rootDSE search.
        Ldap = "ldap",
        /// What a domain controller tells those who locate one.
        Directory = "directory",
        /// StartTLS on an LDAP connection.
        StartTls = "start-tls",
        /// Bind to the endpoint mapper.
        RpcBind = "rpc-bind",
        /// Look-up of one interface at the mapper.
        RpcMap = "rpc-map",
        /// Connect and bind to one interface's own port.
        RpcPort = "rpc-port",
        /// Every port of the dynamic range, or a sample of them.
        RpcRange = "rpc-range",
        /// The listener's proof.
        Proof = "proof",
        /// The greeting of a known service is exchanged.
        Greeting = "greeting",
        /// A plain connection is left alone for a second, to see whether it stays.
        Settle = "settle",
        /// An exchange of several full packets on the proved connection.
        Payload = "payload",
        /// An exchange after a long silence on the proved connection.
        Idle = "idle",
    }
}
