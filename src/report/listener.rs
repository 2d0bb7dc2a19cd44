//! What a listener says: its ports when it begins, what came when it ends, and the file of both.

use super::Style;
use crate::listen::journal::{Arrival, Counts};
use crate::listen::open::{Port, Wanted};
use crate::listen::sightings::HalfOpen;
use crate::net::serve::BindProblem;
use crate::text::wrap;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Lines about connections that stayed half open.
const MAX_LOST: usize = 20;

/// Name and version of the format.
pub const SCHEMA: &str = "portmatrix/listen/1";

/// What a listener saw, as a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ListenFile {
    /// Always `portmatrix/listen/1`.
    pub schema: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// Name of the site.
    pub site: String,
    /// The hosts it stood in for.
    pub hosts: Vec<String>,
    /// When it began, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When it ended.
    #[schemars(with = "String")]
    pub finished: Timestamp,
    /// Its ports.
    pub ports: Vec<PortEntry>,
    /// The connections, the first 100,000 of them.
    pub arrivals: Vec<Arrival>,
    /// Connections that began and never opened: the answer to their SYN did not get back, or theirs to that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub half_open: Vec<HalfOpen>,
}

/// One port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PortEntry {
    /// Where.
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// What it speaks.
    pub protocol: crate::matrix::model::Protocol,
    /// `open`, `taken`, `forbidden`, `no-such-address` or `failed`.
    pub state: String,
    /// What it is for, or why it is not open and what to do.
    pub note: String,
    /// What came.
    pub counts: Counts,
}

/// What a listener saw in all.
#[derive(Debug)]
pub struct Came {
    /// By port.
    pub counts: BTreeMap<SocketAddr, Counts>,
    /// The connections.
    pub arrivals: Vec<Arrival>,
    /// Those that began and never opened.
    pub half_open: Vec<HalfOpen>,
}

impl ListenFile {
    /// Puts ports and journal together.
    pub fn new(site: &str, wanted: &[Wanted], started: Timestamp, finished: Timestamp, ports: &[Port], came: Came) -> Self {
        let Came { counts, arrivals, half_open } = came;
        let mut hosts: Vec<String> = wanted.iter().map(|w| w.host.clone()).collect();
        hosts.sort();
        hosts.dedup();
        let ports = ports
            .iter()
            .map(|port| PortEntry {
                address: port.address,
                protocol: port.protocol,
                state: state(port).to_owned(),
                note: note(port),
                counts: counts.get(&port.address).copied().unwrap_or_default(),
            })
            .collect();
        let (schema, version) = (SCHEMA.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        ListenFile { schema, version, site: site.to_owned(), hosts, started, finished, ports, arrivals, half_open }
    }
}

/// The file's text.
pub fn json(file: &ListenFile) -> String {
    serde_json::to_string_pretty(file).unwrap_or_default() + "\n"
}

/// The word for how a port stands.
fn state(port: &Port) -> &'static str {
    match port.problem.as_ref().map(|(problem, _)| *problem) {
        None => "open",
        Some(BindProblem::Taken) => "taken",
        Some(BindProblem::Forbidden) => "forbidden",
        Some(BindProblem::NoSuchAddress) => "no-such-address",
        Some(BindProblem::Other) => "failed",
    }
}

fn note(port: &Port) -> String {
    port.problem.as_ref().map_or_else(|| port.purpose.clone(), |(_, advice)| format!("{}: {advice}", port.purpose))
}

fn table(style: Style, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(super::table::LINES).set_content_arrangement(ContentArrangement::Dynamic).set_width(style.width);
    table.force_no_tty().set_header(header.to_vec());
    table
}

/// The ports, when the listener begins.
pub fn opening(ports: &[Port], conflicts: &[String], proving: bool, lifetime: Duration, style: Style) -> String {
    let mut table = table(style, &["Port", "Protocol", "State", "For, or what to do"]);
    for port in ports {
        table.add_row([port.address.to_string(), port.protocol.to_string(), state(port).to_owned(), note(port)]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    for conflict in conflicts {
        let _ = writeln!(text, "not opened: {conflict}");
    }
    let open = ports.iter().filter(|p| p.problem.is_none()).count();
    let span = jiff::SignedDuration::try_from(lifetime).map(|d| format!("{d:#}")).unwrap_or_default();
    let proof = if proving { "proving with the site key" } else { "without a site key, so nothing is proved" };
    if open == 0 {
        text.push_str("\nNo port is open: nothing to listen for.\n");
    } else {
        let _ = writeln!(text, "\nListening on {open} {} for {span}, {proof}. Ctrl-C ends it.", if open == 1 { "port" } else { "ports" });
    }
    text
}

/// What came, when the listener ends.
pub fn summary(ports: &[Port], came: &Came, proving: bool, style: Style) -> String {
    let Came { counts, half_open, .. } = came;
    let mut table = table(style, &["Port", "Protocol", "Accepted", "Proved", "Turned away"]);
    let mut silent = Vec::new();
    for port in ports.iter().filter(|p| p.problem.is_none()) {
        match counts.get(&port.address) {
            Some(counts) => {
                let number = |n: u64| Cell::new(n).set_alignment(CellAlignment::Right);
                table.add_row(vec![
                    Cell::new(port.address),
                    Cell::new(port.protocol),
                    number(counts.accepted),
                    number(counts.proved),
                    number(counts.turned_away),
                ]);
            }
            None => silent.push(port.address.to_string()),
        }
    }
    let mut text = String::from("\n");
    if !table.is_empty() {
        let _ = writeln!(text, "{}\n", table.trim_fmt());
    }
    if !silent.is_empty() {
        let words = format!("Nobody connected to {}.", silent.join(", "));
        text.push_str(&wrap(&words, "", usize::from(style.width)));
    }
    let mut lost: BTreeMap<(u16, IpAddr), usize> = BTreeMap::new();
    for connection in half_open {
        *lost.entry((connection.local.port(), connection.peer.ip())).or_default() += 1;
    }
    for ((port, peer), count) in lost.into_iter().take(MAX_LOST) {
        let what = if count == 1 { "a connection".to_owned() } else { format!("{count} connections") };
        let words = format!(
            "Half open: {peer} began {what} on port {port} and never heard the answer: the way back to it is shut, not the way here."
        );
        text.push_str(&wrap(&words, "", usize::from(style.width)));
    }
    let met = counts.values().filter(|c| c.accepted > 0);
    if proving && met.clone().count() > 0 && met.map(|c| c.proved).sum::<u64>() == 0 {
        text.push_str(
            "Nobody asked for a proof with this site key: has the connector the same key, or was it something else that connected?\n",
        );
    }
    text
}
