//! What a peer or a device does to a TCP connection without knowing its protocol.

use super::{Context, text_or_hex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

/// How long a program that keeps a connection keeps it.
const LONG: Duration = Duration::from_secs(30);

/// Passes everything on, with something ahead of it; closes in good order where it cannot.
pub async fn relay(context: &Context, mut stream: TcpStream, to: u16, ahead: &[u8]) {
    match TcpStream::connect(context.backend(&stream, to)).await {
        Ok(mut backend) => {
            let _ = backend.write_all(ahead).await;
            let _ = copy_bidirectional(&mut stream, &mut backend).await;
        }
        Err(_) => close(stream).await,
    }
}

/// Resets once the first octets came.
pub async fn reset(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 16]).await;
    // Octets that nobody read make the kernel reset; the option makes it sure.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

/// Takes everything and never answers.
pub async fn swallow(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

/// Closes in good order once the first octets came.
pub async fn close(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 4096]).await;
    let _ = stream.shutdown().await;
    // What is still on its way must not turn the end into a reset.
    let _ = tokio::time::timeout(Duration::from_secs(1), swallow(stream)).await;
}

/// Says one thing once the first octets came, and then nothing more.
pub async fn say(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    text: Option<&str>,
    hex: Option<&str>,
    closes: bool,
) {
    let _ = stream.read(&mut [0; 8192]).await;
    let _ = stream.write_all(&text_or_hex(text, hex)).await;
    let _ = stream.flush().await;
    if !closes {
        let _ = tokio::time::timeout(LONG, swallow(stream)).await;
    }
}

/// Passes the first connection on, and keeps what the backend said; everybody who comes later hears
/// that.
pub async fn replay(context: &Context, mut stream: TcpStream, to: u16) {
    let kept = context.recorded();
    if let Some(kept) = kept {
        let _ = stream.read(&mut [0; 8192]).await;
        let _ = stream.write_all(&kept).await;
        swallow(stream).await;
        return;
    }
    let Ok(backend) = TcpStream::connect(context.backend(&stream, to)).await else { return };
    let (mut from_backend, mut to_backend) = backend.into_split();
    let (mut from_client, mut to_client) = stream.into_split();
    let asking = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_backend).await;
    });
    let mut said = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(n @ 1..) = from_backend.read(&mut buffer).await {
        said.extend_from_slice(&buffer[..n]);
        context.record(&said);
        if to_client.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
    asking.abort();
}

/// Passes everything on, and changes one character of each proof.
pub async fn tamper(context: &Context, stream: TcpStream, to: u16) {
    let Ok(backend) = TcpStream::connect(context.backend(&stream, to)).await else { return };
    let (mut from_backend, mut to_backend) = backend.into_split();
    let (mut from_client, mut to_client) = stream.into_split();
    let asking = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_backend).await;
    });
    let _ = change(&mut from_backend, &mut to_client).await;
    asking.abort();
}

async fn change(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        if let Some(at) = buffer[..n]
            .windows(13)
            .position(|w| w == b"PORTMATRIX/1 ")
            .map(|at| at + 40)
            .filter(|at| *at < n)
        {
            buffer[at] = if buffer[at] == b'A' { b'B' } else { b'A' };
        }
        to.write_all(&buffer[..n]).await?;
    }
}
