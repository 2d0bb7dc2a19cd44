//! Plain TCP and plain TLS: one line in, one line out. A stranger gets nothing but an orderly close.

use super::{Seen, StandIn};
use crate::net::Io;
use crate::proto::challenge::CHALLENGE_LEN;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How the line begins, in both directions (the connector's `probe::tcp` has the same).
const GREETING: &str = "PORTMATRIX/1 ";
/// Longest line that is read: greeting, challenge, CR LF.
const MAX_LINE: usize = GREETING.len() + CHALLENGE_LEN * 2 + 2;

/// Serves one connection until the line was answered or the other end closes.
///
/// # Errors
/// Those of the connection.
pub async fn serve(mut stream: impl Io, seen: Seen, here: &StandIn) -> io::Result<()> {
    let mut line = Vec::with_capacity(MAX_LINE);
    let mut chunk = [0; MAX_LINE];
    while line.len() < MAX_LINE && !line.contains(&b'\n') {
        match stream.read(&mut chunk[..MAX_LINE - line.len()]).await? {
            0 => break,
            n => line.extend_from_slice(&chunk[..n]),
        }
    }
    let challenge = std::str::from_utf8(&line).ok().and_then(|l| l.trim_end().strip_prefix(GREETING));
    if let Some(proof) = challenge.and_then(|c| here.prove_text(&seen, c, None)) {
        stream.write_all(format!("{GREETING}{proof}\r\n").as_bytes()).await?;
    }
    stream.shutdown().await
}
