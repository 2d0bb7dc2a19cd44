//! What an observation means: the only place where facts become opinions. Pure.

mod address;
mod advice;
mod allow;
mod both_ends;
mod certificate;
mod clock;
mod cloud;
mod deny;
mod directory;
mod expected;
pub mod explain;
mod greeting;
mod http_status;
mod legs;
mod range;
mod relay;
mod rpc;
mod several;
#[cfg(test)]
pub(crate) mod tests;
mod tls;

pub use address::{Machine, misplaced};
pub use deny::{Again, Control, Reached, Still, same_again, shut_again, with_control};
pub use expected::Expected;
pub use legs::{Leg, first_broken, legs};

use crate::matrix::model::Expect;
use crate::observation::{Initiator, Observation, StepKind};
use crate::plan::model::Hop;
use crate::reason::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a hop stands. **Unknown is never green**: what nobody looked at, or could not tell, is `inconclusive` or `skipped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As expected.
    Pass,
    /// As expected, but look at it.
    Warn,
    /// Not tried.
    Skipped,
    /// Tried, and it could not be told.
    Inconclusive,
    /// Not as expected.
    Fail,
}

impl Verdict {
    /// The word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Skipped => "skipped",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Fail => "fail",
        }
    }
}

/// Who was at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnsweredBy {
    /// A listener of this site, proved with the site key.
    StandIn,
    /// Something that speaks the protocol and names itself as a product that can be the service, not as one that only stands in front.
    Service,
    /// Something that speaks the protocol; nothing says who it is.
    Unproved,
    /// A device on the way, in the place of the host.
    Middlebox,
    /// Nobody.
    Nobody,
}

impl AnsweredBy {
    /// The word for people.
    pub fn shown(self) -> &'static str {
        match self {
            AnsweredBy::Unproved => "unidentified",
            AnsweredBy::Nobody => "none",
            other => other.name(),
        }
    }

    /// The word used in files.
    pub fn name(self) -> &'static str {
        match self {
            AnsweredBy::StandIn => "stand-in",
            AnsweredBy::Service => "service",
            AnsweredBy::Unproved => "unproved",
            AnsweredBy::Middlebox => "middlebox",
            AnsweredBy::Nobody => "nobody",
        }
    }
}

/// What the user asked for beyond the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who is expected to answer.
    pub expected: Expected,
}

/// The opinion on one hop.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// How it stands.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The rung where it ended and who ended it there, where it did not reach the top.
    pub ended: Option<(StepKind, Initiator)>,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// What to do, in one sentence, for the person who can do it.
    pub advice: Option<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// Judges one hop by what the connector saw. A deny hop that looks shut stays `inconclusive` until [`with_control`] was asked.
pub fn judge(hop: &Hop, seen: Option<&Observation>, policy: Policy) -> Judgement {
    let Some(seen) = seen.filter(|o| !o.steps.is_empty()) else {
        return Judgement {
            verdict: Verdict::Skipped,
            reason: Reason::NotTested,
            ended: None,
            answered_by: AnsweredBy::Nobody,
            advice: None,
            notes: Vec::new(),
        };
    };
    let mut judgement = match hop.flow.expect {
        Expect::Allow => allow::judge(hop, seen, policy),
        Expect::Deny => deny::judge(hop, seen),
    };
    judgement.ended = allow::failed_step(seen).map(|s| (s.step, s.initiator.unwrap_or(Initiator::Unknown)));
    // What both ends know together, the way has done: it is said of the rung where it showed.
    if both_ends::told(hop, seen).and_then(both_ends::Told::reason).is_some_and(|reason| reason == judgement.reason) {
        judgement.ended = Some((judgement.ended.map_or(StepKind::Connect, |(step, _)| step), Initiator::Path));
    }
    judgement.notes.extend(both_ends::notes(hop, seen));
    judgement.notes.extend(tls::notes(hop, seen));
    judgement.notes.extend(directory::notes(hop, seen));
    judgement.notes.extend(rpc::notes(hop, seen));
    judgement.notes.extend(range::notes(hop, seen));
    judgement.notes.extend(relay::spread(seen));
    judgement.advice = advice_for(hop, seen, &judgement);
    judgement
}

/// What to do about a hop that was judged so. Where the way behind a front is broken, nothing is to be done before it.
pub fn advice_for(hop: &Hop, seen: &Observation, judgement: &Judgement) -> Option<String> {
    legs::behind_front(hop, seen, judgement.reason).or_else(|| advice::advice(hop, seen, judgement))
}
