//! What a greeting shows of who answered on a port of a known service.

use crate::observation::{Observation, Step, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;

/// Who exchanged a greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Greeted {
    /// Nobody, or none was to be exchanged.
    Nobody,
    /// Somebody who says himself that he only stands in. Without a proof nothing is known of him.
    ByStandIn,
    /// What the port is for.
    ByService,
}

/// Who it was on this hop.
pub(super) fn greeted(seen: &Observation) -> Greeted {
    match step(seen) {
        None => Greeted::Nobody,
        Some(step) if step.facts.greeting.stand_in => Greeted::ByStandIn,
        Some(_) => Greeted::ByService,
    }
}

/// Whether what was said is not what the site's own stand-in says on such a port: that it stands
/// in.
pub(super) fn is_of_another(seen: &Observation) -> bool {
    greeted(seen) == Greeted::ByService
        || seen.steps.iter().any(|step| step.reason == Some(Reason::GreetingNotSpoken))
}

fn step(seen: &Observation) -> Option<&Step> {
    seen.steps.iter().find(|step| step.ok && step.step == StepKind::Greeting)
}

/// What is worth knowing beside the verdict.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Option<String> {
    let words = step(seen)?.facts.greeting.turned_away.as_ref()?;
    let to = hop.to.host.label();
    match greeted(seen) {
        Greeted::ByService => Some(format!("{to} is reached, and says: \"{words}\"")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Facts;

    fn seen(ok: bool, facts: Facts) -> Observation {
        let step = Step {
            step: StepKind::Greeting,
            ok,
            reason: None,
            initiator: None,
            at_ms: 0.0,
            ms: 1.0,
            facts,
        };
        Observation::of_steps("hop", jiff::Timestamp::UNIX_EPOCH, 1.0, vec![step])
    }

    #[test]
    fn who_greets_says_whether_it_is_a_stand_in() {
        assert_eq!(greeted(&seen(true, Facts::default())), Greeted::ByService);
        assert_eq!(greeted(&seen(false, Facts::default())), Greeted::Nobody);
        let stand_in = seen(true, Facts::of(|facts| facts.greeting.stand_in = true));
        assert_eq!(greeted(&stand_in), Greeted::ByStandIn);
        assert!(
            !is_of_another(&stand_in)
                && is_of_another(&seen(true, Facts::default()))
                && !is_of_another(&seen(false, Facts::default()))
        );
        let mut other = seen(false, Facts::default());
        other.steps[0].reason = Some(Reason::GreetingNotSpoken);
        assert!(is_of_another(&other));
        assert_eq!(
            greeted(&Observation::of_steps("hop", jiff::Timestamp::UNIX_EPOCH, 1.0, Vec::new())),
            Greeted::Nobody
        );
    }
}
