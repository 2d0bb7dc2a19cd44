//! Deny hops are judged twice: the second time with what the other hops of the run showed about the
//! same two hosts, before and after.
//!
//! Shut must be shut by the way. So each deny hop that looks shut needs a control, a way between
//! the same two hosts that is open; it is tried once more at the end of the run, then its control,
//! and only where the one is still shut and the other still open it passes.

use super::ask::Asking;
use super::once_more;
use super::probed::{Probed, source};
use super::row::{Open, Row};
use crate::matrix::model::Expect;
use crate::observation::{Evidence, Observation, StepKind};
use crate::plan::model::{Control as Declared, Hop};
use crate::reason::Reason;
use crate::verdict::{self, AnsweredBy, Control, Judgement, Policy, Reached, Verdict};
use crate::wire::challenge::ProofOutcome;
use crate::wire::ports;
use crate::wire::sighting::Seen;
use std::net::{IpAddr, SocketAddr};

/// The second look at every deny hop, once the run is over.
pub(super) async fn second_look(
    probed: &[Probed],
    judgements: &mut [Judgement],
    asking: &Asking,
    declared: &[Declared],
    policy: Policy,
) {
    let open = open_ways(probed, judgements);
    let mut rows: Vec<Row> = Vec::new();
    for place in 0..probed.len() {
        if looks_shut(&probed[place], &judgements[place]) {
            rows.push(Row::new(place, probed, &judgements[place], &open, declared));
        }
    }
    if rows.iter().any(|row| row.control.is_some()) && !asking.stop.is_cancelled() {
        once_more::choose(probed, &mut rows, asking).await;
        once_more::rows(probed, &mut rows, asking).await;
        once_more::from_other_ports(probed, &mut rows, asking, policy).await;
        once_more::controls(probed, &mut rows, asking).await;
    }
    for row in rows {
        let this = &probed[row.place];
        let judgement = judgements[row.place].clone();
        let control = Control {
            reached: row.reached,
            proved: row.proved,
            lossy: row.lossy,
            again: row.again,
            after: row.after,
        };
        let mut judged = verdict::with_control(judgement, &control, row.opened);
        if judged.verdict == Verdict::Pass {
            judged.advice = None;
        } else if let Some(seen) = &this.seen {
            judged.advice = verdict::advice_for(&this.hop, seen, &judged).or(judged.advice);
        }
        judgements[row.place] = judged;
    }
}

fn looks_shut(this: &Probed, judgement: &Judgement) -> bool {
    this.hop.flow.expect == Expect::Deny
        && judgement.reason == Reason::Denied
        && judgement.verdict == Verdict::Inconclusive
}

/// A hop that passed, as a way between two hosts.
struct OpenWay {
    place: usize,
    from: String,
    to: String,
    /// Which of the To host's addresses it was; none where a front in between chose it.
    at: Option<IpAddr>,
    /// Which front and port were connected to.
    front: (String, u16),
    /// The ports that its listener has, in words; none where none proved itself.
    listener_ports: String,
    /// Whether it was the host itself, by its proof.
    proved: bool,
}

impl Row {
    fn new(
        place: usize,
        probed: &[Probed],
        judgement: &Judgement,
        open: &[OpenWay],
        declared: &[Declared],
    ) -> Row {
        let hop = &probed[place].hop;
        let seen = probed[place].seen.as_ref();
        let fits = |way: &&OpenWay| is_control_for(way, hop, several(probed, hop));
        let holds = |way: &OpenWay| ports::holds(&way.listener_ports, hop.port);
        let best =
            open.iter().filter(fits).max_by_key(|way| (holds(way), way.proved, way.at.is_some()));
        // Asked about this very connection, it said that it had the port.
        let asked = seen
            .and_then(|s| s.sighting.as_ref())
            .is_some_and(|s| s.state >= Seen::NotAllowed || (s.own && s.state == Seen::Nothing));
        let reached = match best {
            None => Reached::No,
            Some(way) if asked || holds(way) => Reached::Holds,
            Some(_) => Reached::Yes,
        };
        let of_host = declared
            .iter()
            .filter(|control| control.host == hop.to.host.label() && hop.flow.relayed_to.is_none());
        let mut declared = of_host.filter_map(|control| {
            Some(Open::Declared(SocketAddr::new(hop.address?, control.port), source(seen)))
        });
        let control = best.map(|way| Open::Hop(way.place)).or_else(|| declared.next());
        let others = if best.is_none() { declared.collect() } else { Vec::new() };
        let reached = if control.is_some() { reached.max(Reached::Yes) } else { reached };
        let opened = seen
            .is_some_and(|s| s.steps.iter().any(|s| s.is_climbed() && s.step == StepKind::Connect))
            && judgement.answered_by == AnsweredBy::Nobody;
        Row {
            place,
            opened,
            reached,
            control,
            proved: best.is_some_and(|way| way.proved),
            others,
            lossy: is_lossy(probed, hop, seen),
            again: None,
            after: None,
        }
    }
}

