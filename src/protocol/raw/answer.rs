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
    let mut came = Vec::with_capacity(FIRST_LINE);
    for number in 0..MAX_LINES {
        let most = if number == 0 { FIRST_LINE } else { MAX_LINE };
        let line = read_line(&mut stream, &mut came, most).await?;
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

/// Octets up to the end of a line, of the connection, or of what is allowed; what came behind them
/// stays in `came`.
async fn read_line(stream: &mut impl Io, came: &mut Vec<u8>, most: usize) -> io::Result<Vec<u8>> {
    let mut chunk = [0; 1024];
    loop {
        let newline = came.iter().position(|octet| *octet == b'\n').map(|at| at + 1);
        if let Some(end) = newline.or((came.len() >= most).then_some(most)) {
            let later = came.split_off(end.min(most));
            return Ok(std::mem::replace(came, later));
        }
        let room = chunk.len().min(most - came.len());
        match stream.read(&mut chunk[..room]).await? {
            0 => return Ok(std::mem::take(came)),
            n => came.extend_from_slice(&chunk[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::model::Protocol;
    use crate::net::clock;
    use crate::wire::challenge::{Aim, Challenge, SiteKey};

    #[tokio::test]
    async fn lines_that_come_together_are_answered_one_by_one() {
        let key = SiteKey::new(&[7; 32]);
        let line = |n: u8, padding: &str| {
            let challenge = Challenge::new([n; 12], "hop", clock::now());
            let challenge = challenge.encode_text(&key, Aim::new("psp", 5000));
            format!("{GREETING}{challenge}{padding}\r\n")
        };
        let said = line(1, "") + &line(2, " abc") + "QUIT\r\n" + &line(3, "");
        for room in [1, 20, 1 << 16] {
            let (mut other, own) = tokio::io::duplex(room);
            let address = std::net::SocketAddr::from(([127, 0, 0, 1], 5000));
            let here = StandIn::new("psp", Protocol::Tcp, Some(key.clone()));
            let server = async { drop(lines(own, Caller::new(address, address), &here).await) };
            let client = async {
                let (mut reader, mut writer) = tokio::io::split(&mut other);
                let mut heard = String::new();
                let say = async { drop(writer.write_all(said.as_bytes()).await) };
                drop(tokio::join!(say, reader.read_to_string(&mut heard)));
                heard
            };
            let heard = tokio::join!(server, client).1;
            let lines: Vec<&str> = heard.split_terminator("\r\n").collect();
            let [first, second] = lines[..] else { panic!("{room}: {heard}") };
            assert!(first.starts_with(GREETING) && !first.ends_with(" abc"), "{room}: {heard}");
            assert!(second.starts_with(GREETING) && second.ends_with(" abc"), "{room}: {heard}");
        }
    }
}
