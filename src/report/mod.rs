//! Sinks of a run: what people and machines read. Everything is rendered to text; only `cli` prints.

pub mod csv;
pub mod explain;
pub mod json;
pub mod listener;
pub mod markdown;
pub mod table;

use crate::result::HopResult;

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
