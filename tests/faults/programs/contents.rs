//! Devices that know HTTP/1.1, and change or hold what is said in it.

use super::Context;
use super::forward::{backend, head};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

/// Passes everything on, with another path in the first request.
pub async fn rewrite(context: &Context, mut stream: TcpStream, to: u16, from: &str, into: &str) {
    let Some(first) = head(&mut stream).await else { return };
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    let changed =
        String::from_utf8_lossy(&first).replacen(&format!(" {from} "), &format!(" {into} "), 1);
    if backend.write_all(changed.as_bytes()).await.is_ok() {
        let _ = copy_bidirectional(&mut stream, &mut backend).await;
    }
}

/// Passes requests on, and changes every octet of the bodies that answer them, line ends apart.
pub async fn scramble(context: &Context, stream: TcpStream, to: u16) {
    let Some(backend) = backend(context, &stream, to).await else { return };
    let (mut from_backend, mut to_backend) = backend.into_split();
    let (mut from_client, mut to_client) = stream.into_split();
    let asking = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_backend).await;
    });
    let mut kept = Vec::new();
    let mut left = 0;
    let mut chunk = [0; 4096];
    while let Ok(n @ 1..) = from_backend.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..n]);
        let mut out = Vec::new();
        while !kept.is_empty() {
            if left > 0 {
                let some = left.min(kept.len());
                out.extend(kept.drain(..some).map(|o| if o == b'\n' { o } else { o ^ 1 }));
                left -= some;
                continue;
            }
            let Some(end) = kept.windows(4).position(|w| w == b"\r\n\r\n") else { break };
            let head: Vec<u8> = kept.drain(..end + 4).collect();
            left = length(&head);
            out.extend(head);
        }
        if to_client.write_all(&out).await.is_err() {
            break;
        }
    }
    asking.abort();
}

fn length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    text.lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
        .unwrap_or(0)
}

/// Passes everything on, and holds what comes back in one piece that is larger than so many octets.
pub async fn hold(context: &Context, stream: TcpStream, to: u16, octets: usize, time: Duration) {
    let Some(backend) = backend(context, &stream, to).await else { return };
    let (mut from_backend, mut to_backend) = backend.into_split();
    let (mut from_client, mut to_client) = stream.into_split();
    let asking = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_backend).await;
    });
    let mut chunk = [0; 16 * 1024];
    while let Ok(n @ 1..) = from_backend.read(&mut chunk).await {
        // What was said first comes at once: the head, and less than a packet of the body.
        let first = if n > octets { 700 } else { n };
        if to_client.write_all(&chunk[..first]).await.is_err() {
            break;
        }
        if first < n {
            tokio::time::sleep(time).await;
            if to_client.write_all(&chunk[first..n]).await.is_err() {
                break;
            }
        }
    }
    asking.abort();
}

/// Answers every request with one thing.
pub async fn page(mut stream: TcpStream, text: &str) {
    while head(&mut stream).await.is_some() {
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}
