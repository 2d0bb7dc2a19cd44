//! The result of one run, as it stands in a file. The JSON Schema is generated from these types
//! (`report --schema`).

mod hop;
pub mod published;
pub mod v1;

use crate::plan::model::Unplanned;
use crate::reason::Reason;
use crate::verdict::{AnsweredBy, Verdict};
pub use hop::{End, HopResult, TestedBy};
use jiff::Timestamp;
use published::{Published, Revocation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name and version of the format.
pub const SCHEMA: &str = "portmatrix/result/2";

/// A result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultFile {
    /// Always `portmatrix/result/2`; files of version 1 are read as well.
    pub schema: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// Name of the site.
    pub site: String,
    /// Where the connector ran.
    pub from: FromHost,
    /// When the run began, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When the run ended.
    #[schemars(with = "String")]
    pub finished: Timestamp,
    /// Fingerprint of the site key, where there was one: the listener's must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_fingerprint: Option<String>,
    /// No hop of the plan begins at this host: there was nothing to test, and nothing was tested.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nothing_begins_here: bool,
    /// The hops, in the order of the plan.
    pub hops: Vec<HopResult>,
    /// Flows from this host that ought to be tested and cannot be: a protocol that is not probed,
    /// hosts that were not found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untested: Vec<Unplanned>,
    /// For roles that belong nearer to some directories than to others: how it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nearness: Vec<Nearness>,
    /// For cloud services that publish names and ranges: how these stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Published>,
    /// Hosts that the certificates of cloud services name for revocation, and whether they can be
    /// reached. A client that cannot waits for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation: Vec<Revocation>,
}

/// Which directories a host is nearer to, by the time that they take to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Nearness {
    /// Role of the host that asked.
    pub role: String,
    /// That host.
    pub host: String,
    /// Those that it belongs nearer to.
    pub wanted: DirectoryGroup,
    /// The others.
    pub other: DirectoryGroup,
    /// How it is.
    pub nearer: Nearer,
}

/// Directories of some roles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DirectoryGroup {
    /// The roles.
    pub roles: Vec<String>,
    /// The nearest of them.
    pub nearest: String,
    /// The median time of its answers, in milliseconds.
    pub median_ms: f64,
}

/// Which of two groups is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nearer {
    /// The one that is wanted nearer.
    Wanted,
    /// The other one.
    Other,
    /// There is no clear difference.
    Neither,
}

impl ResultFile {
    /// Of this version of the program, with nothing in it yet.
    pub fn empty(site: &str, from: FromHost, started: Timestamp) -> Self {
        ResultFile {
            schema: SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            site: site.to_owned(),
            from,
            started,
            finished: started,
            key_fingerprint: None,
            nothing_begins_here: false,
            hops: Vec::new(),
            untested: Vec::new(),
            nearness: Vec::new(),
            published: Vec::new(),
            revocation: Vec::new(),
        }
    }

    /// The worst verdict of all: flows that cannot be tested count as skipped.
    pub fn worst(&self) -> Verdict {
        let hops = self.hops.iter().map(|h| h.verdict);
        // A result without a single hop shows nothing, unless there was nothing to show.
        let nothing = self.hops.is_empty() && !self.nothing_begins_here;
        let untested = (!self.untested.is_empty() || nothing).then_some(Verdict::Skipped);
        hops.chain(untested).max().unwrap_or(Verdict::Pass)
    }

    /// The exit code that it asks for: the worst verdict decides.
    pub fn exit_code(&self) -> u8 {
        match self.worst() {
            Verdict::Pass | Verdict::Warn => 0,
            Verdict::Fail => 1,
            Verdict::Inconclusive | Verdict::Skipped => 3,
        }
    }
}

/// The host of a connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FromHost {
    /// Its own name.
    pub host: String,
    /// The roles it was taken for.
    pub roles: Vec<String>,
    /// Hosts and networks of the plan that its hops begin at, and that it is not: what was tested
    /// from here is another way than the planned one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
}

/// How many hops stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// As expected.
    pub pass: usize,
    /// As expected, but look at it.
    pub warn: usize,
    /// Not as expected.
    pub fail: usize,
    /// Could not be told.
    pub inconclusive: usize,
    /// Not tried.
    pub skipped: usize,
    /// Of all, the ones proved by a listener.
    pub proved: usize,
}

impl Counts {
    /// Counts hops.
    pub fn of<'a>(hops: impl IntoIterator<Item = &'a HopResult>) -> Self {
        let mut counts = Counts::default();
        for hop in hops {
            match hop.verdict {
                Verdict::Pass => counts.pass += 1,
                Verdict::Warn => counts.warn += 1,
                Verdict::Fail => counts.fail += 1,
                Verdict::Inconclusive => counts.inconclusive += 1,
                Verdict::Skipped => counts.skipped += 1,
            }
            counts.proved += usize::from(
                hop.answered_by == AnsweredBy::StandIn && hop.reason != Reason::WrongListener,
            );
        }
        counts
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.pass + self.warn + self.fail + self.inconclusive + self.skipped
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.total();
        write!(f, "{total} {}: {} pass", if total == 1 { "hop" } else { "hops" }, self.pass)?;
        for (count, word) in [
            (self.warn, "warn"),
            (self.fail, "fail"),
            (self.inconclusive, "inconclusive"),
            (self.skipped, "skipped"),
        ] {
            if count > 0 {
                write!(f, ", {count} {word}")?;
            }
        }
        write!(f, " (listener identity confirmed on {})", self.proved)
    }
}
