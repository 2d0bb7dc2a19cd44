//! DCE/RPC, listener's side: the endpoint mapper, and the ports it points to.
//!
//! A stranger sees what a locked-down server shows to an anonymous caller: binds are answered,
//! look-ups are answered, calls are denied. The site's own connector brings its challenge as an
//! extra presentation context, and is then given the proof by a call on that context.

pub(crate) mod conversation;
mod registry;

use super::codec::Assembler;
use crate::net::Io;
use crate::stand_in::{Caller, StandIn};
use conversation::Conversation;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How long a connection may stay without a word.
const IDLE: Duration = Duration::from_secs(30);

/// Serves one connection until the other end closes or says something that no client says.
///
/// # Errors
/// Those of the connection; `InvalidData` for octets that are not DCE/RPC; `TimedOut` after 30
/// seconds of silence without a proof.
pub async fn serve(mut stream: impl Io, seen: Caller, here: &StandIn) -> io::Result<()> {
    let mut conversation = Conversation::new(here, &seen);
    let mut assembler = Assembler::default();
    let mut chunk = [0; 4096];
    loop {
        let read = tokio::time::timeout(seen.standing.within(IDLE), stream.read(&mut chunk))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        if read == 0 {
            return Ok(());
        }
        assembler.push(&chunk[..read]);
        loop {
            let reply = match assembler.next_pdu() {
                Ok(Some(pdu)) => {
                    seen.standing.request()?;
                    conversation.answer(&pdu)
                }
                Ok(None) => break,
                Err(error) => {
                    if let Some(refusal) = conversation::refuse(error) {
                        stream.write_all(&refusal).await?;
                    }
                    stream.shutdown().await?;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            };
            stream.write_all(&reply.octets).await?;
            if reply.close {
                return stream.shutdown().await;
            }
        }
        stream.flush().await?;
    }
}

#[cfg(test)]
mod tests;
