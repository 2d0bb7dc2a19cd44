//! What one end of a hop saw: facts, no opinion.

pub mod facts;
pub mod failure;
mod fault;
mod from_run;
mod step;
mod step_kind;
mod sweep;

pub use facts::Facts;
pub use fault::CertificateFault;
pub use from_run::{Change, Known, Shots, Spread as PortSpread};
pub use step::{Initiator, Outcome, Step};
pub use step_kind::StepKind;
pub use sweep::{Outage, PortState, Segment, Sweep, SweepMode};

use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;
use crate::wire::sighting::Sighting;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// How the words of [`Observation::spread`] on a connection end that was made by HTTP/1.1, where it
/// might have been HTTP/2.
pub const BY_HTTP1: &str = ", by HTTP/1.1";

/// One connection attempt, for the log of a firewall.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Source address and port; absent when the system gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub source: Option<SocketAddr>,
    /// Destination address and port.
    #[schemars(with = "String")]
    pub destination: SocketAddr,
    /// When the first packet was sent, RFC 3339 UTC.
    #[schemars(with = "String")]
    pub sent_at: Timestamp,
    /// Which attempt of its connection this is, from 1: each is made from a port of its own.
    #[serde(alias = "attempts")]
    pub attempt: u32,
    /// SYN packets that the system sent for it, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syns: Option<u32>,
    /// How the attempt ended; absent when the connection opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Reason>,
    /// The ICMP message that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
}

impl Evidence {
    /// Whether the connection opened only after packets of it had been lost.
    pub fn needed_another_try(&self) -> bool {
        self.outcome.is_none() && (self.attempt > 1 || self.syns.is_some_and(|syns| syns > 1))
    }

    /// Of all attempts of a hop, those of the connection where it ended: one, or several from
    /// different ports.
    pub fn of_last_connection(all: &[Evidence]) -> &[Evidence] {
        let first = all.iter().rposition(|e| e.attempt <= 1).unwrap_or(0);
        all.get(first..).unwrap_or_default()
    }

    /// Of all attempts of a hop, the one that decided how it ended: the last that was not broken
    /// off.
    pub fn decisive(all: &[Evidence]) -> Option<&Evidence> {
        let of_last = Evidence::of_last_connection(all);
        of_last
            .iter()
            .find(|e| e.outcome.is_none())
            .or_else(|| of_last.iter().rev().find(|e| e.outcome != Some(Reason::NotTested)))
    }
}

/// An ICMP message about one of our packets (RFC 792, RFC 4443).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Icmp {
    /// Its type. IPv4 and IPv6 number them differently; the sender's address tells which it is.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// Who sent it: one of this machine's own addresses when its own firewall or neighbour table
    /// did.
    #[schemars(with = "String")]
    pub from: IpAddr,
}

/// The way to a destination, walked with rising TTL on the destination's own port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// Where the walk went.
    #[schemars(with = "String")]
    pub destination: SocketAddr,
    /// One node per TTL, from 1.
    pub nodes: Vec<PathNode>,
}

/// What answered at one TTL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathNode {
    /// The TTL (IPv6: hop limit) of the packet.
    pub ttl: u8,
    /// How it was answered.
    pub answer: NodeAnswer,
    /// Who answered; absent when nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<IpAddr>,
    /// The ICMP message, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Icmp>,
    /// Milliseconds until the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
}

/// How a packet with a short life was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeAnswer {
    /// A router on the way said that its life was over.
    TimeExceeded,
    /// Somebody said that it cannot go on.
    Unreachable,
    /// The connection opened: this is the destination, or something that answers for it.
    Opened,
    /// It was reset.
    Reset,
    /// Nothing came.
    Silent,
}

impl Icmp {
    /// Whether the message says that a packet's life was over on the way.
    pub fn is_time_exceeded(&self) -> bool {
        self.kind == if self.from.is_ipv4() { 11 } else { 3 }
    }
}

