//! One part of a way through a front, and how it stands.

use crate::reason::Reason;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One part of a way that goes through a front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Leg {
    /// Where it begins.
    pub from: String,
    /// Where it ends; several hosts where the front may pass the flow on to any of them.
    pub to: Vec<String>,
    /// Whether it carries the flow; absent where nothing told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<bool>,
    /// How it is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What shows that it stands so, in words.
    pub why: String,
}

impl std::fmt::Display for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stand = match (self.ok, self.reason) {
            (Some(true), _) => "ok".to_owned(),
            (Some(false), Some(reason)) => format!("broken, {reason}"),
            (Some(false), None) => "broken".to_owned(),
            (None, _) => "unknown".to_owned(),
        };
        write!(f, "{} → {}: {stand} ({})", self.from, self.to.join(" or "), self.why)
    }
}

/// The first leg that does not carry the flow.
pub fn first_broken(legs: &[Leg]) -> Option<&Leg> {
    legs.iter().find(|leg| leg.ok == Some(false))
}
