//! The whole dynamic range, port by port. Which ports the mapper gives today are only some of those
//! that it may give tomorrow, and a rule of a firewall is for all of them.

mod job;
mod questions;
mod speaker;
mod survey;

use crate::climb::{Climb, RangeMode, Stop};
use crate::matrix::port_set::PortSet;
use crate::net::{clock, random};
use crate::observation::failure::Failure;
use crate::observation::{Evidence, Facts, Outage, PortState, Segment, StepKind, Sweep, SweepMode};
use crate::protocol::rpc::classify::range::ports::Board;
use crate::protocol::rpc::classify::range::{outcome, rule_or_outage};
use crate::reason::Reason;
use crate::wire::challenge::{Challenge, ProofOutcome};
use crate::wire::ports::{self, Swept};
use job::{Found, Job, job};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Attempts of a sweep that are kept as evidence: one for each run of ports that are shut.
const MAX_EVIDENCE: usize = 8;

/// Rung `rpc-range`, where the hop has a range and it is to be swept. `proved` says that the
/// mapper's listener proved itself.
///
/// # Errors
/// [`Stop`] when part of the range is shut.
pub(super) async fn climb(climb: &mut Climb<'_>, proved: bool) -> Result<(), Stop> {
    let flow = climb.target.hop.flow.clone();
    let mode = climb.tools.range;
    let (Some(range), Some(interface)) = (flow.options.range(), flow.options.interfaces().first())
    else {
        return Ok(());
    };
    if mode == RangeMode::Never || (mode == RangeMode::Stages && !proved) {
        return Ok(());
    }
    let begun = clock::instant();
    // Where the listener has not opened the range there is nothing to be proved, and the way to it
    // is not known.
    if mode == RangeMode::Stages && only_interfaces(climb, range) {
        climb.note(
            StepKind::RpcRange,
            begun,
            Ok(Facts::of(|facts| {
                facts.more.add("ports", range.len());
                facts.more.add("tried", 0);
            })),
        );
        climb.remark(Reason::RangePartlyTested);
        return Ok(());
    }
    let challenge = Challenge::new(random(), &climb.target.hop.id, clock::now());
    let before = proved_before(climb, range);
    let Some(job) = job(climb, range, interface, challenge, proved, before) else { return Ok(()) };
    let _stop = Cancel(job.stop.clone());
    let Some((mut job, mut mode)) = in_a_thread(job, |job| job.run().map(Some)).await else {
        return could_not(climb, begun);
    };
    let mut there =
        if proved { questions::put(climb, |n| challenge.about_sweep(n)).await } else { None };
    // The attempts that are asked about: those of a range that was silent as a whole are old enough
    // by now, and later ones would not be.
    let silent = questions::silent(&job.board, &job.found);
    if there.is_some() && !job.board.has_proved() && job.board.tried() > 0 {
        let Some((again, later)) =
            in_a_thread(job, |job| job.try_again().map(|mode| mode.or(Some(SweepMode::BrokenOff))))
                .await
        else {
            return could_not(climb, begun);
        };
        job = again;
        if job.board.has_proved() {
            mode = later;
            there = questions::put(climb, |n| challenge.about_sweep(2 + n)).await;
        }
    }
    let gone = proved && there.is_none();
    let own = questions::own_claims(climb);
    let restarted = there
        .as_ref()
        .is_some_and(|now| questions::was_restarted(own.as_ref(), now, climb.elapsed()));
    let there = there.and_then(|claims| claims.swept);
    if proved && !gone {
        // One that was started again has forgotten what it saw.
        questions::who_answers(climb, &mut job.board, there.as_ref().filter(|_| !restarted)).await;
        questions::reply_lost(climb, &mut job.board, &silent).await;
    }
    let mut not_held = there.as_ref().map(Swept::taken).unwrap_or_default();
    not_held.extend(not_held_by(climb, range));
    not_held.sort_unstable();
    let sweep = Sweep {
        restarted,
        ..put_together(
            &job.board,
            mode,
            &job.found,
            (there.as_ref(), &not_held),
            clock::ms_since(begun),
        )
    };
    climb.evidence_of_sweep(evidence(&sweep, &job.found, climb.target.address));
    let outcome = match outcome::judge(&sweep, proved) {
        Err(failure) if restarted => Err(Failure { reason: Reason::ChangedMeanwhile, ..failure }),
        // Who listened is not there any more, or not for this host: what was not proved says
        // nothing of the way.
        Err(_) if gone => Err(Failure::local(Reason::NotTested).saying(
            "the mapper's port does not answer any more: the listener was ended, or \
                a device took the sweep for a scan and shuts this host out",
        )),
        outcome => outcome,
    };
    let climbed = outcome.is_ok();
    climb.note(StepKind::RpcRange, begun, outcome);
    if let Some(reason) = outcome::remark(&sweep, proved).filter(|_| climbed) {
        climb.remark(reason);
    }
    climb.sweep = Some(sweep);
    if climbed { Ok(()) } else { Err(Stop) }
}

