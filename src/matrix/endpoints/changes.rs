//! What is announced: the answer to `/changes/INSTANCE/VERSION`. Additions are published a month
//! before they are in use, with the day.

use super::service::{network, shown};
use ipnet::IpNet;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Names and ranges of one set that will be in use from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announced {
    /// The set.
    pub set: u32,
    /// The day, `YYYY-MM-DD`.
    pub from: String,
    /// Names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpNet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    endpoint_set_id: u32,
    add: Option<Addition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addition {
    effective_date: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    ips: Vec<String>,
}

/// Additions to these sets that are not in use yet on `today`, the nearest first.
///
/// # Errors
/// Every mistake, each with the number of its set.
pub fn announced(text: &str, sets: &[u32], today: Date) -> Result<Vec<Announced>, Vec<String>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(text)
        .map_err(|e| vec![format!("this is no list of changes, the answer to /changes: {e}")])?;
    let (mut all, mut mistakes) = (Vec::new(), Vec::new());
    for (place, value) in values.into_iter().enumerate() {
        let change: Change = match serde_json::from_value(value) {
            Ok(change) => change,
            Err(error) => {
                mistakes.push(format!("change {} cannot be read: {error}", place + 1));
                continue;
            }
        };
        let Some(add) = change.add.filter(|_| sets.contains(&change.endpoint_set_id)) else {
            continue;
        };
        let Some(day) =
            add.effective_date.as_deref().and_then(|text| Date::strptime("%Y%m%d", text).ok())
        else {
            continue;
        };
        let mut networks = Vec::new();
        for text in &add.ips {
            match network(text) {
                Some(network) => networks.push(network.trunc()),
                None => mistakes.push(format!(
                    "change of set {}: \"{}\" is no network",
                    change.endpoint_set_id,
                    shown(text)
                )),
            }
        }
        let names: Vec<String> = add.urls.iter().map(|name| shown(&name.to_lowercase())).collect();
        if day > today && !(names.is_empty() && networks.is_empty()) {
            all.push(Announced {
                set: change.endpoint_set_id,
                from: day.to_string(),
                names,
                networks,
            });
        }
    }
    all.sort_by(|a, b| (&a.from, a.set).cmp(&(&b.from, b.set)));
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}
