//! Peers that say one thing, whatever they are asked.

use crate::support::http_grpc::{Ask, LOOPBACK, hop, probe_for};
use portmatrix::matrix::model::{Expect, Protocol};
use portmatrix::observation::{Observation, StepKind};
use portmatrix::reason::Reason;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What a peer does once it has read something.
#[derive(Clone)]
pub enum Then {
    /// Say this and close.
    Say(Vec<u8>),
    /// Say this and hold the connection.
    SayAndHold(Vec<u8>),
    Reset,
}

/// A peer that does the same on every connection; its port.
pub async fn peer(then: Then) -> u16 {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let then = then.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                match then {
                    Then::Say(words) => {
                        let _ = stream.write_all(&words).await;
                        let _ = stream.shutdown().await;
                        // Until the other end closes too, so that no reset overtakes the words.
                        while matches!(stream.read(&mut request).await, Ok(n) if n > 0) {}
                    }
                    Then::SayAndHold(words) => {
                        let _ = stream.write_all(&words).await;
                        while matches!(stream.read(&mut request).await, Ok(n) if n > 0) {}
                    }
                    Then::Reset => {
                        let _ = socket2::SockRef::from(&stream)
                            .set_linger(Some(std::time::Duration::ZERO));
                    }
                }
            });
        }
    });
    port
}

async fn get(then: Then, expect: Expect) -> Observation {
    let port = peer(then).await;
    probe_for(&hop(Protocol::Http, port, Some("/Agent"), expect), None, 700).await
}

fn response(status: &str, headers: &str, body: &str) -> Then {
    Then::Say(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
            .into_bytes(),
    )
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_peer_has_its_reason() {
    let tls_alert = vec![0x15, 3, 1, 0, 2, 2, 0x46];
    let endless = format!(
        "HTTP/1.1 200 OK\r\n{}",
        "x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(20_000)
    );
    for (name, then, reason) in [
        ("a service", response("200 OK", "", "hello"), None),
        ("a service for machines", response("405 Method Not Allowed", "", ""), None),
        (
            "a service that wants a sign-in",
            response(
                "401 Unauthorized",
                "www-authenticate: \
            Negotiate\r\n",
                "",
            ),
            None,
        ),
        (
            "a proxy without a backend",
            response("502 Bad Gateway", "", "<html>"),
            Some(Reason::BadGateway),
        ),
        (
            "a gateway that waited",
            response("504 Gateway Timeout", "", "<html>"),
            Some(Reason::BadGateway),
        ),
        (
            "a broken service",
            response(
                "500 Internal Server \
            Error",
                "",
                "",
            ),
            Some(Reason::HttpStatus),
        ),
        ("another service", response("404 Not Found", "", ""), Some(Reason::HttpStatus)),
        ("a filter", response("403 Forbidden", "", "blocked"), Some(Reason::HttpStatus)),
        (
            "a captive portal",
            response("302 Found", "location: http://portal.example/login\r\n", ""),
            Some(Reason::HttpRedirected),
        ),
        (
            "a step to TLS",
            response("301 Moved", "location: https://localhost/Agent\r\n", ""),
            Some(Reason::HttpRedirected),
        ),
        ("a slash", response("301 Moved", "location: /Agent/\r\n", ""), None),
        (
            "nginx with TLS",
            response(
                "400 Bad Request",
                "",
                "The plain HTTP request was sent to \
            HTTPS port",
            ),
            Some(Reason::HttpNotSpoken),
        ),
        ("TLS", Then::Say(tls_alert), Some(Reason::HttpNotSpoken)),
        ("SSH", Then::Say(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), Some(Reason::HttpNotSpoken)),
        ("an endless head", Then::Say(endless.into_bytes()), Some(Reason::HttpNotSpoken)),
        ("odd HTTP", Then::Say(b"http/1.1 299\nServer : x\nX: a\n b\n\nok".to_vec()), None),
        ("an old version", Then::Say(b"HTTP/1.0 200 OK\r\n\r\nhello".to_vec()), None),
        (
            "early hints",
            Then::Say(
                b"HTTP/1.1 103 Early\r\nlink: </x>\r\n\r\nHTTP/1.1 200 \
            OK\r\ncontent-length: 0\r\n\r\n"
                    .to_vec(),
            ),
            None,
        ),
        ("HTTP/0.9", Then::Say(b"<html>hello</html>".to_vec()), Some(Reason::HttpNotSpoken)),
        (
            "a host name that is not known",
            response(
                "400 Bad Request",
                "",
                "Bad Request - Invalid \
            Hostname",
            ),
            Some(Reason::HttpStatus),
        ),
        (
            "a misdirected request",
            response("421 Misdirected Request", "", ""),
            Some(Reason::HttpStatus),
        ),
        (
            "a rate limit",
            response("503 Service Unavailable", "retry-after: 5\r\n", ""),
            Some(Reason::HttpStatus),
        ),
        (
            "a stopped pool",
            response("503 Service Unavailable", "server: Microsoft-HTTPAPI/2.0\r\n", ""),
            Some(Reason::HttpStatus),
        ),
        (
            "half a head",
            Then::Say(b"HTTP/1.1 200 OK\r\nserv".to_vec()),
            Some(Reason::ClosedAfterConnect),
        ),
        ("nothing, and closes", Then::Say(Vec::new()), Some(Reason::ClosedAfterConnect)),
        ("nothing, and waits", Then::SayAndHold(Vec::new()), Some(Reason::SilentAfterConnect)),
        ("a reset", Then::Reset, Some(Reason::ResetAfterConnect)),
    ] {
        let seen = get(then, Expect::Allow).await;
        assert_eq!(seen.failed(), reason.map(|r| (StepKind::Http, r)), "{name}: {:#?}", seen.steps);
    }
}

#[tokio::test]
async fn facts_are_told_and_bounded() {
    let long = "k".repeat(5000);
    let body = "b".repeat(50_000);
    let headers =
        format!("server: Kestrel\x07{long}\r\ncontent-type: text/html\r\nvia: 1.1 proxy\r\n");
    let seen = get(response("200 OK", &headers.replace('\x07', "\t"), &body), Expect::Allow).await;
    assert_eq!(seen.failed(), None);
    let recognised = seen.recognised.as_deref().expect("a server that names itself");
    assert!(recognised.starts_with("Kestrel.kkk") && recognised.len() <= 200, "{recognised}");
    let detail = &seen.step(StepKind::Http).facts.flat();
    assert_eq!(
        (&detail["body_octets"], &detail["content_type"], &detail["via"]),
        (&4096.into(), &"text/html".into(), &"1.1 proxy".into())
    );
}

#[tokio::test]
async fn a_body_without_end_does_not_hold_the_probe() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n".to_vec();
    let port = peer(Then::SayAndHold(head)).await;
    let seen = probe_for(&hop(Protocol::Http, port, None, Expect::Allow), None, 5000).await;
    assert_eq!(seen.failed(), None);
    assert_eq!(seen.step(StepKind::Http).facts.flat()["body_octets"], 9);
}

