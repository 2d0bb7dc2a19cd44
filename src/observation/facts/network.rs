//! Facts below and around what is spoken: names, connections, how they ended, and proofs.

use super::family::family;
use crate::reason::Reason;
use jiff::Timestamp;
use std::net::{IpAddr, SocketAddr};

family! {
    /// The look-up of a name.
    Resolve {
        /// What it has, in the order in which they are tried.
        #[schemars(with = "Vec<String>")]
        addresses: Vec<IpAddr>,
        /// How many more it has, which are not tried.
        left_out: usize,
        /// Other names on the way to them (CNAME).
        aliases: Vec<String>,
        /// Addresses of a family for which this machine has no route.
        #[schemars(with = "Vec<String>")]
        no_route: Vec<IpAddr>,
        /// This machine's own resolver gave up before the answer came.
        resolver_gave_up: bool,
        /// Milliseconds after which DNS answered whom the resolver of this machine had given up.
        answered_after_ms: Option<f64>,
    }

    /// A TCP handshake.
    Connect {
        /// Where it went.
        #[schemars(with = "Option<String>")]
        destination: Option<SocketAddr>,
        /// Where it came from.
        #[schemars(with = "Option<String>")]
        source: Option<SocketAddr>,
        /// Other addresses that were tried before, and how each ended, in words.
        tried_before: Vec<String>,
    }

    /// What an outbound proxy said to CONNECT (RFC 9110 section 9.3.6).
    Proxy {
        /// Its status.
        status: Option<u16>,
        /// `Server`.
        server: Option<String>,
        /// `Via`.
        via: Option<String>,
        /// `X-Squid-Error`.
        squid_error: Option<String>,
        /// Ways of signing in that it takes (`Proxy-Authenticate`).
        wants: Vec<String>,
        /// Whether it was given a name and password.
        signed_in: Option<bool>,
        /// What it was asked for.
        asked_for: Option<String>,
    }

    /// What a listener's proof says.
    Proof {
        /// The name of its host.
        host: Option<String>,
        /// The address and port on which it took the connection.
        #[schemars(with = "Option<String>")]
        local: Option<SocketAddr>,
        /// Where it saw the connection come from.
        #[schemars(with = "Option<String>")]
        peer: Option<SocketAddr>,
        /// Its clock.
        #[schemars(with = "Option<String>")]
        clock: Option<Timestamp>,
        /// What it saw of the HTTP request.
        http: Option<serde_json::Value>,
        /// What it saw of the TLS session.
        tls: Option<serde_json::Value>,
        /// The version of the PROXY protocol that came before anything else.
        proxy_protocol: Option<String>,
        /// Whether both ends have the same TLS session.
        same_tls_session: Option<bool>,
        /// Of a probe of several ports, the one that this connection was made to.
        port: Option<u16>,
        /// Ports that it holds.
        listener_ports: Option<String>,
    }

    /// A large exchange, or one after a silence.
    Exchange {
        /// Octets that were sent to come back.
        octets_sent: Option<usize>,
        /// Octets that came back.
        octets_received: Option<usize>,
        /// Milliseconds of silence before it.
        idle_ms: Option<u64>,
        /// Nobody had proved himself on this connection.
        unproved: bool,
        /// It was a small exchange that failed, ahead of the large one.
        small_exchange: bool,
        /// It failed before the silence.
        before_the_silence: bool,
        /// The other end closed the quiet connection in good order.
        closed_by_peer: bool,
        /// What was sent has arrived, by the word of the kernel.
        delivered: bool,
        /// What came back is not what was sent.
        changed: bool,
        /// What became of a fresh connection after it: `works`, or a reason.
        fresh_connection: Option<String>,
    }

    /// What this machine's kernel knows of a connection that failed (Linux `TCP_INFO`).
    Tcp {
        /// Segments that were sent again.
        tcp_retransmitted: Option<u32>,
        /// Segments under way.
        tcp_unacknowledged: Option<u32>,
        /// Octets that the other end has taken.
        tcp_octets_acknowledged: Option<u64>,
        /// Octets that came.
        tcp_octets_received: Option<u64>,
        /// The path MTU that is known.
        tcp_path_mtu: Option<u32>,
        /// The window of the other end, where it never opened.
        tcp_window: Option<u32>,
    }

    /// How a step ended that was not climbed.
    Ended {
        /// The words of the system or of a library.
        error: Option<String>,
        /// A TLS alert, by name.
        alert: Option<String>,
        /// The same by number (RFC 8446 section 6).
        alert_code: Option<u8>,
        /// How its connection ended, where the step's own reason says something wider.
        cause: Option<Reason>,
        /// What the first octets look like.
        looks_like: Option<String>,
        /// The first octets, for people.
        first_octets: Option<String>,
        /// HTTP/2 was broken off as a whole with this code (RFC 9113 section 6.8).
        goaway: Option<String>,
        /// A stream of HTTP/2 was broken off with this code (RFC 9113 section 6.4).
        reset_stream: Option<String>,
    }
}
