//! What proxies make of gRPC: each row has its reason.

use super::relay::{Behind, relay};
use super::scripted_http::{Then, peer};
use crate::support::http_grpc::{Ask, LOOPBACK, hop, identity, key, listen, probe, probe_for};
use h2::server::SendResponse;
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, Response};
use portmatrix::matrix::model::{Expect, Protocol};
use portmatrix::observation::{Observation, StepKind};
use portmatrix::reason::Reason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// An HTTP/2 server without TLS that does this with each request; its port.
async fn server(script: fn(Request<h2::RecvStream>, &mut SendResponse<Bytes>)) -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    script(request, &mut respond);
                }
            });
        }
    });
    port
}

/// Answers with a head, some octets and perhaps trailers.
fn answer(
    respond: &mut SendResponse<Bytes>,
    status: u16,
    headers: &[(&'static str, &'static str)],
    octets: &'static [u8],
    last: Option<&'static str>,
) {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let response = response.body(()).expect("a response");
    if octets.is_empty() && last.is_none() {
        respond.send_response(response, true).expect("open");
        return;
    }
    let mut send = respond.send_response(response, false).expect("open");
    send.send_data(Bytes::from_static(octets), last.is_none()).expect("open");
    if let Some(status) = last {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", status.parse().expect("a value"));
        send.send_trailers(trailers).expect("open");
    }
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");
const HTML: (&str, &str) = ("content-type", "text/html");
const SERVING: &[u8] = &[0, 0, 0, 0, 2, 8, 1];

async fn call(port: u16) -> Observation {
    probe_for(&hop(Protocol::GrpcH2c, port, None, Expect::Allow), Some(key(1)), 2000).await
}

#[tokio::test]
async fn each_answer_has_its_reason() {
    type Script = fn(Request<h2::RecvStream>, &mut SendResponse<Bytes>);
    let scripts: [(&str, Script, Option<Reason>); 14] = [
        ("a server", |_, r| answer(r, 200, &[GRPC], SERVING, Some("0")), None),
        (
            "a server without health checks",
            |_, r| answer(r, 200, &[GRPC, ("grpc-status", "12")], b"", None),
            None,
        ),
        (
            "trailers stripped",
            |_, r| answer(r, 200, &[GRPC], SERVING, None),
            Some(Reason::GrpcTrailersLost),
        ),
        (
            "a proxy without a backend",
            |_, r| answer(r, 502, &[HTML], b"<html>", None),
            Some(Reason::BadGateway),
        ),
        (
            "a proxy that speaks gRPC without a backend",
            |_, r| answer(r, 200, &[GRPC, ("grpc-status", "14")], b"", None),
            Some(Reason::BadGateway),
        ),
        (
            "a gateway that waited",
            |_, r| answer(r, 504, &[HTML], b"<html>", None),
            Some(Reason::BadGateway),
        ),
        ("a wrong path", |_, r| answer(r, 404, &[HTML], b"<html>", None), Some(Reason::HttpStatus)),
        ("a web page", |_, r| answer(r, 200, &[HTML], b"<html>", None), Some(Reason::GrpcFailed)),
        (
            "a captive portal",
            |_, r| answer(r, 302, &[("location", "https://portal.example/")], b"", None),
            Some(Reason::HttpRedirected),
        ),
        (
            "ASP.NET by HTTP/1.1",
            |_, r| answer(r, 426, &[GRPC, ("grpc-status", "13")], b"", None),
            Some(Reason::Http2NotCarried),
        ),
        (
            "RST_STREAM INTERNAL_ERROR",
            |_, r| r.send_reset(h2::Reason::INTERNAL_ERROR),
            Some(Reason::Http2NotCarried),
        ),
        (
            "RST_STREAM REFUSED_STREAM",
            |_, r| r.send_reset(h2::Reason::REFUSED_STREAM),
            Some(Reason::GrpcFailed),
        ),
        (
            "RST_STREAM HTTP_1_1_REQUIRED",
            |_, r| r.send_reset(h2::Reason::HTTP_1_1_REQUIRED),
            Some(Reason::Http2NotCarried),
        ),
        ("RST_STREAM CANCEL", |_, r| r.send_reset(h2::Reason::CANCEL), Some(Reason::GrpcFailed)),
    ];
    for (name, script, reason) in scripts {
        let seen = call(server(script).await).await;
        assert_eq!(seen.failed(), reason.map(|r| (StepKind::Grpc, r)), "{name}: {:#?}", seen.steps);
        assert!(seen.step(StepKind::Http).is_climbed(), "{name}");
    }
}

#[tokio::test]
async fn each_answer_to_the_preface_has_its_reason() {
    let goaway = vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd];
    let draining = vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let http_1 = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec();
    for (name, then, reason) in [
        ("a server that drains", Then::Say(draining), Reason::GrpcFailed),
        ("Kestrel with HTTP/1.x only", Then::Say(goaway), Reason::Http2NotOffered),
        ("HTTP/1.1, and closes", Then::Say(http_1.clone()), Reason::Http2NotOffered),
        ("HTTP/1.1, and waits", Then::SayAndHold(http_1), Reason::Http2NotOffered),
        ("TLS", Then::Say(vec![0x15, 3, 1, 0, 2, 2, 0x46]), Reason::HttpNotSpoken),
        ("SSH", Then::SayAndHold(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Reason::HttpNotSpoken),
        ("half a frame", Then::Say(vec![0, 0, 0]), Reason::HttpNotSpoken),
        ("nothing, and closes", Then::Say(Vec::new()), Reason::ClosedAfterConnect),
        ("nothing, and waits", Then::SayAndHold(Vec::new()), Reason::SilentAfterConnect),
        ("a reset", Then::Reset, Reason::ResetAfterConnect),
    ] {
        let seen =
            probe_for(&hop(Protocol::GrpcH2c, peer(then).await, None, Expect::Allow), None, 700)
                .await;
        assert_eq!(seen.failed(), Some((StepKind::Http, reason)), "{name}: {:#?}", seen.steps);
    }
}

/// SETTINGS, then `frames` as the answer to the first HEADERS, then a close.
async fn raw(frames: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.expect("open");
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.expect("a preface");
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.expect("a frame");
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            stream.read_exact(&mut payload).await.expect("a whole frame");
            if head[3] == 1 {
                break;
            }
        }
        stream.write_all(frames).await.expect("open");
        let _ = stream.shutdown().await;
        let mut rest = [0; 1024];
        while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
    });
    port
}

