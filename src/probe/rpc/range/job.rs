//! One sweep, in a thread of its own: which ports are asked for, in which order, and when enough is known.

use super::board::{Board, Stand};
use super::speaker::{Binder, STAMPED};
use crate::matrix::model::Interface;
use crate::matrix::port_set::PortSet;
use crate::net::random;
use crate::net::sweep::{self, Aim, Allowance, Fate, Try};
use crate::observation::{PortState, SweepMode};
use crate::probe::Climb;
use crate::probe::climb::RangeMode;
use crate::proto::challenge::{Challenge, ProofOutcome, SiteKey, stamp_name};
use crate::proto::rpc::{Syntax, Uuid};
use crate::reason::Reason;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Ports of the sample, and the smallest range that is worth one.
const SAMPLE: usize = 64;
const SMALL: usize = 256;
/// A handshake gets this long at most: the system would send a second SYN after a second, where a try from another port says more.
/// Windows sends three SYNs, half a second apart, before it believes in a refusal.
const LONGEST_WAIT: Duration = Duration::from_millis(if cfg!(windows) { 2600 } else { 980 });
/// And so long at least, and so much longer than eight of the handshakes that were seen: a kernel answers a SYN at once however busy its programs
/// are, and what is dropped holds a descriptor for all of that time.
const SHORTEST_WAIT: Duration = if cfg!(windows) { LONGEST_WAIT } else { Duration::from_millis(200) };
const SLACK: Duration = Duration::from_millis(150);
/// Connections under way at most: a listener expects sweeps, a service does not.
const TO_A_LISTENER: usize = 1024;
const TO_A_SERVICE: usize = 64;
/// How often what is missing is asked for again at most: as long as that finds something, packets are being lost.
const MOST_PASSES: usize = 8;

/// Everything that a sweep needs, for a thread of its own.
pub(super) struct Job {
    aim: Aim,
    board: Board,
    binder: Binder,
    mode: RangeMode,
    allowance: Arc<Allowance>,
    /// Ends it early.
    pub(super) stop: Arc<AtomicBool>,
    found: Found,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Found {
    /// The shortest handshake.
    pub(super) fastest: Option<Duration>,
    /// Ports that were proved only when they were asked for again.
    pub(super) lost: usize,
    /// The last packets to each port that did not answer.
    pub(super) unopened: BTreeMap<u16, Try>,
}

/// The sweep of a hop's range, unless its interface cannot be read.
pub(super) fn job(climb: &Climb<'_>, range: &PortSet, interface: &Interface, challenge: Challenge, proved: bool) -> Option<Job> {
    let uuid = Uuid::parse_str(&interface.uuid).ok()?;
    let syntax = Syntax { uuid, major: interface.version.0, minor: interface.version.1 };
    let host = climb.target.hop.to.host.label();
    // A listener of several names stamps with one of them.
    let host = climb.proofs().iter().find_map(|proof| match proof {
        ProofOutcome::Valid { claims, .. } if claims.host == host => Some(stamp_name(&claims.host, &claims.also).to_owned()),
        _ => None,
    });
    let proving = climb.tools.key.clone().filter(|_| proved).zip(host).map(|(key, host): (SiteKey, String)| (key, challenge, host));
    Some(Job {
        aim: Aim {
            address: climb.target.address,
            source: climb.target.source,
            connect: LONGEST_WAIT.min(climb.tools.connect_deadline),
            answer: LONGEST_WAIT.min(climb.tools.step_deadline),
            most: if proved { TO_A_LISTENER } else { TO_A_SERVICE },
        },
        board: Board::new(range),
        binder: Binder::new(syntax, proving),
        mode: climb.tools.range,
        allowance: climb.tools.allowance.clone(),
        stop: Arc::default(),
        found: Found { fastest: climb.fastest, ..Found::default() },
    })
}

impl Job {
    /// Sweeps.
    ///
    /// # Errors
    /// When the event queue cannot be made.
    pub(super) fn run(mut self) -> std::io::Result<(Board, SweepMode, Found)> {
        let staged = self.mode != RangeMode::Exact && self.board.len() > SMALL;
        if staged {
            self.ask(self.board.sample(SAMPLE), false)?;
            if self.board.is_silent() {
                self.ask(self.board.missing(), true)?;
            }
            if self.board.is_silent() {
                return Ok((self.board, SweepMode::BrokenOff, self.found));
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
            let (missing, before) = (self.board.missing(), self.found.lost);
            if missing.is_empty() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.ask(missing, true)?;
            if self.found.lost == before {
                break;
            }
            self.allowance.slow_down();
        }
        Ok((self.board, if sampled { SweepMode::Sample } else { SweepMode::Exact }, self.found))
    }

    /// Asks for ports in random order, and notes how they stand; `again` where they were asked for before.
    fn ask(&mut self, mut ports: Vec<u16>, again: bool) -> std::io::Result<()> {
        shuffle(&mut ports);
        if let Some(fastest) = self.found.fastest {
            self.aim.connect = (fastest * 8 + SLACK).clamp(SHORTEST_WAIT, LONGEST_WAIT).min(self.aim.connect);
        }
        let Job { aim, board, binder, allowance, stop, found, .. } = self;
        let told = |port, fate, packets: Option<Try>| {
            let stand = stand(fate, again);
            found.lost += usize::from(stand.0 == PortState::ProvedLate);
            match packets {
                Some(packets) => found.unopened.insert(port, packets),
                None => found.unopened.remove(&port),
            };
            board.set(port, stand);
        };
        let tally = sweep::run(aim, ports, binder, allowance, stop, told)?;
        self.found.fastest = [self.found.fastest, tally.fastest].into_iter().flatten().min();
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
