//! One hop of a result.

use crate::matrix::model::{Expect, NameClass, Protocol};
use crate::matrix::port_set::PortSet;
use crate::observation::{
    Evidence, Facts, Initiator, Latency, Observation, PdcRole, Step, StepKind, Sweep, Trace,
};
use crate::open_words::Word;
use crate::plan::model::{Hop, HopEnd};
use crate::reason::Reason;
use crate::site::model::Host;
use crate::text::{sanitise, sanitise_fact};
use crate::verdict::{AnsweredBy, Judgement, Leg, Verdict};
use crate::wire::sighting::Sighting;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;

/// Longest note or advice, in characters.
const MAX_LINE: usize = 2048;

/// The machine that tested a hop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct TestedBy {
    /// Its own name.
    pub host: String,
    /// The address that it sent from; where nothing was sent, the one that the plan has it send
    /// from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub address: Option<IpAddr>,
}

impl std::fmt::Display for TestedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.host.as_str(), self.address) {
            ("", Some(address)) => write!(f, "{address}"),
            (host, Some(address)) => write!(f, "{host} {address}"),
            (host, None) => f.write_str(host),
        }
    }
}

/// One side of a hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// Role in this flow.
    pub role: String,
    /// Host or network, as the site file names it.
    pub host: String,
    /// Address, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub address: Option<IpAddr>,
    /// Port, on the To side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// RPC: the dynamic range that must be open as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<PortSet>,
}

/// Protocols of this version are told without keeping a word for them: however many others were
/// read before, they can be.
fn protocol<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    match Protocol::ALL.iter().find(|known| known.name() == text) {
        Some(known) => Ok(Word::of_this_version(known.name())),
        None => Word::deserialize(serde::de::value::CowStrDeserializer::new(text)),
    }
}

/// One hop, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopResult {
    /// Id of the hop.
    pub hop: String,
    /// Full id of the flow.
    pub flow: String,
    /// Full ids of flows that ask for the very same connection, and are answered by this hop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Where the row comes from.
    pub source: String,
    /// From side.
    pub from: End,
    /// Who really tested it: one machine of a network, or another one than the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tested_by: Option<TestedBy>,
    /// To side.
    pub to: End,
    /// Application protocol: one that port tables have, or a newer one.
    #[serde(deserialize_with = "protocol")]
    #[schemars(with = "String")]
    pub protocol: Word,
    /// HTTP path, where one is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Open or shut.
    pub expect: Expect,
    /// Whether the product needs it.
    pub required: bool,
    /// For a published name of a cloud service: how much it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<NameClass>,
    /// Host and port of the outbound proxy on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// How it stands.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The step where it ended, where it did not reach the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<StepKind>,
    /// Who ended it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initiator: Option<Initiator>,
    /// Who answered.
    pub answered_by: AnsweredBy,
    /// What the other end named itself as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognised: Option<String>,
    /// Where a front stands in between: how the way to it stands, and the way from it to the host
    /// behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<Leg>,
    /// When the probe began; absent when it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<Timestamp>,
    /// Duration in milliseconds.
    pub ms: f64,
    /// The steps.
    pub steps: Vec<Step>,
    /// The connection attempts.
    pub evidence: Vec<Evidence>,
    /// What the listener at the other end saw of this hop, asked over another hop that works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sighting: Option<Sighting>,
    /// The way, where it was walked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// How far away a directory is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// For a hop to a PDC emulator: whether it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdc: Option<PdcRole>,
    /// The dynamic range, port by port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// What may still fail although the way is open; only where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// What else is worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl HopResult {
    /// The machine that tested a hop whose row is for a whole network: each machine of it is a lane
    /// of its own. `None` where the plan says itself who it is.
    pub fn tester(&self) -> Option<&TestedBy> {
        self.tested_by.as_ref().filter(|_| self.from.host.parse::<ipnet::IpNet>().is_ok())
    }

    /// The From side for people: a network is followed by the machine that tested.
    pub fn from_text(&self) -> String {
        self.tester().map_or_else(
            || self.from.host.clone(),
            |tester| format!("{} ({tester})", self.from.host),
        )
    }

    /// The hop as tested by one machine, by which results are compared: the hop's id, and who
    /// tested where the row is for a network.
    pub fn lane(&self) -> String {
        self.tester().map_or_else(|| self.hop.clone(), |tester| format!("{} ({tester})", self.hop))
    }

    /// Puts a hop, what was seen of it and what that means together.
    pub fn new(hop: &Hop, seen: Option<&Observation>, judgement: Judgement) -> Self {
        HopResult {
            hop: hop.id.clone(),
            flow: hop.flow.id.clone(),
            also: hop.also.clone(),
            source: hop.flow.source.clone(),
            from: End { address: fixed_address(&hop.from), ..end(&hop.from) },
            tested_by: None,
            to: End {
                address: hop.address,
                port: Some(hop.port),
                range: hop.flow.options.range().cloned(),
                ..end(&hop.to)
            },
            protocol: Word::of_this_version(hop.flow.protocol.name()),
            path: hop.flow.options.path().map(str::to_owned),
            expect: hop.flow.expect,
            required: hop.flow.required,
            class: hop.class,
            proxy: hop.proxy.as_ref().map(|proxy| proxy.label()),
            verdict: judgement.verdict,
            reason: judgement.reason,
            ended_at: judgement.ended.map(|(step, _)| step),
            initiator: judgement.ended.map(|(_, initiator)| initiator),
            answered_by: judgement.answered_by,
            recognised: seen.and_then(|s| s.recognised.as_ref()).map(|r| sanitise(r, MAX_LINE)),
            legs: judgement.legs.into_iter().map(safe_leg).collect(),
            started: seen.map(|s| s.started),
            ms: seen.map_or(0.0, |s| s.ms),
            steps: seen.map(|s| s.steps.iter().cloned().map(safe).collect()).unwrap_or_default(),
            evidence: seen.map(|s| s.evidence.clone()).unwrap_or_default(),
            sighting: seen.and_then(|s| s.sighting.clone()),
            trace: seen.and_then(|s| s.trace.clone()),
            latency: seen.and_then(|s| s.latency),
            pdc: seen.and_then(|s| s.pdc.clone()),
            sweep: seen.and_then(|s| s.sweep.clone()).map(safe_sweep),
            caution: hop
                .flow
                .caution
                .clone()
                .filter(|_| hop.flow.expect == Expect::Allow && judgement.verdict <= Verdict::Warn),
            advice: judgement.advice.map(|a| sanitise(&a, MAX_LINE)),
            notes: judgement.notes.iter().map(|n| sanitise(n, MAX_LINE)).collect(),
        }
    }
}

