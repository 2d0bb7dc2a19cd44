//! Services that speak first or answer a greeting, and whoever only echoes.

use super::{tcp, text_or_hex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Says these things in turn, then only listens.
pub async fn talk(mut stream: TcpStream, first: bool, says: &[String], pause_ms: u64) {
    for (number, words) in says.iter().enumerate() {
        if number > 0 || !first {
            match stream.read(&mut [0; 4096]).await {
                Ok(1..) => {}
                _ => return,
            }
        }
        let octets = match words.strip_prefix("hex:") {
            Some(hex) => text_or_hex(None, Some(hex)),
            None => text_or_hex(Some(words), None),
        };
        let size = if pause_ms > 0 { 1 } else { octets.len().max(1) };
        for piece in octets.chunks(size) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }
    tcp::swallow(stream).await;
}

/// Gives back what comes.
pub async fn echo(mut stream: TcpStream) {
    let (mut from, mut to) = stream.split();
    let _ = tokio::io::copy(&mut from, &mut to).await;
}
