//! Clients that would hold a listener for ever.

use crate::support::http_grpc::{Listener, listen, listen_within};
use portmatrix::listen::gate::Limits;
use portmatrix::matrix::model::Protocol;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Writes `first`, then `again` for ever, with a pause before each. Returns the octets written and
/// the time until the listener ended it.
async fn pour(
    listener: &Listener,
    first: &[u8],
    again: &[u8],
    pause: Duration,
) -> (usize, Duration) {
    let begun = Instant::now();
    let stream = TcpStream::connect(listener.address).await.expect("a listener");
    let (mut from, mut to) = stream.into_split();
    let mut written = first.len();
    to.write_all(first).await.expect("room for a first line");
    let reader = tokio::spawn(async move {
        let mut sink = [0; 4096];
        while matches!(from.read(&mut sink).await, Ok(n) if n > 0) {}
    });
    let talk = async {
        while !reader.is_finished() {
            tokio::time::sleep(pause).await;
            if to.write_all(again).await.is_err() {
                break;
            }
            written += again.len();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), talk).await.expect("the listener ends it");
    (written, begun.elapsed())
}

#[tokio::test]
async fn endless_headers_end() {
    let listener = listen(Protocol::Http, None, &["/Agent"]);
    let line = format!("x-{}: y\r\n", "a".repeat(1000));
    let (written, _) =
        pour(&listener, b"GET /Agent HTTP/1.1\r\n", line.as_bytes(), Duration::from_millis(1))
            .await;
    assert!(written < 1 << 20, "{written} octets were taken");
}

#[tokio::test]
async fn a_head_that_never_ends_ends_by_time() {
    let listener = listen(Protocol::Http, None, &["/Agent"]);
    let (written, took) =
        pour(&listener, b"GET /Agent HTTP/1.1\r\nx: ", b"a", Duration::from_millis(200)).await;
    assert!(took < Duration::from_secs(12) && written < 200, "{took:?}, {written} octets");
}

#[tokio::test]
async fn an_endless_body_ends() {
    let listener = listen_within(
        Protocol::Http,
        None,
        &["/Agent"],
        Limits { bytes: 256 * 1024, ..Limits::default() },
    );
    let head = b"POST /Agent HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", "b".repeat(4096));
    let (written, took) = pour(&listener, head, chunk.as_bytes(), Duration::ZERO).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    // What the kernel's buffers hold was not read by the listener.
    assert!(written < 32 << 20, "{written} octets were taken");
}

#[tokio::test]
async fn a_life_ends() {
    let listener = listen_within(
        Protocol::Http,
        None,
        &[],
        Limits { lifetime: Duration::from_secs(1), ..Limits::default() },
    );
    // The first letter of an HTTP/2 preface, and of POST.
    let (_, took) = pour(&listener, b"P", b"", Duration::from_millis(50)).await;
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(8), "{took:?}");
}
