//! The whole dynamic range, port by port. Which ports the mapper gives today are only some of those that it may give tomorrow, and a rule of a
//! firewall is for all of them.

mod board;
mod speaker;

use super::session::Session;
use super::{CHALLENGE_CONTEXT, Called, token, within};
use crate::matrix::model::{Interface, PortRange};
use crate::net::failure::Failure;
use crate::net::sweep::{self, Aim, Allowance, Fate};
use crate::net::{clock, random};
use crate::observation::{Detail, Initiator, PortState, Segment, StepKind, Sweep, SweepMode};
use crate::probe::climb::RangeMode;
use crate::probe::{Climb, Stop};
use crate::proto::challenge::{self, Challenge, ProofOutcome, SiteKey};
use crate::proto::ports::{self, Swept};
use crate::proto::rpc::{Syntax, Uuid};
use crate::reason::Reason;
use board::{Board, Stand};
use speaker::{Binder, STAMPED};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Ports of the sample, and the smallest range that is worth one.
const SAMPLE: usize = 64;
const SMALL: usize = 256;
/// A handshake gets this long at most: the system would send a second SYN after a second, where a try from another port says more.
const LONGEST_WAIT: Duration = Duration::from_millis(980);
/// And so long at least, once it is known how long one takes: both ends are busy.
const SHORTEST_WAIT: Duration = Duration::from_millis(400);
/// How often what is missing is asked for again at most: as long as that finds something, packets are being lost.
const MOST_PASSES: usize = 4;

/// Rung `rpc-range`, where the hop has a range and it is to be swept. `proved` says that the mapper's listener proved itself.
///
/// # Errors
/// [`Stop`] when part of the range is shut.
pub(super) async fn climb(climb: &mut Climb<'_>, proved: bool) -> Result<(), Stop> {
    let flow = climb.target.hop.flow.clone();
    let mode = climb.tools.range;
    let (Some(range), Some(interface)) = (flow.range, flow.interfaces.first()) else { return Ok(()) };
    if mode == RangeMode::Never || (mode == RangeMode::Stages && !proved) {
        return Ok(());
    }
    let begun = clock::instant();
    let challenge = Challenge::new(random(), &climb.target.hop.id, clock::now());
    let Some(job) = job(climb, range, interface, challenge, proved) else { return Ok(()) };
    let stop = Cancel(job.stop.clone());
    let swept = tokio::task::spawn_blocking(move || job.run()).await;
    drop(stop);
    let Ok(Ok((board, mode, lost, fastest))) = swept else {
        climb.note(StepKind::RpcRange, begun, Err(Failure::local(Reason::LocalResources).with("error", "the sweep could not be made")));
        return Err(Stop);
    };
    let there = if proved { ask(climb, challenge).await } else { None };
    let arrived = there.as_ref().and_then(Swept::list).map(|seen| {
        let unanswered = |port: &u16| matches!(board.get(*port), Some((PortState::Shut, _)));
        ports::text(seen.iter().copied().filter(unanswered))
    });
    let sweep = Sweep {
        mode,
        segments: board.segments(&there.as_ref().map(Swept::taken).unwrap_or_default()),
        tried: board.tried(),
        lost,
        seen_there: there.as_ref().map(|s| s.count),
        arrived_unanswered: arrived.filter(|a| !a.is_empty()),
        ms: clock::ms_since(begun),
        fastest_ms: fastest.map(|f| f.as_secs_f64() * 1000.0),
    };
    let outcome = judge(&sweep, proved);
    let climbed = outcome.is_ok();
    climb.sweep = Some(sweep);
    climb.note(StepKind::RpcRange, begun, outcome);
    if climbed { Ok(()) } else { Err(Stop) }
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
    let detail = Detail::from([
        ("ports".to_owned(), sweep.segments.iter().map(Segment::len).sum::<usize>().into()),
        ("tried".to_owned(), sweep.tried.into()),
        ("proved".to_owned(), sweep.count(|s| matches!(s.state, PortState::Proved | PortState::ProvedLate)).into()),
    ]);
    let blocked: Vec<_> = sweep.segments.iter().filter(|s| s.is_blocked()).collect();
    let (Some(first), true) = (blocked.first(), proved) else { return Ok(detail) };
    let nothing_else = sweep.count(|s| matches!(s.state, PortState::Proved | PortState::ProvedLate | PortState::Open)) == 0;
    let alike = blocked.iter().all(|s| s.reason == first.reason);
    let reason = first.reason.filter(|_| nothing_else && alike).unwrap_or(Reason::RangePartlyBlocked);
    let initiator = if blocked.iter().all(|s| s.reason == Some(Reason::LocalResources)) { Initiator::Local } else { Initiator::Path };
    Err(Failure { reason, initiator, detail })
}

/// Asks the listener, over the mapper's port, which ports of the sweep it saw.
async fn ask(climb: &mut Climb<'_>, challenge: Challenge) -> Option<Swept> {
    let key = climb.tools.key.clone()?;
    let question = challenge.about_sweep();
    let octets = question.encode(&key);
    let stream = super::dial(climb, climb.target.hop.port).await.ok()?;
    let bound = within(climb.step_deadline(), Session::bind(stream, Syntax::EPM, Some(&octets))).await.ok()?;
    let mut session = bound.session;
    let Ok(Called::Answered(stub, _)) = within(climb.step_deadline(), session.call(CHALLENGE_CONTEXT, 0, Vec::new())).await else {
        return None;
    };
    match challenge::verify(&key, &question, &token(&stub), None) {
        ProofOutcome::Valid { claims, .. } if claims.host == climb.target.hop.to.host.label() => claims.swept,
        _ => None,
    }
}

