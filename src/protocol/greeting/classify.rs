//! What a greeting says of who gave it.

use crate::observation::{Observation, Step, StepKind};
use crate::protocol::speaker::{Said, Speaker};

/// Of what was greeted on the hop.
pub fn said(seen: &Observation) -> Said<'_> {
    let Some(step) = greeted(seen) else { return Said::default() };
    let facts = &step.facts.greeting;
    Said {
        speaker: if facts.stand_in { Speaker::StandIn } else { Speaker::Service },
        turned_away: facts.turned_away.as_deref(),
        strict_clock_s: None,
    }
}

/// The step on which a greeting was answered as the service would.
pub fn greeted(seen: &Observation) -> Option<&Step> {
    seen.steps.iter().find(|step| step.is_climbed() && step.step == StepKind::Greeting)
}
