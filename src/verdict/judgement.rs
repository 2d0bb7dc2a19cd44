//! The opinion on one hop: how it stands, why, and who was at the other end.

use super::leg::Leg;
use crate::observation::{Initiator, StepKind};
use crate::open_words::words;
use crate::reason::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a hop stands. **Unknown is never green**: what nobody looked at, or could not tell, is
/// `inconclusive` or `skipped`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
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

words! {
    /// Who was at the other end.
    "a word for who answered"
    AnsweredBy {
        /// A listener of this site, proved with the site key.
        StandIn = "stand-in",
        /// Something that speaks the protocol and names itself as a product that can be the
        /// service, not as one that only stands in front.
        Service = "service",
        /// Something that speaks the protocol; nothing says who it is.
        Unproved = "unproved",
        /// A device on the way, in the place of the host.
        Middlebox = "middlebox",
        /// Nobody.
        Nobody = "nobody",
    }
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
}

/// The opinion on one hop. What decides by it reads its fields; notes and advice are for people.
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
    /// How the connection ended by which a way looks shut.
    pub shut_by: Option<Reason>,
    /// Where a front stands in between: how each part of the way stands.
    pub legs: Vec<Leg>,
    /// What to do, in one sentence, for the person who can do it.
    pub advice: Option<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl Judgement {
    /// How a hop stands, why, and who answered; nothing else yet.
    pub(super) fn new(verdict: Verdict, reason: Reason, answered_by: AnsweredBy) -> Self {
        Judgement {
            verdict,
            reason,
            ended: None,
            answered_by,
            shut_by: None,
            legs: Vec::new(),
            advice: None,
            notes: Vec::new(),
        }
    }
}
