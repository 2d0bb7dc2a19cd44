//! The whole dynamic range, port by port. Which ports the mapper gives today are only some of those that it may give tomorrow, and a rule of a
//! firewall is for all of them.

mod board;
mod job;
mod speaker;

use super::session::Session;
use super::{CHALLENGE_CONTEXT, Called, token, within};
use crate::matrix::port_set::PortSet;
use crate::net::failure::Failure;
use crate::net::{clock, random};
use crate::observation::{Detail, Evidence, Initiator, PortState, Segment, StepKind, Sweep, SweepMode};
use crate::probe::climb::RangeMode;
use crate::probe::{Climb, Stop};
use crate::proto::challenge::{self, Challenge, Claims, ProofOutcome};
use crate::proto::ports::{self, Swept};
use crate::proto::question::{AddressTag, Asked, Question, millis};
use crate::proto::rpc::Syntax;
use crate::proto::sighting::{Seen, Sighting};
use crate::reason::Reason;
use board::Board;
use job::{Found, job};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Attempts of a sweep that are kept as evidence: one for each run of ports that are shut.
const MAX_EVIDENCE: usize = 8;

/// Rung `rpc-range`, where the hop has a range and it is to be swept. `proved` says that the mapper's listener proved itself.
///
/// # Errors
/// [`Stop`] when part of the range is shut.
pub(super) async fn climb(climb: &mut Climb<'_>, proved: bool) -> Result<(), Stop> {
    let flow = climb.target.hop.flow.clone();
    let mode = climb.tools.range;
    let (Some(range), Some(interface)) = (&flow.range, flow.interfaces.first()) else { return Ok(()) };
    if mode == RangeMode::Never || (mode == RangeMode::Stages && !proved) {
        return Ok(());
    }
    let begun = clock::instant();
    // Where the listener has not opened the range there is nothing to be proved, and the way to it is not known.
    if mode == RangeMode::Stages && only_interfaces(climb, range) {
        climb.note(StepKind::RpcRange, begun, Ok(Detail::from([("ports".to_owned(), range.len().into()), ("tried".to_owned(), 0.into())])));
        climb.remark(Reason::RangePartlyTested);
        return Ok(());
    }
    let challenge = Challenge::new(random(), &climb.target.hop.id, clock::now());
    let Some(job) = job(climb, range, interface, challenge, proved) else { return Ok(()) };
    let stop = Cancel(job.stop.clone());
    let swept = tokio::task::spawn_blocking(move || job.run()).await;
    drop(stop);
    let Ok(Ok((board, mode, found))) = swept else {
        climb.note(StepKind::RpcRange, begun, Err(Failure::local(Reason::LocalResources).with("error", "the sweep could not be made")));
        return Err(Stop);
    };
    let there = if proved { put(climb, &challenge.about_sweep()).await } else { None };
    let gone = proved && there.is_none();
    let there = there.and_then(|claims| claims.swept);
    let mut not_held = there.as_ref().map(Swept::taken).unwrap_or_default();
    not_held.extend(not_held_by(climb, range));
    not_held.sort_unstable();
    let mut sweep = put_together(&board, mode, &found, (there.as_ref(), &not_held), clock::ms_since(begun));
    let attempts = evidence(&sweep, &found, climb.target.address);
    if proved && !gone {
        reply_lost(climb, &mut sweep, &attempts).await;
    }
    climb.evidence_of_sweep(attempts);
    let outcome = match judge(&sweep, proved) {
        // Who listened is not there any more, or not for this host: what was not proved says nothing of the way.
        Err(_) if gone => Err(Failure::local(Reason::NotTested)
            .with("error", "the mapper's port does not answer any more: the listener was ended, or a device took the sweep for a scan and shuts this host out")),
        outcome => outcome,
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::RpcRange, begun, outcome);
    if let Some(reason) = remark(&sweep, proved).filter(|_| climbed) {
        climb.remark(reason);
    }
    climb.sweep = Some(sweep);
    if climbed { Ok(()) } else { Err(Stop) }
}

/// Whether the listener has told that of the range it holds the ports of its interfaces alone.
fn only_interfaces(climb: &Climb<'_>, range: &PortSet) -> bool {
    climb.proofs().iter().any(|p| matches!(p, ProofOutcome::Valid { claims, .. } if ports::are_few(&claims.ports, range.iter())))
}

/// The ports of a range that the listener has told not to be its own.
fn not_held_by(climb: &Climb<'_>, range: &PortSet) -> Vec<u16> {
    let told = climb.proofs().iter().find_map(|p| match p {
        ProofOutcome::Valid { claims, .. } if !claims.ports.is_empty() => Some(&claims.ports),
        _ => None,
    });
    told.map(|words| ports::not_in(words, range.iter())).unwrap_or_default()
}

/// Both ends' counts in one; `not_held` are ports that the listener does not have open.
fn put_together(board: &Board, mode: SweepMode, found: &Found, (there, not_held): (Option<&Swept>, &[u16]), ms: f64) -> Sweep {
    let arrived = there.and_then(Swept::list).map(|seen| {
        let unanswered = |port: &u16| matches!(board.get(*port), Some((PortState::Shut, _)));
        ports::text(seen.into_iter().filter(unanswered))
    });
    Sweep {
        mode,
        segments: board.segments(not_held, |port| there?.holder(port)),
        tried: board.tried(),
        lost: found.lost,
        seen_there: there.map(|s| s.count),
        arrived_unanswered: arrived.filter(|a| !a.is_empty()),
        ms,
        fastest_ms: found.fastest.map(|f| f.as_secs_f64() * 1000.0),
    }
}

