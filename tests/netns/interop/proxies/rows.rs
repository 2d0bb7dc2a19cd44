//! The rows: a path, what is behind it, and what must be reported.

use super::Behind::{
    self, AspNet, Grpcio, GrpcioTls, Hung, Nobody, OverHttp1, Silent, StandIn, StandInTls,
    StandInWeb,
};
use portmatrix::matrix::model::Protocol::{self, Grpc, GrpcH2c, Http, Https};

/// Who stands in front. `%F` is the front's address and port, `%B` those of what is behind it, `@`
/// the folder with its certificate.
#[derive(Clone, Copy)]
pub enum Front {
    /// The part of nginx's configuration inside `server`.
    Nginx(&'static str),
    /// A section of haproxy's configuration.
    Haproxy(&'static str),
    /// HTTP/2 to the client, HTTP/1.1 behind, the names of IIS and ARR.
    Iis,
}

/// One path, with what must be reported for each of the hosts behind it: verdict, reason and the
/// rung where it ended; who answered; as what it was recognised; how the two legs stand.
pub struct Row {
    pub path: &'static str,
    pub front: Front,
    pub protocol: Protocol,
    pub url: Option<&'static str>,
    /// Seconds of silence on a proved connection.
    pub idle: Option<u64>,
    pub expect: &'static [(Behind, &'static str)],
}

const fn row(
    path: &'static str,
    protocol: Protocol,
    front: Front,
    expect: &'static [(Behind, &'static str)],
) -> Row {
    Row { path, front, protocol, url: None, idle: None, expect }
}

const PROVED: &str = "pass proved | stand-in | - | ok, ok";
const PROVED_NGINX: &str = "pass proved | stand-in | nginx | ok, ok";

macro_rules! nginx {
    (h2c, $location:literal) => {
        Front::Nginx(concat!("listen %F http2; ", $location))
    };
    (tls, $location:literal) => {
        Front::Nginx(concat!(
            "listen %F ssl http2; ssl_certificate @/pem; ssl_certificate_key @/pem; ",
            $location
        ))
    };
    (http1, $location:literal) => {
        Front::Nginx(concat!(
            "listen %F ssl; ssl_certificate @/pem; ssl_certificate_key @/pem; ",
            $location
        ))
    };
    (plain, $location:literal) => {
        Front::Nginx(concat!("listen %F; ", $location))
    };
}

macro_rules! haproxy {
    ($bind:literal, $rest:literal) => {
        Front::Haproxy(concat!("listen %F\n bind %F ", $bind, "\n ", $rest, "\n"))
    };
}

