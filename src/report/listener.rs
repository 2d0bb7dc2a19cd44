//! What a listener says: its ports when it begins, what came when it ends, and the file of both.

use crate::document::{Block, Column, Document, Role, Section, Style, Table, Text, terminal};
use crate::listen::open::Port;
use crate::listen::range::OpenRange;
use crate::listen::wanted::Wanted;
use crate::net::occupied::BindProblem;
use crate::stand_in::memory::journal::{Arrival, Counts};
use crate::stand_in::memory::sightings::HalfOpen;
use crate::wire::challenge::SiteKey;
use crate::wire::ports;
use crate::wire::seal::Seal;
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
    /// Fingerprint of the site key, where it had one: the connector's must be the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_fingerprint: Option<String>,
    /// When it began, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When it ended.
    #[schemars(with = "String")]
    pub finished: Timestamp,
    /// Its ports.
    pub ports: Vec<PortEntry>,
    /// Ranges that it opened as a whole, apart from the ports above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<RangeEntry>,
    /// Sweeps of them, by the site's own connectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sweeps: Vec<SweepEntry>,
    /// The connections: the first 100,000 that were proved, and the first 50,000 others.
    pub arrivals: Vec<Arrival>,
    /// How many more there were; none is 0.
    #[serde(default, skip_serializing_if = "is_none")]
    pub arrivals_left_out: u64,
    /// Connections that began and never opened: the answer to their SYN did not get back, or theirs
    /// to that did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub half_open: Vec<HalfOpen>,
    /// The seal of the site key, where there was one, over everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
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

/// A range of ports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RangeEntry {
    /// The range.
    pub range: crate::matrix::port_set::PortSet,
    /// How many of its ports were opened.
    pub opened: usize,
    /// Those that somebody else has, as `50001,50003-50010`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub taken: String,
    /// Who has them, as far as that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<ports::Holder>,
    /// Those that could not be opened for another reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failed: String,
    /// That reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Connections besides those of sweeps.
    pub counts: Counts,
}

/// One sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SweepEntry {
    /// Where it came from.
    #[schemars(with = "String")]
    pub peer: IpAddr,
    /// How many ports it reached.
    pub ports: u32,
}

/// Whether nothing is missing.
fn is_none(left_out: &u64) -> bool {
    *left_out == 0
}

/// What a listener saw in all.
#[derive(Debug)]
pub struct Came {
    /// Sweeps, and how many ports each reached.
    pub sweeps: Vec<(IpAddr, u32)>,
    /// By port.
    pub counts: BTreeMap<SocketAddr, Counts>,
    /// The connections.
    pub arrivals: Vec<Arrival>,
    /// How many more there were.
    pub arrivals_left_out: u64,
    /// Those that began and never opened.
    pub half_open: Vec<HalfOpen>,
}

impl ListenFile {
    /// The same, of a listener that proved with this key.
    #[must_use]
    pub fn with_key(self, fingerprint: Option<String>) -> Self {
        ListenFile { key_fingerprint: fingerprint, ..self }
    }

    /// Puts ports and journal together; `when` is the beginning and the end.
    pub fn new(
        site: &str,
        wanted: &[Wanted],
        when: (Timestamp, Timestamp),
        ports: &[Port],
        ranges: &[OpenRange],
        came: Came,
    ) -> Self {
        let Came { counts, arrivals, arrivals_left_out, half_open, sweeps } = came;
        let (started, finished) = when;
        let mut hosts: Vec<String> = wanted
            .iter()
            .flat_map(|w| [std::slice::from_ref(&w.host), w.also.as_slice()].concat())
            .collect();
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
        let ranges = ranges.iter().map(|range| RangeEntry::new(range, &counts)).collect();
        let sweeps = sweeps.into_iter().map(|(peer, ports)| SweepEntry { peer, ports }).collect();
        let (schema, version) = (SCHEMA.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let key_fingerprint = None;
        ListenFile {
            schema,
            version,
            site: site.to_owned(),
            hosts,
            key_fingerprint,
            started,
            finished,
            ports,
            ranges,
            sweeps,
            arrivals,
            arrivals_left_out,
            half_open,
            seal: None,
        }
    }
}

impl RangeEntry {
    fn new(range: &OpenRange, counts: &BTreeMap<SocketAddr, Counts>) -> Self {
        let failed: Vec<u16> = range.failed.iter().map(|(port, _)| *port).collect();
        let within = |(address, _): &(&SocketAddr, &Counts)| {
            address.ip() == range.endpoint.ip() && range.range.contains(address.port())
        };
        let counts = counts.iter().filter(within).fold(Counts::default(), |sum, (_, c)| Counts {
            accepted: sum.accepted + c.accepted,
            proved: sum.proved + c.proved,
            turned_away: sum.turned_away + c.turned_away,
        });
        RangeEntry {
            range: range.range.clone(),
            opened: range.opened,
            taken: ports::text(range.taken.iter().copied()),
            holders: ports::by_holder(&range.holders),
            failed: ports::text(failed.iter().copied()),
            because: range.failed.first().map(|(_, why)| why.clone()),
            counts,
        }
    }

