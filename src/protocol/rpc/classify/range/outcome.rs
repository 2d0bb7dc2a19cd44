//! What a sweep comes to. No I/O.

use crate::observation::failure::Failure;
use crate::observation::{Facts, Initiator, PortState, Segment, Sweep};
use crate::reason::Reason;

/// What the rung says. Who is not proved at the mapper's port is a real service: there a shut port
/// is one that it does not use.
pub(crate) fn judge(sweep: &Sweep, proved: bool) -> Result<Facts, Failure> {
    let is_proved = |s: &Segment| matches!(s.state, PortState::Proved | PortState::ProvedLate);
    let facts = Facts::of(|facts| {
        facts.more.add("ports", sweep.segments.iter().map(Segment::len).sum::<usize>());
        facts.more.add("tried", sweep.tried);
        facts.more.add("proved", sweep.count(is_proved));
    });
    if proved && sweep.count(|s| s.unsettled) > 0 {
        return Err(Failure {
            reason: Reason::ChangedMeanwhile,
            initiator: Initiator::Unknown,
            facts,
        });
    }
    let blocked: Vec<&Segment> = sweep.segments.iter().filter(|s| s.is_blocked()).collect();
    if blocked.is_empty() || !proved {
        return Ok(facts);
    }
    // A fault of this machine must not hide what is wrong with the way.
    let foreign: Vec<&Segment> =
        blocked.iter().copied().filter(|s| !s.reason.is_some_and(Reason::is_local)).collect();
    let Some(first) = foreign.first() else {
        let reason = blocked.iter().find_map(|s| s.reason).unwrap_or(Reason::LocalResources);
        return Err(Failure { facts, ..Failure::local(reason) });
    };
    // A way back that is shut is another team's matter than a port that is, however many others are
    // open.
    let alike = foreign.iter().all(|s| s.reason == first.reason)
        && (sweep.count(is_proved) == 0 || first.reason == Some(Reason::ReplyLost));
    let reason = first.reason.filter(|_| alike).unwrap_or(Reason::RangePartlyBlocked);
    Err(Failure { reason, initiator: Initiator::Path, facts })
}

/// What is to be said of a range in which nothing is shut.
pub(crate) fn remark(sweep: &Sweep, proved: bool) -> Option<Reason> {
    if !proved {
        // Of a service that is not proved, nobody knows which ports it has open: it refuses the
        // others. What is not even refused is not green.
        let swallowed =
            |s: &Segment| s.state == PortState::Shut && s.reason != Some(Reason::Refused);
        return (sweep.count(swallowed) > 0).then_some(Reason::NotProved);
    }
    if sweep.count(Segment::is_unknown) > 0 {
        return Some(Reason::RangePartlyTested);
    }
    if sweep.restarted || sweep.outage.is_some() {
        return Some(Reason::ChangedMeanwhile);
    }
    (sweep.lost > 0).then_some(Reason::Retried)
}
