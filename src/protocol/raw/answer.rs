//! Answers a challenge on a bare stream: one line in, one line out. A stranger gets nothing but an
//! orderly close.

use super::line::GREETING;
use crate::net::Io;
use crate::stand_in::{Caller, StandIn};
use crate::wire::challenge::{CHALLENGE_LEN, MAX_PADDING};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longest line of somebody who has not shown the key: greeting, challenge, CR LF.
const FIRST_LINE: usize = GREETING.len() + CHALLENGE_LEN * 2 + 2;
/// Longest line of somebody who has: the same, with a space and padding.
const MAX_LINE: usize = FIRST_LINE + 1 + MAX_PADDING;
/// Lines that are answered on one connection.
const MAX_LINES: usize = 16;

/// Serves one connection: answers each line that carries a challenge, and closes at anything else.
///
/// # Errors
/// Those of the connection.
pub async fn lines(mut stream: impl Io, seen: Caller, here: &StandIn) -> io::Result<()> {
    for number in 0..MAX_LINES {
        let line = read_line(&mut stream, if number == 0 { FIRST_LINE } else { MAX_LINE }).await?;
        let words =
            std::str::from_utf8(&line).ok().and_then(|l| l.trim_end().strip_prefix(GREETING));
        let (challenge, padding) = words.map_or(("", ""), |w| w.split_once(' ').unwrap_or((w, "")));
        let Some(proof) = here.prove_text(&seen, challenge, None) else { break };
        let space = if padding.is_empty() { "" } else { " " };
        stream.write_all(format!("{GREETING}{proof}{space}{padding}\r\n").as_bytes()).await?;
        stream.flush().await?;
    }
    stream.shutdown().await
}

/// Octets up to the end of a line, of the connection, or of what is allowed.
async fn read_line(stream: &mut impl Io, most: usize) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(FIRST_LINE);
    let mut chunk = [0; 1024];
    while line.len() < most && !line.contains(&b'\n') {
        let room = chunk.len().min(most - line.len());
        match stream.read(&mut chunk[..room]).await? {
            0 => break,
            n => line.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(line)
}
