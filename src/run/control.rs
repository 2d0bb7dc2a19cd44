//! Deny hops are judged twice: the second time with what the other hops of the run showed about the same two hosts.

use crate::matrix::model::Expect;
use crate::observation::StepKind;
use crate::result::HopResult;
use crate::verdict::{self, Judgement, Verdict};
use std::collections::BTreeSet;

/// Lets a deny hop pass when the same From host reached the same To host in this run: by an allow hop that passed, straight, or through
/// a front, where the proof came from the host behind it. Either shows that both ends are up and the From host has a network.
pub fn second_look(results: Vec<HopResult>) -> Vec<HopResult> {
    let open: BTreeSet<(String, String)> = results
        .iter()
        .filter(|r| r.expect == Expect::Allow && r.verdict == Verdict::Pass)
        .flat_map(|r| reached(r).map(|to| (r.from.host.clone(), to.to_owned())))
        .collect();
    results
        .into_iter()
        .map(|mut result| {
            if result.expect == Expect::Deny {
                let judgement = Judgement {
                    verdict: result.verdict,
                    reason: result.reason,
                    answered_by: result.answered_by,
                    advice: result.advice.take(),
                    notes: std::mem::take(&mut result.notes),
                };
                let control = open.contains(&(result.from.host.clone(), result.to.host.clone()));
                let judgement = verdict::with_control(judgement, control);
                result.verdict = judgement.verdict;
                result.notes = judgement.notes;
                result.advice = judgement.advice.filter(|_| judgement.verdict != Verdict::Pass);
            }
            result
        })
        .collect()
}

/// The host that a hop connects to, and the hosts that proved themselves on it.
fn reached(result: &HopResult) -> impl Iterator<Item = &str> {
    let proved = result.steps.iter().filter(|s| s.ok && s.step == StepKind::Proof).filter_map(|s| s.detail.get("host")?.as_str());
    std::iter::once(result.to.host.as_str()).chain(proved)
}