/// A step whose facts steer no terminal: certificates, headers and directories are written by
/// whoever answers.
fn safe(mut step: Step) -> Step {
    match serde_json::to_value(&step.facts) {
        Ok(facts) => {
            let mut safe = facts.clone();
            sanitise_fact(&mut safe);
            // Most steps say nothing that has to be changed.
            if safe != facts {
                step.facts = serde_json::from_value(safe).unwrap_or_else(unreadable);
            }
        }
        Err(error) => step.facts = unreadable(error),
    }
    step
}

/// What stands in the place of facts that cannot be shown: that there were some.
fn unreadable(error: serde_json::Error) -> Facts {
    Facts::of(|facts| {
        facts.more.add("facts_not_shown", sanitise(&error.to_string(), MAX_LINE));
    })
}

/// A leg whose words steer no terminal: names in them come from proofs.
fn safe_leg(leg: Leg) -> Leg {
    Leg { why: sanitise(&leg.why, MAX_LINE), ..leg }
}

/// A sweep whose words steer no terminal: the listener names the programs that hold ports there.
fn safe_sweep(mut sweep: Sweep) -> Sweep {
    for holder in sweep.segments.iter_mut().filter_map(|s| s.holder.as_mut()) {
        *holder = sanitise(holder, MAX_LINE);
    }
    sweep
}

fn end(end: &HopEnd) -> End {
    End { role: end.role.clone(), host: end.host.label(), address: None, port: None, range: None }
}

fn fixed_address(end: &HopEnd) -> Option<IpAddr> {
    match &end.host {
        Host::Address(address) => Some(*address),
        Host::Named { addresses, .. } => addresses.first().copied(),
        Host::Network(_) | Host::Discover { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Facts;
    use crate::observation::Outcome;
    use serde_json::json;

    #[test]
    fn a_program_cannot_name_itself_into_a_terminal() {
        let sweep: Sweep = serde_json::from_value(json!({
            "mode": "exact", "tried": 2, "lost": 0, "ms": 1.0, "segments": [
                { "first": 1, "last": 1, "state": "proved" },
                { "first": 2, "last": 2, "state": "open", "taken": true, "holder": "\u{1b}]0;mine\u{7}, pid 7" }] }))
        .expect("a sweep");
        let words = safe_sweep(sweep).words(9);
        assert!(words.ends_with(", pid 7)") && !words.contains(['\u{1b}', '\u{7}']), "{words:?}");
    }

    #[test]
    fn facts_from_the_network_steer_no_terminal() {
        let step = |server: &str| Step {
            step: StepKind::Http,
            outcome: Outcome::CLIMBED,
            at_ms: 0.0,
            ms: 1.0,
            facts: Facts::of(|facts| {
                facts.http.server = Some(server.to_owned());
                facts.http.status = Some(200);
                facts.more.add("words", server);
            }),
        };
        let plain = step("nginx");
        assert_eq!(safe(plain.clone()), plain);
        let told = safe(step("\u{1b}]0;mine\u{7}")).facts;
        assert_eq!(told.http.status, Some(200), "the others stay");
        let shown = format!("{told:?} {:?}", told.flat());
        assert!(!shown.contains("\\u{1b}") && !shown.contains('\u{1b}'), "{shown}");
    }
}
