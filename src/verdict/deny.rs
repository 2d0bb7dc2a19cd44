//! Hops that must be shut. Shut for the right reason, and with a way beside it that is open: a cable that is pulled out denies everything.

use super::allow::{address_note, came_through_relay, claims, proved};
use super::both_ends::{self, Told};
use super::certificate::showed_own;
use super::{AnsweredBy, Judgement, Verdict};
use crate::observation::{Evidence, Initiator, Observation, StepKind};
use crate::plan::model::Hop;
use crate::proto::challenge::ProofOutcome;
use crate::proto::sighting::Doubt;
use crate::reason::Reason;

/// Reasons that fit a rule at work. A plain `refused` does not: a host where nobody listens today refuses as well. Nor does `reply-lost`: what
/// was to be shut out arrives, and only the answer is lost.
const FITTING: &[Reason] = &[
    Reason::TimedOut,
    Reason::Rejected,
    Reason::AdminProhibited,
    Reason::NetUnreachable,
    Reason::HostUnreachable,
    Reason::PortUnreachable,
];

/// How a connection ends that a filter cuts off, once it is open. So does one to a service that was asked in another protocol than its own: it
/// fits only where the site's own listener has the port, saw the connection, and would have answered.
const CUT_OFF: &[Reason] = &[Reason::ResetAfterConnect, Reason::ClosedAfterConnect, Reason::SilentAfterConnect];

/// HTTP answers by which a front refuses a path. 401 is none: whoever asks for a password is reached by everybody.
const REFUSING_STATUS: &[u64] = &[403, 404, 410, 451];

/// Our own listener refuses every path that the plan does not name, whatever the real front will do.
const STAND_IN_REFUSED: &str = "a stand-in answered in the place of the front: the path rule can be tested once the real one is there";

