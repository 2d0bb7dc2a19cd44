//! Ports of known services: the stand-in answers their greeting, in its real form and with nothing
//! in it, so that what looks into connections on the way sees the protocol that it expects. Nothing
//! is proved on such a connection; the listener's word about it, given over another hop, proves it.
//! Whoever says a challenge first, where the client is the one to speak first, is answered as on
//! any port of plain TCP.

use super::codec::{Dialogue, MAX_GREETING};
use crate::net::Io;
use crate::protocol::raw::{answer, line};
use crate::stand_in::replayed::Rewound;
use crate::stand_in::{Caller, StandIn};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Serves one connection: answers the greeting, and then only waits for the other end to go.
///
/// # Errors
/// Those of the connection.
pub async fn serve(
    mut stream: impl Io,
    seen: Caller,
    here: &StandIn,
    dialogue: &Dialogue,
) -> io::Result<()> {
    let mut heard = Vec::new();
    let mut said = 0;
    let mut chunk = [0; 1024];
    loop {
        while let Some(words) = (dialogue.stand_in)(&heard, said) {
            // Before it is said: whoever has heard it may ask at once.
            here.sightings.answered_to(seen.peer, seen.local, &heard);
            stream.write_all(&words).await?;
            stream.flush().await?;
            said += 1;
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 || heard.len() + read > MAX_GREETING {
            break;
        }
        heard.extend_from_slice(&chunk[..read]);
        if said == 0 && heard.starts_with(line::GREETING.as_bytes()) {
            return answer::lines(Rewound::new(heard, stream), seen, here).await;
        }
    }
    stream.shutdown().await
}