#[tokio::test]
async fn frames_that_no_library_sends() {
    // HEADERS with `:status: 000`, then RST_STREAM INTERNAL_ERROR: nginx, when what is behind it
    // spoke HTTP/2 to its HTTP/1.1.
    let status_000 = b"\x00\x00\x05\x01\x04\x00\x00\x00\x01\x48\x03000\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x02";
    // HEADERS with `:status: 426` and `upgrade: HTTP/2`: ASP.NET's answer to HTTP/1.1, passed on by
    // nginx.
    let status_426 = b"\x00\x00\x15\x01\x05\x00\x00\x00\x01\x48\x03426\x00\x07upgrade\x06HTTP/2";
    // The same with a status that tells nothing.
    let malformed = b"\x00\x00\x15\x01\x05\x00\x00\x00\x01\x48\x03418\x00\x07upgrade\x06HTTP/2";
    // GOAWAY HTTP_1_1_REQUIRED after the SETTINGS.
    let goaway = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0d";
    for (name, frames, reason) in [
        ("status 000", &status_000[..], Reason::Http2NotCarried),
        ("status 426", status_426, Reason::Http2NotCarried),
        ("a malformed answer", malformed, Reason::GrpcFailed),
        ("GOAWAY HTTP_1_1_REQUIRED", goaway, Reason::Http2NotCarried),
        ("a close", b"", Reason::ClosedAfterConnect),
    ] {
        let seen = call(raw(frames).await).await;
        assert_eq!(seen.failed(), Some((StepKind::Grpc, reason)), "{name}: {:#?}", seen.steps);
    }
}

#[tokio::test]
async fn a_server_that_routes_by_name_alone_is_found_behind_a_path() {
    let port = server(|request, r| {
        if request.uri().path().starts_with("/grpc.health.v1.Health/") {
            answer(r, 200, &[GRPC, ("grpc-status", "12")], b"", None);
        } else {
            answer(r, 404, &[("server", "Kestrel")], b"", None);
        }
    })
    .await;
    let seen = probe(Protocol::GrpcH2c, port, Some("/Agent"), None).await;
    assert_eq!(seen.failed(), None);
    assert_eq!(seen.step(StepKind::Grpc).facts.flat()["path"], "/grpc.health.v1.Health/Check");
    // Where the path must be shut, only the path is asked.
    let shut =
        probe_for(&hop(Protocol::GrpcH2c, port, Some("/Agent"), Expect::Deny), None, 2000).await;
    assert_eq!(shut.step(StepKind::Grpc).facts.flat()["status"], 404);
    assert_eq!(shut.recognised.as_deref(), Some("Kestrel"));
}

#[tokio::test]
async fn a_proxy_that_holds_requests_back_is_seen_by_the_stream_alone() {
    let listener = listen(Protocol::GrpcH2c, Some(key(1)), &[]);
    let port = relay(Behind::Http2, listener.address.port()).await;
    let seen =
        probe_for(&hop(Protocol::GrpcH2c, port, None, Expect::Allow), Some(key(1)), 1000).await;
    assert_eq!(
        seen.failed(),
        Some((StepKind::GrpcStream, Reason::GrpcBuffered)),
        "{:#?}",
        seen.steps
    );
    assert!(seen.step(StepKind::Grpc).is_climbed());
    assert_eq!(seen.step(StepKind::GrpcStream).facts.flat()["answered_after_close"], true);
    assert_eq!(
        seen.claims().http.as_ref().map(|h| h.added.clone()),
        Some(vec!["via: 2 relay".to_owned()])
    );
}

#[tokio::test]
async fn the_listeners_word_shows_that_http2_was_not_carried() {
    let listener = listen(Protocol::GrpcH2c, Some(key(1)), &[]);
    let port = relay(Behind::Http1, listener.address.port()).await;
    let seen = call(port).await;
    assert_eq!(seen.failed(), Some((StepKind::Grpc, Reason::Http2NotCarried)), "{:#?}", seen.steps);
    assert_eq!(seen.step(StepKind::Grpc).facts.flat()["listener_saw_http"], "1.1");
    assert_eq!(seen.claims().http.as_ref().map(|h| h.version.as_str()), Some("1.1"));
}

#[tokio::test]
async fn a_front_without_http2_is_named_by_what_it_selected() {
    for (alpn, selected) in [(&["http/1.1"][..], Some("http/1.1")), (&[], None)] {
        let acceptor = identity().acceptor(alpn).expect("key and certificate fit");
        let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut stream = acceptor.accept(stream).await.expect("TLS");
            let _ = stream.read(&mut [0; 64]).await;
        });
        let seen = probe(Protocol::Grpc, port, None, None).await;
        assert_eq!(seen.failed(), Some((StepKind::Alpn, Reason::Http2NotOffered)));
        assert_eq!(seen.step(StepKind::Alpn).facts.alpn.selected.as_deref(), selected);
    }
}
