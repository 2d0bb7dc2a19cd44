//! What the first exchange shows of who answered on a port of a known service.

use crate::observation::Observation;
use crate::plan::model::Hop;
use crate::protocol::classify;
use crate::protocol::speaker::Speaker;
use crate::reason::Reason;

/// Who says to be there, on this hop.
pub(super) fn speaker(hop: &Hop, seen: &Observation) -> Speaker {
    classify::said(hop.flow.protocol, seen).speaker
}

/// Whether what was said is not what the site's own stand-in says on such a port: that it stands
/// in.
pub(super) fn is_of_another(hop: &Hop, seen: &Observation) -> bool {
    speaker(hop, seen) == Speaker::Service
        || seen.steps.iter().any(|step| step.reason() == Some(Reason::GreetingNotSpoken))
}

/// What is worth knowing beside the verdict.
pub(super) fn notes(hop: &Hop, seen: &Observation) -> Option<String> {
    let said = classify::said(hop.flow.protocol, seen);
    let (to, words) = (hop.to.host.label(), said.turned_away?);
    (said.speaker == Speaker::Service).then(|| format!("{to} is reached, and says: \"{words}\""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture::{flow, hop as hop_of};
    use super::*;
    use crate::matrix::model::Protocol;
    use crate::observation::Outcome;
    use crate::observation::{Facts, Step, StepKind};
    use crate::plan::model::PlannedFlow;

    fn seen(ok: bool, facts: Facts) -> Observation {
        let step = Step {
            step: StepKind::Greeting,
            outcome: Outcome::of(ok, None, None),
            at_ms: 0.0,
            ms: 1.0,
            facts,
        };
        Observation::of_steps("hop", jiff::Timestamp::UNIX_EPOCH, 1.0, vec![step])
    }

    #[test]
    fn who_greets_says_whether_it_is_a_stand_in() {
        let hop = hop_of(PlannedFlow { protocol: Protocol::Tcp, ..flow() });
        let speaker = |seen: &Observation| speaker(&hop, seen);
        let is_of_another = |seen: &Observation| is_of_another(&hop, seen);
        assert_eq!(speaker(&seen(true, Facts::default())), Speaker::Service);
        assert_eq!(speaker(&seen(false, Facts::default())), Speaker::Nobody);
        let stand_in = seen(true, Facts::of(|facts| facts.greeting.stand_in = true));
        assert_eq!(speaker(&stand_in), Speaker::StandIn);
        assert!(
            !is_of_another(&stand_in)
                && is_of_another(&seen(true, Facts::default()))
                && !is_of_another(&seen(false, Facts::default()))
        );
        let mut other = seen(false, Facts::default());
        other.steps[0].outcome = Outcome::of(false, Some(Reason::GreetingNotSpoken), None);
        assert!(is_of_another(&other));
        assert_eq!(
            speaker(&Observation::of_steps("hop", jiff::Timestamp::UNIX_EPOCH, 1.0, Vec::new())),
            Speaker::Nobody
        );
    }
}
