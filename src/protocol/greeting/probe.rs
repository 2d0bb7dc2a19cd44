//! Ports of known services on plain TCP or inside TLS: rung `greeting`. The service speaks first,
//! or answers what a stranger may say without harm.

use super::codec::{Answer, Dialogue, MAX_GREETING, Next};
use crate::climb::{Climb, Stop, first_octets};
use crate::net::{Io, clock};
use crate::observation::facts::{Families, Greeting};
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::reason::Reason;
use crate::wire::sighting::tag_of_words;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// After so long nothing more belongs to a short answer: whoever says more says it in one go.
const QUIET: Duration = Duration::from_millis(300);
/// Time to take leave. Nobody waits for an answer to that.
const LEAVE: Duration = Duration::from_millis(200);

/// greeting. The challenge has no place in it: the listener's word about this connection, given
/// over another hop, proves a stand-in. `note` adds what else the answer has, given all octets of
/// it.
///
/// # Errors
/// [`Stop`] when the greeting is not answered as the service would.
pub async fn greet(
    climb: &mut Climb<'_>,
    stream: &mut impl Io,
    dialogue: &Dialogue,
    note: impl FnOnce(&[u8], &mut Families),
) -> Result<(), Stop> {
    let begun = clock::instant();
    let (mut heard, mut said) = (Vec::new(), Vec::new());
    let exchange = exchange(stream, dialogue, &mut heard, &mut said);
    let outcome = tokio::time::timeout(climb.step_deadline(), exchange).await;
    climb.said = Some(tag_of_words(&said));
    let outcome = outcome
        .unwrap_or_else(|_| Err(Failure::silent()))
        .map_err(|failure| facts(failure, dialogue, &heard));
    let outcome = outcome.map(|answer| {
        let said = Greeting {
            greeting: Some(dialogue.name.to_owned()),
            words: Some(answer.words.clone()),
            turned_away: answer.turned_away,
            stand_in: answer.stand_in,
        };
        let theirs = answer.clock;
        if !answer.stand_in {
            climb.recognised = Some(answer.words);
        }
        Facts::of(|facts| {
            *facts.greeting = said;
            facts.clock_offset_s =
                theirs.map(|theirs| theirs.as_second() - clock::now().as_second());
            note(&heard, facts);
        })
    });
    let climbed = outcome.is_ok();
    climb.note(StepKind::Greeting, begun, outcome);
    climb.proof(None, None, None);
    if climbed { Ok(()) } else { Err(Stop) }
}

/// Speaks and reads until it is known who is there; without a deadline. What is said in leaving is
/// not in `words_said`.
async fn exchange(
    stream: &mut impl Io,
    dialogue: &Dialogue,
    heard: &mut Vec<u8>,
    words_said: &mut Vec<u8>,
) -> Result<Answer, Failure> {
    let lost = |error: io::Error| Failure::after_connect(&error);
    let mut said = 0;
    loop {
        let answer = match (dialogue.next)(heard, said) {
            Next::Say(words) => {
                said += 1;
                words_said.extend_from_slice(&words);
                stream.write_all(&words).await.map_err(lost)?;
                stream.flush().await.map_err(lost)?;
                continue;
            }
            Next::Known(answer) => answer,
            Next::IfQuiet(answer) => match tokio::time::timeout(QUIET, read(stream, heard)).await {
                Err(_) => answer,
                Ok(Ok(1..)) => continue,
                // Whoever ends it now is none that waits for what the client wants next.
                Ok(Ok(0)) => return Err(Failure::peer(Reason::GreetingNotSpoken)),
                Ok(Err(error)) => return Err(lost(error)),
            },
            Next::More if heard.len() >= MAX_GREETING => {
                return Err(Failure::peer(Reason::GreetingNotSpoken));
            }
            Next::More => match read(stream, heard).await.map_err(lost)? {
                0 => return Err(lost(io::ErrorKind::UnexpectedEof.into())),
                _ => continue,
            },
            Next::Other => return Err(Failure::peer(Reason::GreetingNotSpoken)),
        };
        let leave = async {
            let _ = stream.write_all(answer.bye).await;
            let _ = stream.shutdown().await;
        };
        let _ = tokio::time::timeout(LEAVE, leave).await;
        return Ok(answer);
    }
}

async fn read(stream: &mut impl Io, heard: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 1024];
    let room = chunk.len().min(MAX_GREETING.saturating_sub(heard.len()));
    let read = stream.read(&mut chunk[..room]).await?;
    heard.extend_from_slice(&chunk[..read]);
    Ok(read)
}

/// What came, where it was not what was waited for.
fn facts(failure: Failure, dialogue: &Dialogue, heard: &[u8]) -> Failure {
    let failure = failure.noting(|facts| facts.greeting.greeting = Some(dialogue.name.to_owned()));
    if heard.is_empty() {
        return failure;
    }
    failure.noting(|facts| first_octets::note(facts, heard))
}