#[tokio::test]
async fn what_is_unclear_or_odd_is_noted() {
    let seen = get(response("400 Bad Request", "", ""), Expect::Allow).await;
    assert!(seen.step(StepKind::Http).facts.flat().contains_key("unclear"));
    let seen = get(response("400 Bad Request", "server: Kestrel\r\n", "{}"), Expect::Allow).await;
    assert!(
        !seen.step(StepKind::Http).facts.flat().contains_key("unclear"),
        "an application says so"
    );
    let seen = get(
        response("400 Bad Request", "server: Kestrel\r\nconnection: close\r\n", ""),
        Expect::Allow,
    )
    .await;
    assert!(
        seen.step(StepKind::Http).facts.flat().contains_key("unclear"),
        "its server could not read the request"
    );
    let many = "set-cookie: a=b\r\n".repeat(300);
    let seen = get(response("200 OK", &many, "hello"), Expect::Allow).await;
    assert_eq!(seen.step(StepKind::Http).facts.flat()["odd"][0], "more than 100 header lines");
    assert_eq!(
        seen.step(StepKind::Http).facts.flat()["no_such_path"],
        "answered-alike",
        "this one answers everything so"
    );
}

#[tokio::test]
async fn a_hop_that_must_be_shut_keeps_the_status() {
    for (status, code) in [("404 Not Found", 404), ("502 Bad Gateway", 502), ("403 Forbidden", 403)]
    {
        let seen = get(response(status, "", ""), Expect::Deny).await;
        assert_eq!(seen.failed(), None, "{status}");
        assert_eq!(seen.step(StepKind::Http).facts.flat()["status"], code);
    }
}
