//! One step of a probe, and how it ended.

use super::facts::{Facts, Flat};
use super::step_kind::StepKind;
use crate::open_words::words;
use crate::reason::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// Who ended a step.
    "a word for who ended a step"
    Initiator {
        /// This machine.
        Local = "local",
        /// Something between the two ends.
        Path = "path",
        /// The other end, as far as can be told.
        Peer = "peer",
        /// Nobody said anything.
        Unknown = "unknown",
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was climbed.
    Climbed {
        /// What is to be said of it all the same.
        remark: Option<Reason>,
    },
    /// It was not.
    Failed {
        /// Why.
        reason: Reason,
        /// Who ended it.
        initiator: Initiator,
    },
}

/// One step, climbed or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Step {
    /// Which step.
    pub step: StepKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Milliseconds from the start of the hop to the start of the step.
    pub at_ms: f64,
    /// Duration in milliseconds.
    pub ms: f64,
    /// What was seen.
    pub facts: Facts,
}

impl Step {
    /// One that took no time.
    pub fn new(step: StepKind, outcome: Outcome, facts: Facts) -> Self {
        Step { step, outcome, at_ms: 0.0, ms: 0.0, facts }
    }

    /// Whether it was climbed.
    pub fn is_climbed(&self) -> bool {
        matches!(self.outcome, Outcome::Climbed { .. })
    }

    /// Why it was not climbed, or what is to be said of it all the same.
    pub fn reason(&self) -> Option<Reason> {
        match self.outcome {
            Outcome::Climbed { remark } => remark,
            Outcome::Failed { reason, .. } => Some(reason),
        }
    }

    /// Who ended it, where it was not climbed.
    pub fn initiator(&self) -> Option<Initiator> {
        match self.outcome {
            Outcome::Climbed { .. } => None,
            Outcome::Failed { initiator, .. } => Some(initiator),
        }
    }
}

impl Outcome {
    /// Climbed, with nothing to be said of it.
    pub const CLIMBED: Outcome = Outcome::Climbed { remark: None };

    /// As files say it.
    pub fn of(ok: bool, reason: Option<Reason>, initiator: Option<Initiator>) -> Self {
        match ok {
            true => Outcome::Climbed { remark: reason },
            false => Outcome::Failed {
                reason: reason.unwrap_or(Reason::NotTested),
                initiator: initiator.unwrap_or(Initiator::Unknown),
            },
        }
    }

    /// Not climbed.
    pub fn failed(reason: Reason, initiator: Initiator) -> Self {
        Outcome::Failed { reason, initiator }
    }

    /// The same with another reason.
    #[must_use]
    pub fn for_reason(self, reason: Reason) -> Self {
        match self {
            Outcome::Climbed { .. } => Outcome::Climbed { remark: Some(reason) },
            Outcome::Failed { initiator, .. } => Outcome::Failed { reason, initiator },
        }
    }
}

/// One step, climbed or not.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Step")]
struct Form {
    /// Which step.
    step: StepKind,
    /// Whether it was climbed.
    ok: bool,
    /// How it ended, where it did not succeed or succeeded with something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// Who ended it, where it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initiator: Option<Initiator>,
    /// Milliseconds from the start of the hop to the start of the step.
    at_ms: f64,
    /// Duration in milliseconds.
    ms: f64,
    /// What was seen.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    facts: Facts,
    /// What was seen, in files of version 1: facts that have no family.
    #[serde(default, skip_serializing)]
    #[schemars(skip)]
    detail: Flat,
}

impl From<Form> for Step {
    /// A failed step of which a file does not say why is told as not tested, by nobody: it is none
    /// that was climbed.
    fn from(form: Form) -> Self {
        let Form { step, ok, reason, initiator, at_ms, ms, mut facts, detail } = form;
        if !detail.is_empty() {
            let families = Facts::of_flat(step, detail);
            match facts.is_empty() {
                true => facts = families,
                false => facts.absorb(families),
            }
        }
        Step { step, outcome: Outcome::of(ok, reason, initiator), at_ms, ms, facts }
    }
}

impl From<Step> for Form {
    fn from(step: Step) -> Self {
        Form {
            ok: step.is_climbed(),
            reason: step.reason(),
            initiator: step.initiator(),
            step: step.step,
            at_ms: step.at_ms,
            ms: step.ms,
            facts: step.facts,
            detail: Flat::default(),
        }
    }
}

impl JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        Form::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Form::json_schema(generator)
    }
}