    /// In one line: how many ports are open, and which are not.
    fn words(&self) -> String {
        let mut words = format!("{} ports of the range are open", self.opened);
        if !self.taken.is_empty() {
            let _ = write!(words, "; somebody else has {}", self.taken);
            let holders: Vec<String> = match self.holders.as_slice() {
                [one] if one.ports == self.taken => vec![one.who.clone()],
                holders => holders.iter().map(|h| format!("{}: {}", h.ports, h.who)).collect(),
            };
            if !holders.is_empty() {
                let _ = write!(words, " ({})", holders.join("; "));
            }
        }
        if let Some(because) = &self.because {
            let _ = write!(words, "; not opened: {} ({because})", self.failed);
        }
        words
    }
}

/// The file's text, with the seal of a site key.
///
/// # Errors
/// As of a result file.
pub fn json(file: &ListenFile, key: Option<&SiteKey>) -> serde_json::Result<String> {
    super::format::json::document(file, key)
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
    port.problem
        .as_ref()
        .map_or_else(|| port.purpose.clone(), |(_, advice)| format!("{}: {advice}", port.purpose))
}

fn bracketed(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

fn column(heading: &str) -> Column {
    Column::new(heading, Role::Words)
}

/// The ports, when the listener begins. `key` is the fingerprint of the site key.
pub fn opening(
    ports: &[Port],
    ranges: &[OpenRange],
    conflicts: &[String],
    key: Option<&str>,
    lifetime: Duration,
    style: Style,
) -> String {
    let of_port = |port: &Port| {
        [port.address.to_string(), port.protocol.to_string(), state(port).to_owned(), note(port)]
    };
    let of_range = |range: &OpenRange| {
        let state = if range.failed.is_empty() { "open" } else { "partly" };
        [
            format!("{}:{}", bracketed(range.endpoint.ip()), range.range),
            range.protocol.to_string(),
            state.to_owned(),
            RangeEntry::new(range, &BTreeMap::new()).words(),
        ]
    };
    let table = Table::of::<[String; 4]>(
        &[
            (column("Port"), &|row| row[0].as_str().into()),
            (column("Protocol"), &|row| row[1].as_str().into()),
            (column("State"), &|row| row[2].as_str().into()),
            (column("For, or what to do"), &|row| row[3].as_str().into()),
        ],
        ports.iter().map(of_port).chain(ranges.iter().map(of_range)),
    );
    let conflicts =
        conflicts.iter().map(|words| Block::Paragraph(format!("not opened: {words}").into()));
    let open = ports.iter().filter(|p| p.problem.is_none()).count()
        + ranges.iter().map(|r| r.opened).sum::<usize>();
    let document = Document {
        summary: Some(listening(open, key, lifetime).into()),
        sections: vec![
            section(std::iter::once(Block::Table(table)).chain(conflicts).collect()),
            section(vec![Block::Summary]),
        ],
        ..Document::default()
    };
    terminal::render(&document, style)
}

fn section(blocks: Vec<Block>) -> Section {
    Section { heading: None, blocks }
}

/// That it listens, or that it has nothing to listen for.
fn listening(open: usize, key: Option<&str>, lifetime: Duration) -> String {
    let span =
        jiff::SignedDuration::try_from(lifetime).map(|d| format!("{d:#}")).unwrap_or_default();
    let proof = key.map_or_else(
        || "without a site key, so nothing is proved".to_owned(),
        |fingerprint| format!("proving with the site key {fingerprint}"),
    );
    match open {
        0 => "No port is open: nothing to listen for.".to_owned(),
        1 => format!("Listening on 1 port for {span}, {proof}. Ctrl-C ends it."),
        _ => format!("Listening on {open} ports for {span}, {proof}. Ctrl-C ends it."),
    }
}

/// What came, when the listener ends. `key` is the fingerprint of the site key.
pub fn summary(
    ports: &[Port],
    ranges: &[OpenRange],
    came: &Came,
    key: Option<&str>,
    style: Style,
) -> String {
    let Came { counts, half_open, sweeps, .. } = came;
    let open = || ports.iter().filter(|port| port.problem.is_none());
    let met = open().filter_map(|port| Some((port, *counts.get(&port.address)?)));
    let silent = open().filter(|port| !counts.contains_key(&port.address));
    let silent: Vec<String> = silent.map(|port| port.address.to_string()).collect();
    let mut told = Vec::new();
    if !silent.is_empty() {
        told.push(format!("Nobody connected to {}.", silent.join(", ")));
    }
    let entries = ranges.iter().map(|range| RangeEntry::new(range, counts));
    for range in entries.filter(|r| r.counts.accepted + r.counts.turned_away > 0) {
        let Counts { accepted, proved, turned_away } = range.counts;
        told.push(format!(
            "Range {}: {accepted} connections besides sweeps, {proved} proved, {turned_away} \
                turned away.",
            range.range
        ));
    }
    for (peer, reached) in sweeps {
        let ports = if *reached == 1 { "port" } else { "ports" };
        told.push(format!("A sweep from {peer} reached {reached} {ports}."));
    }
    told.extend(lost(half_open));
    let proved_nobody = sweeps.is_empty()
        && counts.values().any(|c| c.accepted > 0)
        && counts.values().all(|c| c.accepted == 0 || c.proved == 0);
    told.extend(key.filter(|_| proved_nobody).map(another_key));
    let told = told.iter().map(|words| Block::Paragraph(Text::with_commands(words))).collect();
    let sections = vec![section(vec![Block::Table(came_table(met))]), section(told)];
    format!("\n{}", terminal::render(&Document { sections, ..Document::default() }, style))
}

fn came_table<'p>(met: impl Iterator<Item = (&'p Port, Counts)>) -> Table {
    let number = |heading| Column::new(heading, Role::Number);
    Table::of::<(&Port, Counts)>(
        &[
            (column("Port"), &|(port, _)| port.address.to_string().into()),
            (column("Protocol"), &|(port, _)| port.protocol.to_string().into()),
            (number("Accepted"), &|(_, counts)| counts.accepted.to_string().into()),
            (number("Proved"), &|(_, counts)| counts.proved.to_string().into()),
            (number("Turned away"), &|(_, counts)| counts.turned_away.to_string().into()),
        ],
        met,
    )
}

/// Connections that stayed half open, by port and peer.
fn lost(half_open: &[HalfOpen]) -> Vec<String> {
    let mut lost: BTreeMap<(u16, IpAddr), usize> = BTreeMap::new();
    for connection in half_open {
        *lost.entry((connection.local.port(), connection.peer.ip())).or_default() += 1;
    }
    let words = |((port, peer), count): ((u16, IpAddr), usize)| {
        let what =
            if count == 1 { "a connection".to_owned() } else { format!("{count} connections") };
        format!(
            "Half open: {peer} began {what} on port {port} and never heard the answer: the way \
                back to it is shut, not the way here."
        )
    };
    lost.into_iter().take(MAX_LOST).map(words).collect()
}

fn another_key(fingerprint: &str) -> String {
    format!(
        "Nobody asked for a proof with this site key. Either the connector has another key \
            (`portmatrix key show` must print {fingerprint} there too), or something else connected."
    )
}