pub const ROWS: &[Row] = &[
    // HTTP/2 is carried to its end.
    row(
        "haproxy, tcp",
        Grpc,
        haproxy!("", "mode tcp\n server s %B"),
        &[(StandInTls, PROVED), (GrpcioTls, "pass answered | unproved | - | ok, ok")],
    ),
    row(
        "haproxy, tcp",
        GrpcH2c,
        haproxy!("", "mode tcp\n server s %B"),
        &[
            (StandIn, PROVED),
            (Grpcio, "pass answered | unproved | - | ok, ok"),
            // It opens the port, and drops the connection when it finds nobody: a filter before it
            // looks the same.
            (
                Nobody,
                "fail closed-after-connect at http | nobody | - | unknown, unknown OR fail \
                    reset-after-connect at http | nobody | - | unknown, unknown",
            ),
        ],
    ),
    row(
        "nginx, grpc_pass grpc://, h2c",
        GrpcH2c,
        nginx!(h2c, "location / { grpc_pass grpc://%B; }"),
        &[
            (StandIn, PROVED_NGINX),
            (Grpcio, "pass answered | unproved | nginx | ok, ok"),
            (Nobody, "fail bad-gateway at grpc | middlebox | nginx | ok, bad-gateway"),
        ],
    ),
    row(
        "nginx, grpc_pass grpc://, TLS",
        Grpc,
        nginx!(tls, "location / { grpc_pass grpc://%B; }"),
        &[(StandIn, PROVED_NGINX), (Grpcio, "pass answered | unproved | nginx | ok, ok")],
    ),
    row(
        "nginx, grpc_pass grpcs://, TLS",
        Grpc,
        nginx!(tls, "location / { grpc_pass grpcs://%B; }"),
        &[(StandInTls, PROVED_NGINX), (GrpcioTls, "pass answered | unproved | nginx | ok, ok")],
    ),
    row(
        "haproxy, proto h2",
        GrpcH2c,
        haproxy!("proto h2", "server s %B proto h2"),
        &[
            (StandIn, PROVED),
            (Grpcio, "pass answered | unproved | - | ok, ok"),
            (Nobody, "fail bad-gateway at grpc | middlebox | haproxy | ok, bad-gateway"),
        ],
    ),
    row(
        "haproxy, ssl alpn h2",
        Grpc,
        haproxy!("ssl crt @/pem alpn h2", "server s %B ssl verify none alpn h2"),
        &[(StandInTls, PROVED), (GrpcioTls, "pass answered | unproved | - | ok, ok")],
    ),
    // HTTP/1.x behind the front.
    row(
        "nginx, proxy_pass to an h2c port",
        GrpcH2c,
        nginx!(h2c, "location / { proxy_pass http://%B; }"),
        &[
            (StandIn, "fail http2-not-carried at grpc | middlebox | nginx | ok, http2-not-carried"),
            (Grpcio, "fail http2-not-carried at grpc | middlebox | - | ok, http2-not-carried"),
        ],
    ),
    row(
        "nginx, proxy_pass to a TLS port with h2",
        Grpc,
        nginx!(tls, "location / { proxy_pass https://%B; }"),
        &[
            (
                StandInTls,
                "fail http2-not-carried at grpc | middlebox | nginx | ok, http2-not-carried",
            ),
            // nginx hides why: the server behind it broke the handshake off, for nobody offered it
            // HTTP/2.
            (GrpcioTls, "fail bad-gateway at grpc | middlebox | nginx | ok, bad-gateway"),
        ],
    ),
    row(
        "nginx, proxy_pass, ASP.NET's 426",
        GrpcH2c,
        nginx!(h2c, "location / { proxy_pass http://%B; proxy_http_version 1.1; }"),
        &[(AspNet, "fail http2-not-carried at grpc | middlebox | - | ok, http2-not-carried")],
    ),
    row(
        "nginx, proxy_pass to HTTP/1.1 with trailers",
        GrpcH2c,
        nginx!(h2c, "location / { proxy_pass http://%B; proxy_http_version 1.1; }"),
        &[(
            OverHttp1,
            "fail grpc-trailers-lost at grpc | unproved | nginx | ok, grpc-trailers-lost",
        )],
    ),
    row(
        "haproxy, HTTP/1.1 with trailers",
        GrpcH2c,
        haproxy!("proto h2", "server s %B"),
        &[(OverHttp1, "fail grpc-buffered at grpc-stream | middlebox | - | ok, grpc-buffered")],
    ),
    row(
        "haproxy, HTTP/1.1 to an h2c port",
        GrpcH2c,
        haproxy!("proto h2", "server s %B"),
        &[
            (StandIn, "fail http2-not-carried at grpc | middlebox | - | ok, http2-not-carried"),
            (Grpcio, "fail bad-gateway at grpc | middlebox | haproxy | ok, bad-gateway"),
        ],
    ),
    row(
        "haproxy, HTTP/1.1 over TLS",
        Grpc,
        haproxy!("ssl crt @/pem alpn h2", "server s %B ssl verify none"),
        &[
            (StandInTls, "fail http2-not-carried at grpc | middlebox | - | ok, http2-not-carried"),
            // The server hung up on HTTP/1.1, and haproxy gives the call back unprocessed.
            (GrpcioTls, "fail bad-gateway at grpc | middlebox | - | ok, bad-gateway"),
        ],
    ),
    row(
        "IIS with ARR, HTTP/1.1 behind",
        Grpc,
        Front::Iis,
        &[
            (
                StandIn,
                "fail http2-not-carried at grpc | middlebox | IIS 10.0 with ARR 3.0 | ok, \
                    http2-not-carried",
            ),
            (
                AspNet,
                "fail http2-not-carried at grpc | middlebox | IIS 10.0 with ARR 3.0 | ok, \
                    http2-not-carried",
            ),
            (
                Grpcio,
                "fail bad-gateway at grpc | middlebox | IIS 10.0 with ARR 3.0 | ok, bad-gateway",
            ),
            (
                Nobody,
                "fail bad-gateway at grpc | middlebox | IIS 10.0 with ARR 3.0 | ok, bad-gateway",
            ),
        ],
    ),
    // No HTTP/2 before the front.
    row(
        "nginx without HTTP/2",
        Grpc,
        nginx!(http1, "location / { grpc_pass grpc://%B; }"),
        &[
            (StandIn, "fail http2-not-offered at alpn | unproved | - | http2-not-offered, unknown"),
            (Grpcio, "fail http2-not-offered at alpn | unproved | - | http2-not-offered, unknown"),
        ],
    ),
    row(
        "haproxy, alpn http/1.1",
        Grpc,
        haproxy!("ssl crt @/pem alpn http/1.1", "server s %B proto h2"),
        &[
            (StandIn, "fail http2-not-offered at alpn | unproved | - | http2-not-offered, unknown"),
            (Grpcio, "fail http2-not-offered at alpn | unproved | - | http2-not-offered, unknown"),
        ],
    ),
    // Nobody, or nobody who answers, behind the front.
    row(
        "nginx, grpc_pass, waits 1 s",
        GrpcH2c,
        nginx!(h2c, "location / { grpc_pass grpc://%B; grpc_read_timeout 1s; }"),
        &[
            (Silent, "fail bad-gateway at grpc | middlebox | nginx | ok, bad-gateway"),
            (Hung, "fail bad-gateway at grpc | middlebox | nginx | ok, bad-gateway"),
        ],
    ),
    row(
        "nginx, grpc_pass, waits longer than the probe",
        GrpcH2c,
        nginx!(h2c, "location / { grpc_pass grpc://%B; }"),
        &[(Hung, "fail silent-after-connect at grpc | unproved | - | ok, silent-after-connect")],
    ),
    row(
        "haproxy, waits 1 s",
        GrpcH2c,
        haproxy!("proto h2", "timeout server 1s\n server s %B proto h2"),
        &[
            // It gives the call back unprocessed (REFUSED_STREAM) where nobody took it.
            (Silent, "fail bad-gateway at grpc | middlebox | - | ok, bad-gateway"),
            (Hung, "fail bad-gateway at grpc | middlebox | haproxy | ok, bad-gateway"),
        ],
    ),
    // The front's own rules.
    row(
        "nginx, another path",
        GrpcH2c,
        nginx!(h2c, "location /Agent/ { grpc_pass grpc://%B; }"),
        &[
            (StandIn, "fail http-status at grpc | unproved | nginx | ok, unknown"),
            (Grpcio, "fail http-status at grpc | unproved | nginx | ok, unknown"),
        ],
    ),
    Row {
        url: Some("/Agent"),
        ..row(
            "nginx, the path alone",
            GrpcH2c,
            nginx!(h2c, "location /Agent/ { grpc_pass grpc://%B; }"),
            &[(StandIn, PROVED_NGINX)],
        )
    },
    row(
        "haproxy, a path that is denied",
        GrpcH2c,
        haproxy!("proto h2", "http-request deny if { path_beg /grpc }\n server s %B proto h2"),
        &[(Grpcio, "fail http-status at grpc | unproved | haproxy | ok, unknown")],
    ),
    row(
        "nginx, messages up to 4 octets",
        GrpcH2c,
        nginx!(h2c, "client_max_body_size 4; location / { grpc_pass grpc://%B; }"),
        &[
            (StandIn, "fail http-status at grpc | unproved | nginx | ok, unknown"),
            (Grpcio, "fail http-status at grpc | unproved | nginx | ok, unknown"),
        ],
    ),
    // The service has begun its answer by then, so nginx resets the call where it would say 413.
    row(
        "nginx, messages up to 2 KiB",
        GrpcH2c,
        nginx!(h2c, "client_max_body_size 2k; location / { grpc_pass grpc://%B; }"),
        &[(StandIn, "fail grpc-failed at payload | stand-in | nginx | ok, grpc-failed")],
    ),
    Row {
        idle: Some(2),
        ..row(
            "nginx, ends a call that is quiet for 1 s",
            GrpcH2c,
            nginx!(h2c, "location / { grpc_pass grpc://%B; grpc_read_timeout 1s; }"),
            &[(StandIn, "fail idle-dropped at idle | stand-in | nginx | ok, idle-dropped")],
        )
    },
    Row {
        idle: Some(2),
        ..row(
            "haproxy, ends a call that is quiet for 1 s",
            GrpcH2c,
            haproxy!("proto h2", "timeout server 1s\n server s %B proto h2"),
            &[(StandIn, "fail idle-dropped at idle | stand-in | - | ok, idle-dropped")],
        )
    },
    Row {
        idle: Some(1),
        ..row(
            "nginx, a call that is quiet for less",
            GrpcH2c,
            nginx!(h2c, "location / { grpc_pass grpc://%B; grpc_read_timeout 8s; }"),
            &[(StandIn, PROVED_NGINX)],
        )
    },
    // The web, without gRPC.
    Row {
        url: Some("/Agent"),
        ..row(
            "nginx, proxy_pass, web",
            Http,
            nginx!(
                plain,
                "location / { proxy_pass http://%B; proxy_set_header X-Forwarded-For $remote_addr; \
                    }"
            ),
            &[
                (StandInWeb, PROVED_NGINX),
                (Nobody, "fail bad-gateway at http | middlebox | nginx | ok, bad-gateway"),
            ],
        )
    },
    Row {
        url: Some("/admin"),
        ..row(
            "nginx, proxy_pass, web, another path",
            Http,
            nginx!(plain, "location /Agent { proxy_pass http://%B; }"),
            &[(StandInWeb, "fail http-status at http | unproved | nginx | ok, unknown")],
        )
    },
    // Plain HTTP to a port of TLS.
    row(
        "nginx, plain to a TLS port, HTTP/1.1",
        Https,
        nginx!(http1, "location / { proxy_pass http://%B; }"),
        &[(StandInTls, "fail bad-gateway at http | middlebox | - | ok, bad-gateway")],
    ),
    row(
        "nginx, plain to a TLS port, HTTP/2",
        Https,
        nginx!(tls, "location / { proxy_pass http://%B; }"),
        &[(StandInTls, "fail bad-gateway at http | middlebox | - | ok, bad-gateway")],
    ),
    row(
        "nginx, plain to a TLS port, without TLS",
        Http,
        nginx!(plain, "location / { proxy_pass http://%B; }"),
        &[(StandInTls, "fail bad-gateway at http | middlebox | - | ok, bad-gateway")],
    ),
    row(
        "haproxy, plain to a TLS port",
        Https,
        haproxy!("ssl crt @/pem alpn http/1.1", "server s %B"),
        &[(StandInTls, "fail bad-gateway at http | middlebox | haproxy | ok, bad-gateway")],
    ),
    // The PROXY protocol.
    Row {
        url: Some("/Agent"),
        ..row(
            "haproxy, send-proxy",
            Http,
            haproxy!("", "server s %B send-proxy"),
            &[(StandInWeb, "fail proxy-protocol | middlebox | - | ok, proxy-protocol")],
        )
    },
    row(
        "haproxy, tcp, send-proxy-v2",
        Grpc,
        haproxy!("", "mode tcp\n server s %B send-proxy-v2"),
        &[(StandInTls, "fail proxy-protocol | middlebox | - | ok, proxy-protocol")],
    ),
    // What says "not you", "not here" or "not now".
    Row {
        url: Some("/Agent"),
        ..row(
            "nginx wants a client certificate",
            Https,
            nginx!(
                http1,
                "ssl_verify_client on; ssl_client_certificate @/pem; location / { proxy_pass \
                    http://%B; }"
            ),
            &[(StandInWeb, "fail http-status at http | unproved | nginx | ok, unknown")],
        )
    },
    Row {
        url: Some("/Agent"),
        ..row(
            "nginx, one request a minute",
            Http,
            nginx!(plain, "limit_req zone=few; location / { proxy_pass http://%B; }"),
            &[(StandInWeb, "fail http-status at payload | stand-in | nginx | ok, http-status")],
        )
    },
    Row {
        url: Some("/Agent"),
        ..row(
            "nginx, one page for every path",
            Http,
            nginx!(
                plain,
                "location / { default_type text/html; return 200 '<form action=/sign-in></form>'; }"
            ),
            &[(StandInWeb, "inconclusive not-proved | unproved | nginx | ok, unknown")],
        )
    },
    Row {
        url: Some("/Agent"),
        ..row(
            "nginx changes the path",
            Http,
            nginx!(plain, "location /Agent { proxy_pass http://%B/Agent/inner; }"),
            &[(StandInWeb, "fail wrong-listener | stand-in | nginx | ok, wrong-listener")],
        )
    },
];
