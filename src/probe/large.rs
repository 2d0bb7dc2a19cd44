//! A large exchange that goes silent may have been too large for the way, or too much for somebody
//! on it. The same hop twice more tells which: in small packets, which must pass, and in large
//! ones, which must be lost again.

use crate::climb::{Climb, RangeMode, Target, Tools};
use crate::observation::failure::Failure;
use crate::observation::{Initiator, Step, StepKind};
use crate::protocol::ladder;
use crate::reason::Reason;

/// Small exchanges ahead of a large one, where the system has no small packets.
const SMALL_WORDS: usize = 4;

/// Looks at the rung that ended the climb, and corrects its reason to `mtu-black-hole` where small
/// packets were seen to pass and large ones are lost once more. Of a service that proves nobody
/// silence alone is none.
pub async fn look_again(climb: &mut Climb<'_>) {
    compare(climb).await;
    let of_stranger = |s: &Step| {
        !s.is_climbed() && s.facts.exchange.unproved && s.reason() != Some(Reason::MtuBlackHole)
    };
    if climb.last_step().is_some_and(of_stranger) {
        climb.forget_last_step();
    }
}

async fn compare(climb: &mut Climb<'_>) {
    let lost = climb.last_step().is_some_and(|s| {
        s.step == StepKind::Payload && s.reason() == Some(Reason::SilentAfterConnect)
    });
    if !lost || climb.target.small_segments || climb.in_time().is_err() {
        return;
    }
    let tools = Tools { idle: None, range: RangeMode::Never, ..climb.tools.clone() };
    let can_shape = cfg!(target_os = "linux");
    if can_shape {
        let small = Target { small_segments: true, ..climb.target.clone() };
        if !passes(&once_more(&small, &tools, 0).await) {
            climb.add_words("with_small_segments", "it is lost as well");
            return;
        }
    }
    let large = once_more(climb.target, &tools, if can_shape { 0 } else { SMALL_WORDS }).await;
    match &large {
        Some(step)
            if step.reason() == Some(Reason::SilentAfterConnect)
                && !step.facts.exchange.small_exchange =>
        {
            let failure =
                Failure { initiator: Initiator::Path, ..Failure::unknown(Reason::MtuBlackHole) };
            climb.correct(failure.with(
                "with_small_segments",
                if can_shape { "it passes" } else { "small exchanges pass" },
            ));
        }
        _ if passes(&large) => climb.add_words("once_more", "it passes"),
        _ => climb.add_words("once_more", "it does not get so far"),
    }
}

/// What came of the rung with the large exchange on a connection of its own; `None` where that did
/// not get so far.
async fn once_more(target: &Target<'_>, tools: &Tools, small_words: usize) -> Option<Step> {
    let mut again = Climb::new(target, tools);
    again.small_words = small_words;
    let _ = ladder(&mut again).await;
    again.last_step().filter(|s| s.step == StepKind::Payload).cloned()
}

fn passes(step: &Option<Step>) -> bool {
    step.as_ref().is_some_and(|s| s.is_climbed())
}
