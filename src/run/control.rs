//! Deny hops are judged twice: the second time with what the other hops between the same two hosts showed.

use crate::matrix::model::Expect;
use crate::result::HopResult;
use crate::verdict::{self, Judgement, Verdict};
use std::collections::BTreeSet;

/// Lets a deny hop pass when an allow hop from the same From host to the same To host passed in this run.
pub fn second_look(results: Vec<HopResult>) -> Vec<HopResult> {
    let open: BTreeSet<(String, String)> = results
        .iter()
        .filter(|r| r.expect == Expect::Allow && matches!(r.verdict, Verdict::Pass))
        .map(|r| (r.from.host.clone(), r.to.host.clone()))
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
