//! Something large for a service that proves nobody: any answer shows that large packets pass. That
//! there is none shows nothing yet: a service may keep silent at a header that it does not like
//! (see `probe/large.rs`).

use super::connection::aside;
use crate::climb::further_steps::of_stranger;
use crate::climb::{Climb, Stop};
use crate::net::{clock, random};
use crate::observation::failure::Failure;
use crate::observation::{Facts, StepKind};
use crate::wire::challenge::{CHALLENGE_LEN, PADDING, padding};

/// Rung `payload`, on a connection of its own: some servers serve one after the other, and many
/// close after an answer.
///
/// # Errors
/// [`Stop`] when nothing at all came back.
pub(super) async fn to_service(climb: &mut Climb<'_>) -> Result<(), Stop> {
    climb.let_go();
    let opening = tokio::time::timeout(climb.step_deadline(), aside(climb)).await;
    let Ok(Some((mut connection, _))) = opening else { return Ok(()) };
    let begun = clock::instant();
    let words = padding(&random::<CHALLENGE_LEN>(), PADDING);
    let outcome =
        match tokio::time::timeout(climb.step_deadline(), connection.ask(None, &words)).await {
            // Who tires of waiting has not had all of it (RFC 9110 section 15.5.9).
            Ok(Ok(answer)) if answer.status != 408 => {
                let facts = Facts::of(|facts| {
                    of_stranger(facts);
                    facts.http.status = Some(answer.status);
                });
                climb.note(StepKind::Payload, begun, Ok(facts));
                Ok(())
            }
            // What has arrived is not lost for its size: whoever took it is silent, or does not
            // like it.
            Ok(Err(_)) | Err(_) if climb.was_delivered() != Some(false) => Ok(()),
            _ => {
                climb.note(StepKind::Payload, begun, Err(Failure::silent().noting(of_stranger)));
                Err(Stop)
            }
        };
    climb.let_go();
    outcome
}
