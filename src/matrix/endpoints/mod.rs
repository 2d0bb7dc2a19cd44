//! Lists of names and ranges that a cloud provider publishes as a web service: read, compared with
//! what a port table has, and written into it. The format is that of Microsoft's endpoint web
//! service: `https://endpoints.office.com/endpoints/INSTANCE?ClientRequestId=GUID`.

pub mod changes;
pub mod compare;
pub mod rewrite;
pub mod service;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cloud of its own, with names and ranges of its own. The numbers of sets mean something else in
/// each.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Instance {
    /// Worldwide, with GCC
    Worldwide,
    /// US Government, GCC High
    UsgovGcchigh,
    /// US Department of Defense
    UsgovDod,
    /// China, operated by 21Vianet
    China,
}

impl Instance {
    /// The words of files, with their values.
    pub const WORDS: &'static [(&'static str, Instance)] = &[
        ("worldwide", Instance::Worldwide),
        ("usgov-gcchigh", Instance::UsgovGcchigh),
        ("usgov-dod", Instance::UsgovDod),
        ("china", Instance::China),
    ];

    /// What the web service calls it.
    pub fn name(self) -> &'static str {
        match self {
            Instance::Worldwide => "Worldwide",
            Instance::UsgovGcchigh => "USGovGCCHigh",
            Instance::UsgovDod => "USGovDoD",
            Instance::China => "China",
        }
    }

    /// The word used in files and options.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, instance)| *instance == self).map_or("", |(word, _)| word)
    }
}

/// Where a role's names and ranges come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// The cloud.
    pub instance: Instance,
    /// Numbers of its sets.
    pub sets: Vec<u32>,
    /// Version of the list, `YYYYMMDDNN`; absent where it is not known.
    pub version: Option<String>,
}

/// The day of a version `YYYYMMDDNN`.
pub fn day(version: &str) -> Option<jiff::civil::Date> {
    let digits = version
        .get(..8)
        .filter(|_| version.len() == 10 && version.bytes().all(|b| b.is_ascii_digit()))?;
    jiff::civil::Date::strptime("%Y%m%d", digits).ok()
}

#[cfg(test)]
mod tests;