impl std::fmt::Display for Icmp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ICMP{} {}/{}", if self.from.is_ipv4() { "" } else { "v6" }, self.kind, self.code)
    }
}

/// The nodes in their order, `10.77.1.1 → ? → 10.78.0.2 → silent`.
impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, node) in self.nodes.iter().enumerate() {
            let from = node.from.map_or_else(|| "?".to_owned(), |from| from.to_string());
            let arrow = if place == 0 { "" } else { " → " };
            match (node.answer, node.icmp) {
                (NodeAnswer::Silent, _) if place + 1 == self.nodes.len() => {
                    write!(f, "{arrow}silent")?
                }
                (NodeAnswer::Unreachable, Some(icmp)) => write!(f, "{arrow}{from} ({icmp})")?,
                (NodeAnswer::Opened, _) => write!(f, "{arrow}{from} (opened)")?,
                (NodeAnswer::Reset, _) => write!(f, "{arrow}reset")?,
                _ => write!(f, "{arrow}{from}")?,
            }
        }
        Ok(())
    }
}

impl Trace {
    /// The last node that answered before the destination: whoever swallows the packets is this
    /// one, or stands after it.
    pub fn last_router(&self) -> Option<IpAddr> {
        let passed_on = |n: &&PathNode| {
            n.answer == NodeAnswer::TimeExceeded && n.from != Some(self.destination.ip())
        };
        self.nodes.iter().rev().find(passed_on).and_then(|n| n.from)
    }

    /// Whether the destination's own address answered for packets whose life ended on the way: it
    /// passes them on, and so is no end but NAT.
    pub fn is_passed_on_by_destination(&self) -> bool {
        self.nodes
            .iter()
            .any(|n| n.answer == NodeAnswer::TimeExceeded && n.from == Some(self.destination.ip()))
    }
}

/// How long something took, of several times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// How often it was measured.
    pub samples: usize,
    /// The shortest.
    pub min_ms: f64,
    /// The one in the middle: half took no longer.
    pub median_ms: f64,
    /// 95 of 100 took no longer (nearest rank).
    pub p95_ms: f64,
}

impl Spread {
    /// Of these times; `None` of none.
    pub fn of(times: &[f64]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let samples = sorted.len();
        // Nearest rank: the first that so many in a hundred do not exceed.
        let rank =
            |percent: usize| sorted.get((samples * percent).div_ceil(100).max(1) - 1).copied();
        Some(Spread { samples, min_ms: *sorted.first()?, median_ms: rank(50)?, p95_ms: rank(95)? })
    }
}

/// How far away a directory is, in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// A TCP handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Spread>,
    /// The smallest search of the rootDSE, and its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Spread>,
}

impl Latency {
    /// Itself, where anything was measured.
    pub fn measured(self) -> Option<Self> {
        (self.connect.is_some() || self.request.is_some()).then_some(self)
    }
}

/// Whether a host holds the PDC emulator role of its domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PdcRole {
    /// It says so itself.
    Held,
    /// It says that it does not.
    HeldByAnother {
        /// DNS name of the domain.
        domain: String,
        /// The controller that holds it, where that could be found out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<String>,
    },
    /// It was not asked: no hop of the run speaks LDAP with it, or it did not say.
    NotVerified,
}

/// What an address is that cannot be another machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Misplaced {
    /// Of the loopback interface: no packet leaves this machine.
    Loopback,
    /// No address of anybody (0.0.0.0/8, `::`).
    Nowhere,
    /// Of a group of hosts: multicast or broadcast.
    Group,
    /// Of an interface of this machine.
    Own,
    /// One that a host gives itself where it finds no network.
    LinkLocal,
}