/// Everything that a sweep needs, for a thread of its own.
struct Job {
    aim: Aim,
    board: Board,
    binder: Binder,
    mode: RangeMode,
    allowance: Arc<Allowance>,
    stop: Arc<AtomicBool>,
    fastest: Option<Duration>,
    lost: usize,
}

fn job(climb: &Climb<'_>, range: PortRange, interface: &Interface, challenge: Challenge, proved: bool) -> Option<Job> {
    let uuid = Uuid::parse_str(&interface.uuid).ok()?;
    let syntax = Syntax { uuid, major: interface.version.0, minor: interface.version.1 };
    let host = climb.target.hop.to.host.label();
    let proving = climb.tools.key.clone().filter(|_| proved).map(|key: SiteKey| (key, challenge, host));
    Some(Job {
        aim: Aim {
            address: climb.target.address,
            source: climb.target.source,
            connect: LONGEST_WAIT.min(climb.tools.connect_deadline),
            answer: LONGEST_WAIT.min(climb.tools.step_deadline),
        },
        board: Board::new(range),
        binder: Binder::new(syntax, proving),
        mode: climb.tools.range,
        allowance: climb.tools.allowance.clone(),
        stop: Arc::default(),
        fastest: None,
        lost: 0,
    })
}

/// What came of a job: the board, how it was filled, the ports that were proved late, and the shortest handshake.
type Filled = (Board, SweepMode, usize, Option<Duration>);

impl Job {
    fn run(mut self) -> std::io::Result<Filled> {
        let staged = self.mode != RangeMode::Exact && self.board.len() > SMALL;
        if staged {
            self.ask(self.board.sample(SAMPLE), false)?;
            if self.board.is_silent() {
                self.ask(self.board.missing(), true)?;
            }
            if self.board.is_silent() {
                return Ok(self.done(SweepMode::BrokenOff));
            }
            loop {
                let between = self.board.between_edges();
                if between.is_empty() || self.stop.load(Ordering::Relaxed) {
                    break;
                }
                self.ask(between, false)?;
            }
        }
        let sampled = staged && self.mode == RangeMode::Sample;
        if !sampled {
            self.ask(self.board.unknown(), false)?;
        }
        for _ in 0..MOST_PASSES {
            let (missing, before) = (self.board.missing(), self.lost);
            if missing.is_empty() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.ask(missing, true)?;
            if self.lost == before {
                break;
            }
            self.allowance.slow_down();
        }
        Ok(self.done(if sampled { SweepMode::Sample } else { SweepMode::Exact }))
    }

    fn done(self, mode: SweepMode) -> Filled {
        (self.board, mode, self.lost, self.fastest)
    }

    /// Asks for ports in random order, and notes how they stand; `again` where they were asked for before.
    fn ask(&mut self, mut ports: Vec<u16>, again: bool) -> std::io::Result<()> {
        shuffle(&mut ports);
        if let Some(fastest) = self.fastest {
            self.aim.connect = (fastest * 8 + Duration::from_millis(250)).clamp(SHORTEST_WAIT, LONGEST_WAIT).min(self.aim.connect);
        }
        let Job { aim, board, binder, allowance, stop, lost, .. } = self;
        let told = |port, fate| {
            let stand = stand(fate, again);
            *lost += usize::from(stand.0 == PortState::ProvedLate);
            board.set(port, stand);
        };
        let tally = sweep::run(aim, ports, binder, allowance, stop, told)?;
        self.fastest = [self.fastest, tally.fastest].into_iter().flatten().min();
        Ok(())
    }
}

fn stand(fate: Fate, again: bool) -> Stand {
    match fate {
        Fate::Answered(STAMPED) if again => (PortState::ProvedLate, None),
        Fate::Answered(STAMPED) => (PortState::Proved, None),
        Fate::Answered(_) => (PortState::Open, Some(Reason::NotProved)),
        Fate::Mute => (PortState::Shut, Some(Reason::SilentAfterConnect)),
        Fate::Closed => (PortState::Shut, Some(Reason::ClosedAfterConnect)),
        Fate::Failed(reason) => (PortState::Shut, Some(reason)),
    }
}

/// Fisher and Yates: one port after the other in order is what a scanner does, and what guards look for.
fn shuffle(ports: &mut [u16]) {
    let mut pool: Vec<u8> = Vec::new();
    for last in (1..ports.len()).rev() {
        if pool.len() < 4 {
            pool = random::<4096>().to_vec();
        }
        let drawn = pool.split_off(pool.len() - 4);
        let number = u32::from_le_bytes([drawn[0], drawn[1], drawn[2], drawn[3]]);
        // The bias of the remainder is nothing among 65,536.
        ports.swap(last, usize::try_from(number).unwrap_or(0) % (last + 1));
    }
}
