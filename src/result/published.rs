//! What became of the names and ranges that a cloud service publishes.

use crate::matrix::model::NameClass;
use crate::reason::Reason;
use crate::verdict::Verdict;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The names and ranges of one role, as a host sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    /// The role.
    pub role: String,
    /// The host that looked.
    pub from: String,
    /// Host and port of the outbound proxy on the way; absent for the direct one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Version of the published list that names and ranges are from, `YYYYMMDDNN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// How many days old that list was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_days: Option<i64>,
    /// Its names, in the order of the port table; each wildcard is followed by what was tried under
    /// it.
    pub names: Vec<PublishedName>,
    /// Its ranges.
    pub ranges: Vec<PublishedRange>,
}

/// One name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedName {
    /// The name, or a wildcard.
    pub name: String,
    /// How much it matters.
    pub class: NameClass,
    /// The worst of its hops; absent for a wildcard, which cannot be probed, and for a name that
    /// was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many addresses it has; 1 where a proxy looks it up.
    pub addresses: usize,
    /// Those on which its hops are as expected.
    pub working: usize,
    /// Those outside the role's ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub outside: Vec<IpAddr>,
    /// The names that it stands for in DNS (CNAME).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Issuer of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Status of its HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The shortest time of a TCP handshake, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// For a wildcard: names under it that were looked up, of the port table or as aliases of
    /// others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen_as: Vec<String>,
}

/// One range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedRange {
    /// The range.
    #[schemars(with = "String")]
    pub network: IpNet,
    /// How it stands.
    pub state: RangeState,
    /// Addresses in it that were tried.
    pub through: Vec<Through>,
}

/// A host that says which certificates are revoked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Revocation {
    /// The host that asked.
    pub from: String,
    /// Host and port of the outbound proxy on the way; absent for the direct one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What certificates name it for: `crl` for lists, `ocsp` for single answers.
    pub purposes: Vec<String>,
    /// One of the URLs.
    pub url: String,
    /// Whether it answered in HTTP, with whatever status.
    pub reached: bool,
    /// That status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a range stands, by the addresses in it that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RangeState {
    /// Every address that was tried was reached. It says nothing of the others.
    SeenOpen,
    /// Some were reached and some were not.
    Partly,
    /// None was reached.
    NotReached,
    /// None was tried: nothing is known.
    NotExercised,
}

/// One address of a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Through {
    /// The address.
    #[schemars(with = "String")]
    pub address: IpAddr,
    /// The name that has it; absent for one that was picked from the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether a connection to it opened. Absent where nothing is known: this machine could not
    /// try, or nobody need listen there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
    /// How it ended where it did not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The last router that answered on the way, where the way was walked and the address did not
    /// answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_seen: Option<IpAddr>,
}

impl RangeState {
    /// By the addresses that were tried.
    pub fn of(through: &[Through]) -> Self {
        let count = |wanted: bool| through.iter().filter(|t| t.reached == Some(wanted)).count();
        match (count(true), count(false)) {
            (0, 0) => RangeState::NotExercised,
            (_, 0) => RangeState::SeenOpen,
            (0, _) => RangeState::NotReached,
            _ => RangeState::Partly,
        }
    }

    /// The words used in tables.
    pub fn words(self) -> &'static str {
        match self {
            RangeState::SeenOpen => "seen open",
            RangeState::Partly => "partly",
            RangeState::NotReached => "not reached",
            RangeState::NotExercised => "unknown",
        }
    }
}