/// One attempt for each run of ports that did not open, that of the longest run last: it decides where the way is walked.
fn evidence(sweep: &Sweep, found: &Found, address: std::net::IpAddr) -> Vec<Evidence> {
    let mut shut: Vec<&Segment> = sweep.segments.iter().filter(|s| s.is_blocked() && found.unopened.contains_key(&s.first)).collect();
    shut.sort_by_key(|s| std::cmp::Reverse(s.len()));
    shut.truncate(MAX_EVIDENCE);
    let attempt = |s: &Segment| {
        let packets = found.unopened.get(&s.first)?;
        Some(Evidence {
            source: packets.source,
            destination: SocketAddr::new(address, s.first),
            sent_at: packets.sent_at,
            attempts: 1,
            syns: None,
            outcome: s.reason,
            icmp: packets.icmp,
        })
    };
    shut.into_iter().rev().filter_map(attempt).collect()
}

/// Stops a sweep whose hop was given up.
struct Cancel(Arc<AtomicBool>);

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the rung says. Who is not proved at the mapper's port is a real service: there a shut port is one that it does not use.
fn judge(sweep: &Sweep, proved: bool) -> Result<Detail, Failure> {
    let is_proved = |s: &Segment| matches!(s.state, PortState::Proved | PortState::ProvedLate);
    let detail = Detail::from([
        ("ports".to_owned(), sweep.segments.iter().map(Segment::len).sum::<usize>().into()),
        ("tried".to_owned(), sweep.tried.into()),
        ("proved".to_owned(), sweep.count(is_proved).into()),
    ]);
    let blocked: Vec<&Segment> = sweep.segments.iter().filter(|s| s.is_blocked()).collect();
    if blocked.is_empty() || !proved {
        return Ok(detail);
    }
    // A fault of this machine must not hide what is wrong with the way.
    let foreign: Vec<&Segment> = blocked.iter().copied().filter(|s| !s.reason.is_some_and(Reason::is_local)).collect();
    let Some(first) = foreign.first() else {
        let reason = blocked.iter().find_map(|s| s.reason).unwrap_or(Reason::LocalResources);
        return Err(Failure { detail, ..Failure::local(reason) });
    };
    // A way back that is shut is another team's matter than a port that is, however many others are open.
    let alike =
        foreign.iter().all(|s| s.reason == first.reason) && (sweep.count(is_proved) == 0 || first.reason == Some(Reason::ReplyLost));
    let reason = first.reason.filter(|_| alike).unwrap_or(Reason::RangePartlyBlocked);
    Err(Failure { reason, initiator: Initiator::Path, detail })
}

/// What is to be said of a range in which nothing is shut.
fn remark(sweep: &Sweep, proved: bool) -> Option<Reason> {
    if !proved {
        // Of a service that is not proved, nobody knows which ports it has open: it refuses the others. What is not even refused is not green.
        let swallowed = |s: &Segment| s.state == PortState::Shut && s.reason != Some(Reason::Refused);
        return (sweep.count(swallowed) > 0).then_some(Reason::NotProved);
    }
    if sweep.count(Segment::is_unknown) > 0 {
        return Some(Reason::RangePartlyTested);
    }
    (sweep.lost > 0).then_some(Reason::Retried)
}

/// Asks the listener something over the mapper's port: what it claims, where it answers and proves itself.
async fn put(climb: &Climb<'_>, question: &Challenge) -> Option<Claims> {
    let key = climb.tools.key.clone()?;
    let octets = question.encode(&key);
    let stream = climb.dial_aside().await.ok()?;
    let bound = within(climb.step_deadline(), Session::bind(stream, Syntax::EPM, Some(&octets))).await.ok()?;
    let mut session = bound.session;
    let Ok(Called::Answered(stub, _)) = within(climb.step_deadline(), session.call(CHALLENGE_CONTEXT, 0, Vec::new())).await else {
        return None;
    };
    match challenge::verify(&key, question, &token(&stub), None) {
        ProofOutcome::Valid { claims, .. } if claims.host == climb.target.hop.to.host.label() => Some(claims),
        _ => None,
    }
}

/// The listener reads its host's table a few times a second, and believes it at the second reading.
const AFTER: Duration = Duration::from_millis(600);

/// Of each run of silent ports one is asked about: where its SYN came and stayed half open, the way there is open and the way back is shut.
async fn reply_lost(climb: &Climb<'_>, sweep: &mut Sweep, attempts: &[Evidence]) {
    for attempt in attempts.iter().filter(|attempt| attempt.outcome == Some(Reason::TimedOut)) {
        let Some(source) = attempt.source else { continue };
        let age = clock::now().duration_since(attempt.sent_at);
        tokio::time::sleep(AFTER.saturating_sub(age.try_into().unwrap_or_default())).await;
        let age_ms = millis(clock::now().duration_since(attempt.sent_at).try_into().unwrap_or_default());
        let this = AddressTag::default();
        let question = Question { port: attempt.destination.port(), source_port: source.port(), age_ms, source: this, destination: this };
        let claims = put(climb, &Challenge::question(random(), &Asked::Connection(question), clock::now())).await;
        let arrived = |sighting: &Sighting| {
            sighting.state == Seen::HalfOpen && sighting.local.is_some_and(|local| local.port() == attempt.destination.port())
        };
        if claims.and_then(|claims| claims.sighting).is_some_and(|sighting| arrived(&sighting))
            && let Some(segment) = sweep.segments.iter_mut().find(|s| s.first == attempt.destination.port())
        {
            segment.reason = Some(Reason::ReplyLost);
        }
    }
}
