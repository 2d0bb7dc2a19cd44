//! Plain TCP and plain TLS: flows whose application protocol portmatrix does not speak. The
//! challenge is the first line.

use super::line::GREETING;
use crate::climb::further_steps::{Exchange, Heard, further_steps};
use crate::climb::{Climb, SentChallenge, Stop};
use crate::matrix::model::Protocol;
use crate::net::{Io, clock};
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::protocol::greeting;
use crate::reason::Reason;
use crate::wire::challenge::{Exporter, MAX_PADDING, MAX_PROOF_LEN};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// connect, (tls), proof.
///
/// # Errors
/// [`Stop`] at the first rung that is not climbed.
pub async fn climb(climb: &mut Climb<'_>) -> Result<(), Stop> {
    let stream = climb.connect(climb.target.hop.port).await?;
    if climb.target.hop.flow.protocol == Protocol::Tls {
        let session = climb.tls(stream, &[]).await?;
        let exporter = session.exporter;
        ask(climb, session.stream, exporter).await
    } else {
        ask(climb, stream, None).await
    }
}

/// Sends the challenge as the first line and reads one line. A real service may answer anything, or
/// nothing: neither is a failure.
async fn ask(
    climb: &mut Climb<'_>,
    mut stream: impl Io,
    exporter: Option<Exporter>,
) -> Result<(), Stop> {
    if let Some(greeting) = climb.target.hop.flow.options.greeting() {
        return greeting::probe::greet(climb, &mut stream, &greeting.dialogue(), |_, _| ()).await;
    }
    let asked = climb.challenge().filter(|_| climb.target.hop.flow.options.first_bytes());
    let Some(asked) = asked else {
        climb.proof(None, None, None);
        return settle(climb, &mut stream).await;
    };
    let begun = clock::instant();
    let heard = match tokio::time::timeout(climb.step_deadline(), exchange(&mut stream, &asked, ""))
        .await
    {
        Ok(Ok(heard)) => heard,
        // A service that resets on a first line that it does not know still took the connection; so
        // does a proxy without a backend.
        Ok(Err(failure)) => {
            climb.note(StepKind::Proof, begun, Err(failure));
            climb.proof(Some(&asked), None, None);
            return Err(Stop);
        }
        Err(_) => {
            climb.note(StepKind::Proof, begun, Err(Failure::silent()));
            climb.proof(Some(&asked), None, None);
            return Err(Stop);
        }
    };
    climb.proof(Some(&asked), heard.proof.as_deref(), exporter.as_ref());
    further_steps(climb, exporter.as_ref(), &mut Lines(stream)).await
}

/// A connection on which lines are exchanged.
struct Lines<S>(S);

impl<S: Io> Exchange for Lines<S> {
    async fn exchange(&mut self, asked: &SentChallenge, padding: &str) -> Result<Heard, Failure> {
        // Who proved itself on this connection answers each line: none is its end.
        match exchange(&mut self.0, asked, padding).await? {
            Heard { proof: None, .. } => {
                Err(Failure::after_connect(&io::ErrorKind::UnexpectedEof.into()))
            }
            heard => Ok(heard),
        }
    }
}

/// One line there, with padding behind the challenge, and one line back.
async fn exchange(
    stream: &mut impl Io,
    asked: &SentChallenge,
    padding: &str,
) -> Result<Heard, Failure> {
    let talk = async {
        let space = if padding.is_empty() { "" } else { " " };
        stream
            .write_all(format!("{GREETING}{}{space}{padding}\r\n", asked.text).as_bytes())
            .await?;
        stream.flush().await?;
        let mut line = Vec::new();
        let mut limited = stream.take((MAX_PROOF_LEN + MAX_PADDING + 64) as u64);
        let mut chunk = [0; 1024];
        while !line.contains(&b'\n') {
            match limited.read(&mut chunk).await? {
                0 => break,
                n => line.extend_from_slice(&chunk[..n]),
            }
        }
        Ok::<_, io::Error>(line)
    };
    let line = talk.await.map_err(|e| Failure::after_connect(&e))?;
    // A line that was cut off is none: what it says of a proof was not said to its end.
    if line.starts_with(GREETING.as_bytes()) && !line.contains(&b'\n') {
        return Err(
            Failure::after_connect(&io::ErrorKind::UnexpectedEof.into()).with("answer_begun", true)
        );
    }
    let text = String::from_utf8_lossy(&line);
    let mut words = text.trim_end().strip_prefix(GREETING).unwrap_or_default().split(' ');
    let proof = words.next().filter(|word| !word.is_empty()).map(str::to_owned);
    Ok(Heard { proof, padding: words.next().unwrap_or_default().as_bytes().to_vec(), status: None })
}

/// How long a connection is watched on which nothing is said. A device that opens connections for a
/// host that is not there resets them within a round trip or two.
const SETTLE: Duration = Duration::from_secs(1);

/// Rung `settle`: nothing may be said here, so the connection is only watched. That it stays open,
/// or a greeting, is all that can be hoped for.
async fn settle(climb: &mut Climb<'_>, stream: &mut impl Io) -> Result<(), Stop> {
    let begun = clock::instant();
    let mut first = [0; 64];
    let outcome = match tokio::time::timeout(
        SETTLE.min(climb.step_deadline()),
        stream.read(&mut first),
    )
    .await
    {
        // A window that never opened: a device took the handshake for a host that it cannot reach.
        Err(_) if climb.is_window_shut() => Err(Failure::silent()),
        Err(_) => Ok(Facts::of(|facts| facts.more.add("stayed_open", true))),
        Ok(Ok(0)) => Err(Failure::unknown(Reason::ClosedAfterConnect)),
        Ok(Ok(n)) => Ok(Facts::of(|facts| {
            facts.greeting.greeting = Some(crate::wire::octets::printable(&first[..n], 64));
        })),
        Ok(Err(error)) => Err(Failure::after_connect(&error)),
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::Settle, begun, outcome);
    if climbed { Ok(()) } else { Err(Stop) }
}