impl Misplaced {
    /// The words used in facts and notes.
    pub fn words(self) -> &'static str {
        match self {
            Misplaced::Loopback => "an address of this machine's loopback interface",
            Misplaced::Nowhere => "no address of any machine",
            Misplaced::Group => "an address of a group of machines",
            Misplaced::Own => "this machine's own address",
            Misplaced::LinkLocal => {
                "an address that a machine gives itself where it finds no network"
            }
        }
    }

    /// Whether a listener behind it may still prove that it is the right host: one machine may have
    /// two names.
    pub fn may_be_right(self) -> bool {
        matches!(self, Misplaced::Own | Misplaced::LinkLocal)
    }
}

/// Everything one probe of one hop saw. It can be written and read: whoever judges need not be who
/// probed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Id of the hop.
    pub hop: String,
    /// When the probe began.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// Duration of the whole probe in milliseconds.
    pub ms: f64,
    /// Steps in the order in which they were tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Connection attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// One outcome per connection on which the challenge was sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<ProofOutcome>,
    /// What the other end was recognised as, from what it sent (`Active Directory`, `Kestrel`); a
    /// detail, never a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognised: Option<String>,
    /// Tag of what was said on the connection ([`crate::wire::sighting::tag_of_words`]), where the
    /// challenge had no place in it: the listener tells what it heard there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// Whether all that was recognised only passes on what others say: nothing is known of the
    /// service behind it then.
    #[serde(default)]
    pub only_fronts: bool,
    /// Where several connections were made, because the way may be shared out: what became of each,
    /// in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<String>,
    /// The way, where it was walked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// What the listener at the other end said that it saw of this hop, asked over another hop that
    /// works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighting: Option<Sighting>,
    /// How far away a directory is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// For a hop to a PDC emulator: whether it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdc: Option<PdcRole>,
    /// The dynamic range, port by port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// What is wrong with the address, where it cannot be another machine's and the host is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misplaced: Option<Misplaced>,
    /// What the rest of the run tells about it.
    #[serde(default)]
    pub known: Known,
}

impl Observation {
    /// Of steps without any other sight.
    pub fn of_steps(hop: &str, started: Timestamp, ms: f64, steps: Vec<Step>) -> Self {
        Observation {
            hop: hop.to_owned(),
            started,
            ms,
            steps,
            evidence: Vec::new(),
            proofs: Vec::new(),
            recognised: None,
            said: None,
            only_fronts: false,
            spread: Vec::new(),
            trace: None,
            sighting: None,
            latency: None,
            pdc: None,
            sweep: None,
            misplaced: None,
            known: Known::default(),
        }
    }

    /// The first step that was not climbed.
    pub fn first_failure(&self) -> Option<&Step> {
        self.steps.iter().find(|s| !s.is_climbed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_is_the_same_after_a_file() {
        let step = Step {
            step: StepKind::Http,
            outcome: Outcome::failed(Reason::HttpStatus, Initiator::Peer),
            at_ms: 1.5,
            ms: 2.5,
            facts: Facts::of(|facts| facts.http.status = Some(404)),
        };
        let mut seen = Observation::of_steps("a/b", Timestamp::UNIX_EPOCH, 4.0, vec![step]);
        seen.proofs = vec![ProofOutcome::NotAsked, ProofOutcome::Invalid { why: "old".into() }];
        seen.misplaced = Some(Misplaced::Own);
        seen.known.shots = Some(Shots::QueueFull);
        seen.known.at_other_host = Some((([10, 0, 0, 1], 443).into(), "other".into()));
        let text = serde_json::to_string(&seen).expect("JSON");
        assert_eq!(serde_json::from_str::<Observation>(&text).expect("an observation"), seen);
        let least = r#"{"hop":"a/b","started":"1970-01-01T00:00:00Z","ms":4.0,"steps":[]}"#;
        let least: Observation = serde_json::from_str(least).expect("the least there is");
        assert_eq!(least, Observation::of_steps("a/b", Timestamp::UNIX_EPOCH, 4.0, Vec::new()));
    }
}
