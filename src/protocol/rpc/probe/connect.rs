//! Connections that are part of a rung, and their proofs.

use super::session::{Bound, CHALLENGE_CONTEXT, Called, Session};
use crate::climb::{Climb, SentChallenge};
use crate::net::{Io, clock};
use crate::observation::StepKind;
use crate::observation::failure::Failure;
use crate::wire::challenge::MAX_PROOF_LEN;
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpStream;

/// Opens a connection that is part of a rung, with its evidence.
pub(super) async fn dial(climb: &mut Climb<'_>, port: u16) -> Result<TcpStream, Failure> {
    climb.in_time()?;
    climb.dial(port).await
}

/// Calls the challenge's own context, if it was accepted, and notes what became of it; `port` is
/// the one of this connection. Gives the session back unless the call broke it.
pub(super) async fn prove<S: Io>(
    climb: &mut Climb<'_>,
    port: u16,
    bound: Bound<S>,
    asked: Option<&SentChallenge>,
) -> Option<Session<S>> {
    let mut session = bound.session;
    if asked.is_none() || !bound.challenge_accepted {
        climb.proof(asked, None, None);
        return Some(session);
    }
    let begun = clock::instant();
    match within(climb.step_deadline(), session.call(CHALLENGE_CONTEXT, 0, Vec::new())).await {
        Ok(Called::Answered(stub, _)) => {
            let outcome = climb.weigh(asked, Some(&token(&stub)), None);
            climb.note_proof_on(outcome, Some(port));
            Some(session)
        }
        Ok(Called::Fault(_)) => {
            climb.proof(asked, None, None);
            Some(session)
        }
        Err(failure) => {
            climb.note(StepKind::Proof, begun, Err(failure));
            climb.proof(asked, None, None);
            None
        }
    }
}

/// The proof in a stub: its length as 32 bits little-endian, then its text. Anything else gives a
/// text that is no proof.
pub(super) fn token(stub: &[u8]) -> String {
    let Some((length, text)) = stub.split_first_chunk::<4>() else { return String::new() };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let text = text.get(..length).filter(|t| t.len() <= MAX_PROOF_LEN).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

pub(super) async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| Err(Failure::silent()))
}
