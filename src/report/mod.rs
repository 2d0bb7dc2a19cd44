//! Sinks of a run: what people and machines read. Everything is rendered to text; only `cli` prints.

pub mod csv;
pub mod explain;
pub mod json;
pub mod listener;
pub mod markdown;
pub mod table;

use crate::result::HopResult;
use std::fmt::Write as _;

/// How a table for people is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether colour may be used.
    pub color: bool,
}

/// `host:port`, with the address when the name has several. `host` is the name as it is to be shown.
pub(crate) fn to_text(result: &HopResult, host: &str) -> String {
    let port = result.to.port.map(|p| format!(":{p}")).unwrap_or_default();
    match result.to.address {
        Some(address) if address.to_string() != result.to.host && result.hop.contains('[') => format!("{host} [{address}]{port}"),
        _ if host.contains(':') => format!("[{host}]{port}"),
        _ => format!("{host}{port}"),
    }
}

/// The rungs in one line: climbed ones by name, the first that was not with a cross.
pub(crate) fn rungs(result: &HopResult) -> String {
    let mut parts: Vec<(String, u32)> = Vec::new();
    for step in &result.steps {
        let name = format!("{}{}", step.step.name(), if step.ok { "" } else { " ✗" });
        match parts.iter_mut().find(|(n, _)| *n == name) {
            Some((_, count)) => *count += 1,
            None => parts.push((name, 1)),
        }
    }
    parts.into_iter().map(|(n, count)| if count > 1 { format!("{n} ×{count}") } else { n }).collect::<Vec<_>>().join(" ")
}

/// What is needed to act on one hop, each fact with its label: the reason in words, the rung that failed, the 5-tuple and time, the advice.
pub(crate) fn facts(hop: &HopResult) -> Vec<(&'static str, String)> {
    let mut facts = vec![("reason", format!("{}: {}", hop.reason, hop.reason.summary()))];
    if let Some(step) = hop.steps.iter().find(|s| !s.ok) {
        let mut words = step.step.name().to_owned();
        for (name, value) in &step.detail {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if !matches!(name.as_str(), "source" | "destination") {
                let _ = write!(words, " · {name} {value}");
            }
        }
        facts.push(("at", words));
    }
    if let Some(e) = hop.evidence.last() {
        let source = e.source.map_or_else(|| "?".to_owned(), |s| s.to_string());
        facts.push(("evidence", format!("TCP {source} → {} at {}", e.destination, e.sent_at.strftime("%Y-%m-%d %H:%M:%S%.3fZ"))));
    }
    facts.extend(hop.notes.iter().map(|note| ("note", note.clone())));
    facts.extend(hop.advice.iter().map(|advice| ("do", advice.clone())));
    facts.push(("row", hop.source.clone()));
    facts
}