pub(super) fn judge(hop: &Hop, seen: &Observation) -> Judgement {
    let opinion = |verdict, reason, answered_by, note: &str| Judgement {
        verdict,
        reason,
        ended: None,
        answered_by,
        advice: None,
        notes: if note.is_empty() { Vec::new() } else { vec![note.to_owned()] },
    };
    let status = seen.steps.iter().rev().find(|s| s.step == StepKind::Http).and_then(|s| s.detail.get("status")).and_then(|v| v.as_u64());
    let refused_by_status = status.is_some_and(|s| REFUSING_STATUS.contains(&s));
    if let Some(note) = address_note(hop, seen) {
        return opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Nobody, &note);
    }

    if let Some((claims, _)) = claims(seen).next() {
        let relayed = came_through_relay(hop, claims);
        // On a path rule the front itself must refuse. Our own listener in the front's place refuses every path that the plan does not
        // name; that says nothing about the front that will stand there.
        if hop.flow.relayed_to.is_some() && !relayed && refused_by_status {
            return opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::StandIn, STAND_IN_REFUSED);
        }
        return opinion(Verdict::Fail, Reason::UnexpectedlyOpen, AnsweredBy::StandIn, "a listener behind it was reached and proved it");
    }
    match both_ends::told(hop, seen) {
        Some(Told::NeverArrived) => {
            let note = "a device on the way takes the connection in the place of the host, which saw nothing of it: what it lets through, nobody knows";
            return opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Middlebox, note);
        }
        Some(Told::TurnedAway { not_allowed: true }) => {
            return opinion(
                Verdict::Inconclusive,
                Reason::Denied,
                AnsweredBy::StandIn,
                "shut: by the list of networks of the host's own listener",
            );
        }
        Some(Told::TurnedAway { not_allowed: false }) => {
            return opinion(
                Verdict::Fail,
                Reason::UnexpectedlyOpen,
                AnsweredBy::StandIn,
                "the connection arrived at the host's own listener",
            );
        }
        Some(Told::OnlyBegan | Told::Rejected { arrived: true } | Told::ReplyLost) => {
            let note = "what was to be shut out arrives at the host; only what follows, or its answer, is lost";
            return opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Nobody, note);
        }
        Some(Told::Rejected { arrived: false } | Told::Arrived) | None => {}
    }
    if let Some(status) = status {
        // Without a key nothing proves who refused; a certificate that a listener made for itself says that it was no front.
        let not_asked = seen.proofs.iter().all(|p| *p == ProofOutcome::NotAsked);
        if refused_by_status && not_asked && showed_own(seen) {
            return opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Unproved, STAND_IN_REFUSED);
        }
        return if refused_by_status && hop.flow.relayed_to.is_none() {
            // Only a front refuses on behalf of the host behind it. Elsewhere it may be the host itself that answers so, on an open port.
            let note = format!("something answers HTTP there (status {status}): no rule is seen that shuts the way");
            opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Unproved, &note)
        } else if refused_by_status {
            opinion(Verdict::Inconclusive, Reason::Denied, AnsweredBy::Unproved, &format!("refused with HTTP status {status}"))
        } else if status < 400 {
            opinion(Verdict::Fail, Reason::UnexpectedlyOpen, AnsweredBy::Unproved, &format!("answered with HTTP status {status}"))
        } else {
            opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Unproved, &format!("answered with HTTP status {status}"))
        };
    }
    match seen.first_failure() {
        None => opinion(Verdict::Fail, Reason::UnexpectedlyOpen, AnsweredBy::Unproved, ""),
        Some(step) => {
            let told = both_ends::told(hop, seen);
            let reason = told.and_then(Told::reason).or(step.reason).unwrap_or(Reason::NotTested);
            let opened = seen.steps.iter().any(|s| s.ok && s.step == StepKind::Connect) || reason == Reason::ResetAfterConnect;
            let cut_off = CUT_OFF.contains(&reason) && told == Some(Told::Arrived);
            // What this machine did to itself shows no rule, whatever it looks like; nor does a loop of routers.
            if (cut_off || FITTING.contains(&reason) && !is_lost_on_the_way(seen)) && step.initiator != Some(Initiator::Local) {
                opinion(Verdict::Inconclusive, Reason::Denied, AnsweredBy::Nobody, &format!("shut: {reason}"))
            } else if proved(seen) {
                opinion(Verdict::Fail, Reason::UnexpectedlyOpen, AnsweredBy::StandIn, "")
            } else if reason == Reason::Refused {
                let note = "refused by the host itself: nobody listens there now, which is no rule. Run a listener there and test again";
                opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Nobody, note)
            } else if opened && reason != Reason::SilentAfterConnect && CUT_OFF.contains(&reason) && told.is_none() {
                opinion(Verdict::Inconclusive, Reason::Denied, AnsweredBy::Nobody, &format!("cut off: {reason}"))
            } else if opened {
                let note = format!("the port is open; what answered there: {}", reason.summary());
                opinion(Verdict::Fail, Reason::UnexpectedlyOpen, AnsweredBy::Unproved, &note)
            } else {
                opinion(Verdict::Inconclusive, Reason::DeniedOtherwise, AnsweredBy::Nobody, &format!("not reached: {reason}"))
            }
        }
    }
}

/// Whether it may not be a rule that shuts the way: the packet's life was over, since routers send it in a circle; or half-open connections were
/// reset at the host, of which this may have been one.
fn is_lost_on_the_way(seen: &Observation) -> bool {
    let circle = Evidence::decisive(&seen.evidence).and_then(|e| e.icmp).is_some_and(|icmp| icmp.is_time_exceeded());
    circle || seen.sighting.as_ref().is_some_and(|s| s.doubt == Some(Doubt::GoneAtOnce))
}

/// What the other hops of a run showed about the two hosts of a deny hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Nothing.
    None,
    /// They reach each other.
    Reached,
    /// They reach each other, and a listener with the site key has the very port that must be shut: it would have answered.
    Holds,
}

/// The second look at a deny hop, once the run is over: shut counts only when the same two hosts reached each other in another way.
/// `opened` says that the port took the connection and then dropped it: a filter does that, but so does a service that was asked in another
/// protocol than its own. It counts only where a listener has that port, which would have answered.
pub fn with_control(mut judgement: Judgement, control: Control, opened: bool) -> Judgement {
    if judgement.reason == Reason::Denied && judgement.verdict == Verdict::Inconclusive {
        match control {
            Control::None => {
                judgement.notes.push("nothing else in this run shows that the two hosts can reach each other at all".to_owned())
            }
            Control::Reached if opened => {
                judgement.reason = Reason::DeniedOtherwise;
                let note =
                    "the port is open and drops the connection: a filter, or a service that was asked in another protocol than its own";
                judgement.notes.push(note.to_owned());
            }
            Control::Reached | Control::Holds => judgement.verdict = Verdict::Pass,
        }
    }
    judgement
}
