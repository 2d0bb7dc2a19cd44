//! A large exchange that goes silent may have been too large for the way, or too much for somebody on it. The same hop once more, in small
//! packets, tells which.

use super::{Climb, Target, Tools, ladder};
use crate::net::failure::Failure;
use crate::observation::{Initiator, StepKind};
use crate::reason::Reason;

/// Looks at the rung that ended the climb, and corrects its reason where the same octets are lost in small packets as well.
pub async fn look_again(climb: &mut Climb<'_>) {
    let lost = climb.last_step().is_some_and(|s| s.step == StepKind::Payload && s.reason == Some(Reason::MtuBlackHole));
    if !lost || climb.target.small_segments || climb.in_time().is_err() {
        return;
    }
    let target = Target { small_segments: true, ..climb.target.clone() };
    let tools = Tools { idle: None, ..climb.tools.clone() };
    let mut again = Climb::new(&target, &tools);
    // The ladder is the one that this look belongs to: boxed, it has a size.
    let _ = Box::pin(ladder(&mut again)).await;
    let Some(last) = again.last_step().filter(|s| s.step == StepKind::Payload) else { return };
    let mut failure = Failure { initiator: Initiator::Path, ..Failure::unknown(Reason::MtuBlackHole) };
    if last.ok {
        failure = failure.with("with_small_segments", "it passes");
    } else {
        failure = Failure::unknown(Reason::SilentAfterConnect).with("with_small_segments", "it is lost as well");
    }
    climb.correct(failure);
}
