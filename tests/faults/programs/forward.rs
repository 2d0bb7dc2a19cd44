//! Devices that pass on, up to a point.

use super::Context;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

/// Octets of a head that are waited for.
const MAX_HEAD: usize = 16 * 1024;

pub(super) async fn backend(context: &Context, client: &TcpStream, to: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(context.backend(client, to)).await.ok()?;
    let _ = stream.set_nodelay(true);
    Some(stream)
}

/// The next head of HTTP/1.1, with its empty line. What follows is read with it only where it came
/// in the same packet.
pub(super) async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if head.len() > MAX_HEAD || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Refuses requests whose path begins so, with status 0 by closing without an answer; a connection
/// whose first request does not begin so is passed on as it is.
pub async fn filter(
    context: &Context,
    mut stream: TcpStream,
    to: u16,
    refuse: &str,
    (status, page): (u16, &str),
) {
    let Some(first) = head(&mut stream).await else { return };
    let path = String::from_utf8_lossy(&first).split(' ').nth(1).unwrap_or_default().to_owned();
    if path.starts_with(refuse) {
        if status == 0 {
            return;
        }
        let _ = stream.write_all(answer(status, page).as_bytes()).await;
        return;
    }
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    if backend.write_all(&first).await.is_ok() {
        let _ = copy_bidirectional(&mut stream, &mut backend).await;
    }
}

/// Passes every request on, and takes a header out of those for one path.
pub async fn strip(context: &Context, mut stream: TcpStream, to: u16, path: &str, header: &str) {
    let Some(first) = head(&mut stream).await else { return };
    let first = String::from_utf8_lossy(&first).into_owned();
    let asked = first.split(' ').nth(1).unwrap_or_default();
    let stays = |line: &&str| !line.to_ascii_lowercase().starts_with(&format!("{header}:"));
    let lines: Vec<&str> =
        first.split("\r\n").filter(|line| !asked.starts_with(path) || stays(line)).collect();
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    if backend.write_all(lines.join("\r\n").as_bytes()).await.is_ok() {
        let _ = copy_bidirectional(&mut stream, &mut backend).await;
    }
}

/// Passes every request on, and keeps its answer back: says one of its own.
pub async fn keep_back(context: &Context, mut stream: TcpStream, to: u16, status: u16) {
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    while let Some(request) = head(&mut stream).await {
        if backend.write_all(&request).await.is_err() || head(&mut backend).await.is_none() {
            return;
        }
        if stream.write_all(answer(status, "ok").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Passes the first request on, and what answers it; then answers by itself.
pub async fn share(context: &Context, mut stream: TcpStream, to: u16, status: u16) {
    let Some(first) = head(&mut stream).await else { return };
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    if backend.write_all(&first).await.is_err() {
        return;
    }
    let Some(mut answered) = head(&mut backend).await else { return };
    // The listener's answers are short: what the head did not bring comes at once.
    let _ = tokio::time::timeout(Duration::from_millis(50), backend.read_buf(&mut answered)).await;
    let _ = stream.write_all(&answered).await;
    while head(&mut stream).await.is_some() {
        if stream.write_all(answer(status, "ok").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Passes everything on until it closes.
pub async fn close(
    context: &Context,
    mut stream: TcpStream,
    to: u16,
    idle_ms: Option<u64>,
    octets: Option<usize>,
) {
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    let idle = Duration::from_millis(idle_ms.unwrap_or(60_000));
    let (mut there, mut back) = ([0; 4096], [0; 4096]);
    let mut sent = 0;
    loop {
        tokio::select! {
            read = stream.read(&mut there) => {
                let Ok(n @ 1..) = read else { return };
                sent += n;
                // An orderly end needs everything that came to be read.
                if octets.is_some_and(|most| sent > most) {
                    let _ = stream.shutdown().await;
                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    return;
                }
                if backend.write_all(&there[..n]).await.is_err() {
                    return;
                }
            }
            read = backend.read(&mut back) => {
                let Ok(n @ 1..) = read else { return };
                if stream.write_all(&back[..n]).await.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(idle) => {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}

/// Passes the first octets on in both directions, and then takes everything without a sign.
pub async fn swallow(context: &Context, mut stream: TcpStream, to: u16, octets: usize) {
    let Some(mut backend) = backend(context, &stream, to).await else { return };
    let (mut there, mut back) = ([0; 4096], [0; 4096]);
    let mut sent = 0;
    loop {
        tokio::select! {
            read = stream.read(&mut there) => {
                let Ok(n @ 1..) = read else { return };
                sent += n;
                if sent <= octets && backend.write_all(&there[..n]).await.is_err() {
                    return;
                }
            }
            read = backend.read(&mut back) => {
                let Ok(n @ 1..) = read else { return };
                if stream.write_all(&back[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