/// Sweeps in a thread of its own; `None` where the system does not let it.
async fn in_a_thread(
    mut job: Job,
    work: impl FnOnce(&mut Job) -> std::io::Result<Option<SweepMode>> + Send + 'static,
) -> Option<(Job, SweepMode)> {
    let done = tokio::task::spawn_blocking(move || work(&mut job).map(|mode| (job, mode))).await;
    let (job, mode) = done.ok()?.ok()?;
    Some((job, mode?))
}

fn could_not(climb: &mut Climb<'_>, begun: std::time::Instant) -> Result<(), Stop> {
    climb.note(
        StepKind::RpcRange,
        begun,
        Err(Failure::local(Reason::LocalResources).saying("the sweep could not be made")),
    );
    Err(Stop)
}

/// Ports of the range that this hop has seen proved already: those of the interfaces.
fn proved_before(climb: &Climb<'_>, range: &PortSet) -> Vec<u16> {
    let host = climb.target.hop.to.host.label();
    let ports = climb.proofs().iter().filter_map(|p| match p {
        ProofOutcome::Valid { claims, .. } if claims.host == host => Some(claims.local.port()),
        _ => None,
    });
    let mut ports: Vec<u16> = ports.filter(|port| range.contains(*port)).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
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
fn put_together(
    board: &Board,
    mode: SweepMode,
    found: &Found,
    (there, not_held): (Option<&Swept>, &[u16]),
    ms: f64,
) -> Sweep {
    let unsettled = rule_or_outage::is_unsettled(&found.tries, found.told);
    let outage = rule_or_outage::outage(&found.tries, found.told).map(|outage| Outage {
        from: Found::at(outage.from),
        until: outage.until.map(Found::at),
        proved_before: outage.proved_before,
    });
    let arrived = there.and_then(Swept::list).map(|seen| {
        let unanswered = |port: &u16| matches!(board.get(*port), Some((PortState::Shut, _)));
        ports::text(seen.into_iter().filter(unanswered))
    });
    Sweep {
        mode,
        segments: board.segments(not_held, |port| there?.holder(port), unsettled),
        tried: board.tried(),
        lost: found.lost,
        seen_there: there.map(|s| s.count),
        arrived_unanswered: arrived.filter(|a| !a.is_empty()),
        outage,
        restarted: false,
        ms,
        fastest_ms: found.fastest.map(|f| f.as_secs_f64() * 1000.0),
    }
}

/// One attempt for each run of ports that did not open, that of the longest run last: it decides
/// where the way is walked.
fn evidence(sweep: &Sweep, found: &Found, address: std::net::IpAddr) -> Vec<Evidence> {
    let shut = sweep
        .segments
        .iter()
        .filter(|s| (s.is_blocked() || s.unsettled) && found.unopened.contains_key(&s.first));
    let mut shut: Vec<&Segment> = shut.collect();
    shut.sort_by_key(|s| std::cmp::Reverse(s.len()));
    shut.truncate(MAX_EVIDENCE);
    let attempt = |s: &Segment| {
        let (_, packets) = found.unopened.get(&s.first)?;
        Some(Evidence {
            source: packets.source,
            destination: SocketAddr::new(address, s.first),
            sent_at: packets.sent_at,
            attempt: 1,
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
