//! Clocks that are apart. By minutes: who goes by the time, as Kerberos does, refuses sign-ins. By
//! days: a listener answers no challenge that is older than a day and an hour or two, and behaves
//! as a stranger's; so where the clocks are that far apart, an answer without a proof says nothing
//! of who gave it.

use super::judgement::Verdict;
use super::reading::proved;
use crate::observation::Observation;
use crate::plan::model::Hop;
use crate::protocol::classify;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;

/// Clocks further apart than this are on their way to trouble.
pub(super) const WARNS: i64 = 120;
/// Kerberos refuses tickets beyond this, unless a domain's policy says otherwise ("Maximum
/// tolerance for computer clock synchronization").
pub(super) const FAILS: i64 = 300;
/// From here on a listener may no longer answer. It takes 27 hours; an hour is left for what is
/// measured roughly.
const HIDES_SECONDS: i64 = 26 * 3600;

/// What two clocks mean that are so many seconds apart.
pub(super) fn skewed(apart: i64, failed: Verdict) -> Option<(Verdict, Reason)> {
    let verdict = if apart > FAILS { failed } else { Verdict::Warn };
    (apart > WARNS).then_some((verdict, Reason::ClockSkewed))
}

/// Seconds by which the clock is ahead of one by which sign-ins go.
pub(super) fn strict(hop: &Hop, seen: &Observation) -> Option<i64> {
    classify::said(hop.flow.protocol, seen).strict_clock_s
}

/// Seconds by which the other end's clock is ahead of this machine's, by what it said itself (a
/// directory, or the `Date` of an HTTP answer), or on another hop of the same run.
pub(super) fn offset(seen: &Observation) -> Option<i64> {
    let said = |step: &crate::observation::Step| step.facts.clock_offset_s;
    seen.steps.iter().filter_map(said).max_by_key(|offset| offset.abs()).or(seen.known.host_clock)
}

/// The same, where it is why nothing was proved: a challenge was sent, no proof came, and the
/// clocks are days apart.
pub(super) fn hides_proof(seen: &Observation) -> Option<i64> {
    let asked = seen.proofs.contains(&ProofOutcome::None);
    offset(seen).filter(|offset| asked && !proved(seen) && offset.abs() > HIDES_SECONDS)
}

/// A time between two clocks, in words.
pub(super) fn words(offset: i64) -> String {
    let (apart, way) = (offset.abs(), if offset > 0 { "ahead of" } else { "behind" });
    let much = match apart {
        0..=7199 => format!("{} minutes", apart / 60),
        7200..=172_799 => format!("{} hours", apart / 3600),
        _ => format!("{} days", apart / 86_400),
    };
    format!("{much} {way}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::fixture::{rung, seen};
    use super::*;
    use crate::observation::{Known, Step, StepKind};

    fn told(offset: i64) -> Step {
        let mut step = rung(StepKind::Http, None, true);
        step.facts.clock_offset_s = Some(offset);
        step
    }

    #[test]
    fn only_clocks_that_are_days_apart_hide_a_proof() {
        let unproved = |offset| seen(vec![told(offset)], vec![ProofOutcome::None]);
        assert_eq!(hides_proof(&unproved(172_800)), Some(172_800));
        assert_eq!(hides_proof(&unproved(-172_800)), Some(-172_800));
        assert_eq!(hides_proof(&unproved(25 * 3600)), None, "a wrong time zone");
        assert_eq!(
            hides_proof(&seen(vec![told(172_800)], vec![ProofOutcome::NotAsked])),
            None,
            "nobody asked"
        );
        let known = Known { host_clock: Some(-200_000), ..Known::default() };
        let elsewhere = Observation {
            known,
            ..seen(vec![rung(StepKind::RpcBind, None, true)], vec![ProofOutcome::None])
        };
        assert_eq!(hides_proof(&elsewhere), Some(-200_000), "another hop of the run knows");
    }

    #[test]
    fn a_time_is_told_in_its_own_measure() {
        assert_eq!(words(600), "10 minutes ahead of");
        assert_eq!(words(-100_000), "27 hours behind");
        assert_eq!(words(172_800), "2 days ahead of");
    }
}
