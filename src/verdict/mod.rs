//! What an observation means: the only place where facts become opinions. Pure.

mod advice;
mod allow;
mod both_ends;
mod certificate;
mod clock;
mod cloud;
mod deny;
mod deny_control;
mod directory;
mod expected;
pub mod explain;
mod greeting;
mod http_status;
mod interception;
mod judgement;
mod leg;
mod legs;
mod notes;
mod own_address;
mod range;
mod reading;
mod relay;
mod rpc;
mod spread;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod wrong_listener;

pub use deny_control::{Again, Control, Reached, Still, same_again, shut_again, with_control};
pub use expected::{Expected, Policy};
pub use judgement::{AnsweredBy, Judgement, Verdict};
pub use leg::{Leg, first_broken};
pub use own_address::{Machine, misplaced};

use crate::matrix::model::Expect;
use crate::observation::{Initiator, Observation, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;

/// Judges one hop by what the connector saw. A deny hop that looks shut stays `inconclusive` until
/// [`with_control`] was asked.
pub fn judge(hop: &Hop, seen: Option<&Observation>, policy: Policy) -> Judgement {
    let Some(seen) = seen.filter(|o| !o.steps.is_empty()) else {
        let mut judgement = Judgement::new(Verdict::Skipped, Reason::NotTested, AnsweredBy::Nobody);
        judgement.legs = legs::legs(hop, None, Reason::NotTested);
        return judgement;
    };
    let mut judgement = match hop.flow.expect {
        Expect::Allow => allow::judge(hop, seen, policy),
        Expect::Deny => deny::judge(hop, seen),
    };
    judgement.ended =
        reading::failed_step(seen).map(|s| (s.step, s.initiator().unwrap_or(Initiator::Unknown)));
    // What both ends know together, the way has done: it is said of the rung where it showed.
    if both_ends::told(hop, seen)
        .and_then(both_ends::OtherEnd::reason)
        .is_some_and(|reason| reason == judgement.reason)
    {
        judgement.ended =
            Some((judgement.ended.map_or(StepKind::Connect, |(step, _)| step), Initiator::Path));
    }
    judgement.notes.extend(reading::left_out(hop, seen));
    judgement.notes.extend(both_ends::notes(hop, seen));
    judgement.notes.extend(tls::notes(hop, seen));
    judgement.notes.extend(directory::notes(hop, seen));
    judgement.notes.extend(rpc::notes(hop, seen));
    judgement.notes.extend(range::notes(hop, seen));
    judgement.notes.extend(relay::spread(seen));
    judgement.legs = legs::legs(hop, Some(seen), judgement.reason);
    judgement.advice = advice_for(hop, seen, &judgement);
    judgement
}

/// What to do about a hop that was judged so. Where the way behind a front is broken, nothing is to
/// be done before it.
pub fn advice_for(hop: &Hop, seen: &Observation, judgement: &Judgement) -> Option<String> {
    advice::behind_front(hop, seen, judgement).or_else(|| advice::advice(hop, seen, judgement))
}