/// Whether a host was tried at several addresses: it may be dead at one of them, so the control
/// must be of the same.
fn several(probed: &[Probed], hop: &Hop) -> bool {
    probed.iter().any(|p| p.hop.to.host == hop.to.host && p.hop.address != hop.address)
}

/// Whether a silent hop shows no rule, since packets between its two hosts were lost, and came when
/// they were sent again.
fn is_lossy(probed: &[Probed], hop: &Hop, seen: Option<&Observation>) -> bool {
    let silent = seen.is_some_and(|s| s.steps.iter().any(|s| s.reason() == Some(Reason::TimedOut)));
    let between = |p: &&Probed| p.hop.from.host == hop.from.host && p.hop.to.host == hop.to.host;
    let lost = |p: &Probed| {
        p.seen.as_ref().is_some_and(|s| s.evidence.iter().any(Evidence::needed_another_try))
    };
    silent && probed.iter().filter(between).any(lost)
}

/// Whether an open way shows of a deny hop that its two hosts reach each other.
fn is_control_for(way: &OpenWay, hop: &Hop, several: bool) -> bool {
    if way.from != hop.from.host.label() {
        return false;
    }
    // A front that refuses a path must pass another one on, through the same port, or it may refuse
    // everything.
    if hop.flow.relayed_to.is_some() {
        return way.front == (hop.to.host.label(), hop.port)
            && (!several || way.at.is_none() || way.at == hop.address);
    }
    way.to == hop.to.host.label() && (!several || (way.at.is_some() && way.at == hop.address))
}

/// The hops that passed, with the hosts that they reached: the one that they connect to, those that
/// proved themselves on it, and, where a front passes on what the service says, the one behind.
fn open_ways(probed: &[Probed], judgements: &[Judgement]) -> Vec<OpenWay> {
    let passed = |(place, _): &(usize, &Probed)| judgements[*place].verdict == Verdict::Pass;
    let allow = probed
        .iter()
        .enumerate()
        .filter(|(_, p)| p.hop.flow.expect == Expect::Allow && p.hop.proxy.is_none());
    allow
        .filter(passed)
        .flat_map(|(place, this)| of_hop(place, this, judgements[place].reason == Reason::Proved))
        .collect()
}

fn of_hop(place: usize, this: &Probed, itself: bool) -> Vec<OpenWay> {
    let (hop, Some(seen)) = (&this.hop, &this.seen) else { return Vec::new() };
    let way = |to: String, at: Option<IpAddr>, listener_ports: String, proved: bool| OpenWay {
        place,
        from: hop.from.host.label(),
        to,
        at,
        front: (hop.to.host.label(), hop.port),
        listener_ports,
        proved,
    };
    let mut ways = vec![way(hop.to.host.label(), hop.address, String::new(), itself)];
    let mut proved = false;
    for proof in &seen.proofs {
        if let ProofOutcome::Valid { claims, .. } = proof {
            proved = true;
            ways.push(way(
                claims.host.clone(),
                Some(claims.local.ip().to_canonical()),
                claims.ports.clone(),
                true,
            ));
        }
    }
    // Without a proof it is the real service: an answer of its own came through the front.
    if !proved && let Some(behind) = &hop.flow.relayed_to {
        ways.extend(behind.hosts.iter().map(|host| way(host.clone(), None, String::new(), false)));
    }
    ways
}

#[cfg(test)]
mod tests;
