//! Deny hops are judged twice: the second time with what the other hops of the run showed about the same two hosts.

use crate::matrix::model::Expect;
use crate::observation::{Evidence, StepKind};
use crate::proto::ports;
use crate::proto::sighting::Seen;
use crate::reason::Reason;
use crate::result::HopResult;
use crate::verdict::{self, AnsweredBy, Control, Judgement, Verdict};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Lets a deny hop pass when the same From host reached the same To host in this run: by an allow hop that passed, straight, or through
/// a front, where the proof came from the host behind it. Either shows that both ends are up and the From host has a network.
pub fn second_look(results: Vec<HopResult>) -> Vec<HopResult> {
    let open: Vec<Way> = results.iter().filter(|r| r.expect == Expect::Allow && r.verdict == Verdict::Pass).flat_map(ways).collect();
    // Hosts between which packets were lost, and came when they were sent again.
    let lossy: BTreeSet<(String, String)> = results
        .iter()
        .filter(|r| r.evidence.iter().any(Evidence::needed_another_try))
        .map(|r| (r.from.host.clone(), r.to.host.clone()))
        .collect();
    let addresses: Vec<(String, Option<IpAddr>)> = results.iter().map(|r| (r.to.host.clone(), r.to.address)).collect();
    results
        .into_iter()
        .map(|mut result| {
            if result.expect == Expect::Deny {
                let judgement = Judgement {
                    verdict: result.verdict,
                    reason: result.reason,
                    ended: result.ended_at.zip(result.initiator),
                    answered_by: result.answered_by,
                    advice: result.advice.take(),
                    notes: std::mem::take(&mut result.notes),
                };
                // A host with several addresses may be dead at one of them: the control must be of the same.
                let several = addresses.iter().any(|(host, address)| *host == result.to.host && *address != result.to.address);
                let answered = result.steps.iter().any(|s| s.step == StepKind::Http && s.detail.contains_key("status"));
                let fits = |way: &&Way| {
                    way.from == result.from.host
                        && way.to == result.to.host
                        && (!several || (way.at.is_some() && way.at == result.to.address))
                        // A front that refuses a path must pass another one on, or it may refuse everything.
                        && (!answered || way.port == result.to.port)
                };
                let holds = |way: &Way| result.to.port.is_some_and(|port| ports::holds(&way.listener_ports, port));
                let of = |way: &Way| if holds(way) { Control::Holds } else { Control::Reached };
                let control = open.iter().filter(fits).map(of).max().unwrap_or(Control::None);
                // Asked about this very connection, it said that it had the port.
                let asked = result.sighting.as_ref().is_some_and(|s| s.state >= Seen::NotAllowed);
                let control = if asked && control != Control::None { Control::Holds } else { control };
                let opened = result.steps.iter().any(|s| s.ok && s.step == StepKind::Connect) && result.answered_by == AnsweredBy::Nobody;
                let mut judgement = verdict::with_control(judgement, control, opened);
                let silent = result.steps.iter().any(|s| s.reason == Some(Reason::TimedOut));
                if silent && judgement.verdict == Verdict::Pass && lossy.contains(&(result.from.host.clone(), result.to.host.clone())) {
                    judgement.verdict = Verdict::Inconclusive;
                    let note = "packets between these two hosts were lost in this run, so silence shows no rule";
                    judgement.notes.push(note.to_owned());
                }
                result.verdict = judgement.verdict;
                result.reason = judgement.reason;
                result.notes = judgement.notes;
                result.advice = judgement.advice.filter(|_| judgement.verdict != Verdict::Pass);
            }
            result
        })
        .collect()
}

/// Two hosts that reached each other.
struct Way {
    from: String,
    to: String,
    /// Which of the To host's addresses it was.
    at: Option<IpAddr>,
    /// Which port was connected to.
    port: Option<u16>,
    /// The ports that its listener has, in words; none where none proved itself.
    listener_ports: String,
}

/// The host that a hop connects to, and the hosts that proved themselves on it.
fn ways(result: &HopResult) -> Vec<Way> {
    let from = || result.from.host.clone();
    let proofs = result.steps.iter().filter(|s| s.ok && s.step == StepKind::Proof);
    let proved = proofs.filter_map(|s| {
        let to = s.detail.get("host")?.as_str()?.to_owned();
        let at = s.detail.get("local").and_then(|v| v.as_str()?.parse::<SocketAddr>().ok()).map(|local| local.ip().to_canonical());
        let listener_ports = s.detail.get("listener_ports").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        Some(Way { from: from(), to, at, port: result.to.port, listener_ports })
    });
    let straight =
        Way { from: from(), to: result.to.host.clone(), at: result.to.address, port: result.to.port, listener_ports: String::new() };
    std::iter::once(straight).chain(proved).collect()
}

#[cfg(test)]
mod tests;
