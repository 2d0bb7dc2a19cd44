//! The answers of the web service. Members that are empty are left out by it, and members that
//! nobody knows yet may be added: neither is a mistake.

use ipnet::IpNet;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Octets of an answer at most; the worldwide one has about 300 KiB.
pub const MAX_OCTETS: usize = 16 << 20;

/// Prefixes shorter than these are no provider's.
const WIDE_V4: u8 = 8;
const WIDE_V6: u8 = 20;

/// One set of endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its number, which stays the same.
    pub id: u32,
    /// Names, lower case; the first label may be a wildcard.
    pub names: Vec<String>,
    /// Ranges, without bits after their prefix.
    pub networks: Vec<IpNet>,
    /// TCP ports, as they were written; empty for a set that has none.
    pub tcp_ports: String,
    /// Whether the provider calls it required.
    pub required: bool,
}

/// All sets of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// By number.
    pub sets: BTreeMap<u32, Set>,
    /// What was read otherwise than it was written, or left out, one sentence each.
    pub odd: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    id: Option<u32>,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    ips: Vec<String>,
    #[serde(default)]
    tcp_ports: String,
    #[serde(default)]
    required: bool,
}

impl List {
    /// Reads the answer to `/endpoints`.
    ///
    /// # Errors
    /// Every mistake, each with the number of its set.
    pub fn parse(text: &str) -> Result<List, Vec<String>> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| vec![format!("this is no JSON: {e}")])?;
        let records = records(value)?;
        let (mut list, mut mistakes) = (List::default(), Vec::new());
        for (place, value) in records.into_iter().enumerate() {
            match serde_json::from_value::<Record>(value) {
                Ok(Record { id: None, .. }) => {
                    mistakes.push(format!("entry {} has no `id`", place + 1))
                }
                Ok(record) => list.take(record, &mut mistakes),
                Err(error) => mistakes.push(format!("entry {} cannot be read: {error}", place + 1)),
            }
        }
        if mistakes.is_empty() { Ok(list) } else { Err(mistakes) }
    }

    fn take(&mut self, record: Record, mistakes: &mut Vec<String>) {
        let id = record.id.unwrap_or_default();
        let mut networks = Vec::new();
        for text in &record.ips {
            match network(text) {
                Some(network) if network.trunc() != network => {
                    self.odd.push(format!(
                        "set {id}: {text} has bits after its prefix and was read as {}",
                        network.trunc()
                    ));
                    networks.push(network.trunc());
                }
                Some(network) => {
                    if network.prefix_len()
                        < if network.addr().is_ipv4() { WIDE_V4 } else { WIDE_V6 }
                    {
                        self.odd.push(format!(
                            "set {id}: {network} is so wide that no address will \
                            be told to be outside of it"
                        ));
                    }
                    networks.push(network);
                }
                None => mistakes.push(format!("set {id}: \"{}\" is no network", shown(text))),
            }
        }
        let mut names = Vec::new();
        for text in &record.urls {
            let name = text.trim().trim_end_matches('.').to_lowercase();
            if crate::matrix::word_forms::host_name_fault(&name).is_none() {
                names.push(name);
            } else {
                self.odd.push(format!(
                    "set {id}: \"{}\" is no host name that a port table can hold and was left out",
                    shown(text)
                ));
            }
        }
        if names.is_empty() && networks.is_empty() {
            self.odd.push(format!("set {id} has neither names nor ranges"));
        }
        let set =
            Set { id, names, networks, tcp_ports: record.tcp_ports, required: record.required };
        if self.sets.insert(id, set).is_some() {
            mistakes.push(format!("set {id} is listed twice"));
        }
    }

    /// The names and ranges of these sets together, each once and in order. Numbers that are not
    /// there are in `missing`.
    pub fn of(&self, sets: &[u32]) -> Wanted {
        let found: Vec<&Set> = sets.iter().filter_map(|id| self.sets.get(id)).collect();
        let names: BTreeSet<&String> = found.iter().flat_map(|set| &set.names).collect();
        let networks: BTreeSet<&IpNet> = found.iter().flat_map(|set| &set.networks).collect();
        Wanted {
            names: names.into_iter().cloned().collect(),
            networks: networks.into_iter().copied().collect(),
            missing: sets.iter().copied().filter(|id| !self.sets.contains_key(id)).collect(),
            without_443: found
                .iter()
                .filter(|set| !has_port(&set.tcp_ports, 443))
                .map(|set| set.id)
                .collect(),
        }
    }
}

/// The names and ranges of some sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Names, in order.
    pub names: Vec<String>,
    /// Ranges, IPv4 first.
    pub networks: Vec<IpNet>,
    /// Numbers of sets that are not in the list.
    pub missing: Vec<u32>,
    /// Sets that do not have TCP 443.
    pub without_443: Vec<u32>,
}

/// Whether a list such as `443,80` or `50000-50059` has a port.
fn has_port(ports: &str, wanted: u16) -> bool {
    let holds = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().ok();
        number(first)
            .zip(number(last))
            .is_some_and(|(first, last)| (first..=last).contains(&wanted))
    };
    ports.split(',').any(holds)
}

/// The entries, unless it is another answer of the same service, or something else.
fn records(value: serde_json::Value) -> Result<Vec<serde_json::Value>, Vec<String>> {
    let wrong = |what: &str| {
        Err(vec![format!(
            "{what}: save the answer of \
                https://endpoints.office.com/endpoints/INSTANCE?ClientRequestId=GUID"
        )])
    };
    match value {
        serde_json::Value::Object(object) if object.contains_key("latest") => {
            wrong("this is the answer to /version, which has no names")
        }
        serde_json::Value::Array(all) if all.is_empty() => wrong("this list is empty"),
        serde_json::Value::Array(all) if all.iter().any(|one| one.get("disposition").is_some()) => {
            wrong("this is the answer to /changes, which has only what changed")
        }
        serde_json::Value::Array(all) if all.iter().all(|one| one.get("latest").is_some()) => {
            wrong("this is the answer to /version, which has no names")
        }
        serde_json::Value::Array(all) => Ok(all),
        _ => wrong("this is no list of endpoint sets"),
    }
}

/// What is wrong with a version.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// It is no JSON.
    #[error("the version is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It has another form.
    #[error("\"{0}\" is no version of the list: ten digits, YYYYMMDDNN, were expected")]
    Odd(String),
}

/// The version in the answer to `/version/INSTANCE`.
///
/// # Errors
/// What is wrong with it.
pub fn version(text: &str) -> Result<String, VersionError> {
    let value: serde_json::Value = serde_json::from_str(text)?;
    let one = value.as_array().and_then(|all| all.first()).unwrap_or(&value);
    let latest = one.get("latest").and_then(|v| v.as_str()).unwrap_or_default();
    match super::day(latest) {
        Some(_) => Ok(latest.to_owned()),
        None => Err(VersionError::Odd(shown(latest).to_string())),
    }
}

/// A range, or one address.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)).ok()
}

/// Words of a file, fit for a message.
pub(super) fn shown(text: &str) -> String {
    crate::text::sanitise(text, 80)
}
