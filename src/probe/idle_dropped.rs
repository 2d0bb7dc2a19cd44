//! A connection that is dead after a silence was forgotten on the way, or its other end is gone: a
//! fresh connection tells which.

use crate::climb::{Climb, Tools};
use crate::observation::StepKind;
use crate::observation::failure::Failure;
use crate::protocol::ladder;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;

/// Looks at the rung that ended the climb, and takes `idle-dropped` back where a fresh connection
/// does not work either.
pub async fn look_again(climb: &mut Climb<'_>) {
    let Some(step) = climb
        .last_step()
        .filter(|s| s.step == StepKind::Idle && s.reason() == Some(Reason::IdleDropped))
    else {
        return;
    };
    let cause = step.facts.ended.cause.unwrap_or(Reason::SilentAfterConnect);
    let tools = Tools { idle: None, ..climb.tools.clone() };
    let mut fresh = Climb::new(climb.target, &tools);
    fresh.light = true;
    let climbed = ladder(&mut fresh).await.is_ok();
    let proved = fresh.proofs().iter().any(|p| matches!(p, ProofOutcome::Valid { .. }));
    if climbed && proved {
        climb.add(|facts| facts.exchange.fresh_connection = Some("works".to_owned()));
        return;
    }
    let ended = fresh.failed_step().and_then(|s| s.reason()).unwrap_or(Reason::NotProved);
    climb.correct(
        Failure::unknown(cause)
            .noting(|facts| facts.exchange.fresh_connection = Some(ended.code().to_owned())),
    );
}
