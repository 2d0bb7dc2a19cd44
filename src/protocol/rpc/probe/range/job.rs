//! One sweep, in a thread of its own: which ports are asked for, in which order, and when enough is
//! known.

use super::speaker::{Binder, Proving, STAMPED};
use crate::climb::{Climb, RangeMode};
use crate::matrix::model::Interface;
use crate::matrix::port_set::PortSet;
use crate::net::sweep::{self, Aim, Allowance, Ended, Fate, Try};
use crate::net::{clock, random};
use crate::observation::{PortState, SweepMode};
use crate::protocol::rpc::classify::range::ports;
use crate::protocol::rpc::classify::range::ports::{Board, Stand};
use crate::protocol::rpc::classify::range::rule_or_outage;
use crate::protocol::rpc::classify::range::rule_or_outage::{Pattern, Tried};
use crate::protocol::rpc::classify::range::second_look;
use crate::protocol::rpc::classify::range::second_look::RoundOutcome;
use crate::protocol::rpc::codec::Syntax;
use crate::reason::Reason;
use crate::wire::challenge::{Challenge, ProofOutcome, stamp_name};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Ports of the sample, and the smallest range that is worth one.
const SAMPLE: usize = 64;
const SMALL: usize = 256;
/// A handshake gets this long at most: the system would send a second SYN after a second, where a
/// try from another port says more. Windows sends three SYNs, half a second apart, before it
/// believes in a refusal.
const LONGEST_WAIT: Duration = Duration::from_millis(if cfg!(windows) { 2600 } else { 980 });
/// And so long at least, and so much longer than eight of the handshakes that were seen: a kernel
/// answers a SYN at once however busy its programs are, and what is dropped holds a descriptor for
/// all of that time.
const SHORTEST_WAIT: Duration =
    if cfg!(windows) { LONGEST_WAIT } else { Duration::from_millis(200) };
const SLACK: Duration = Duration::from_millis(150);
/// Connections under way at most: a listener expects sweeps, a service does not.
const TO_A_LISTENER: usize = 1024;
const TO_A_SERVICE: usize = 64;
/// How often what is missing is asked for again at most: as long as that finds something, packets
/// are being lost.
const MOST_PASSES: usize = 12;
/// Of so few ports that are left, so many times in vain.
const FEW: usize = 24;
const PATIENCE: usize = 5;
/// Before each round of second looks: an outage may end, and a guard may forget.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(700),
];
/// Rounds that must tell the same before a rule is believed in.
const ENOUGH: usize = 2;
/// Between two connections of a round: one after the other, and slower than a guard counts.
const GAP: Duration = Duration::from_millis(4);

/// Everything that a sweep needs, for a thread of its own.
pub(super) struct Job {
    aim: Aim,
    pub(super) board: Board,
    binder: Binder,
    mode: RangeMode,
    allowance: Arc<Allowance>,
    /// Ports of the range that were proved ahead of the sweep.
    before: Vec<u16>,
    /// Ends it early.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) found: Found,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Found {
    /// The shortest handshake.
    pub(super) fastest: Option<Duration>,
    /// Ports that were proved only when they were asked for again.
    pub(super) lost: usize,
    /// Packets to each port that did not answer, with what became of them: the first that ended as
    /// the last did.
    pub(super) unopened: BTreeMap<u16, (Stand, Try)>,
    /// Every try, in the order in which they ended.
    pub(super) tries: Vec<Tried>,
    /// What the last round of second looks told, where there was one.
    pub(super) told: Option<RoundOutcome>,
}

impl Found {
    /// What was shut goes by.
    fn pattern(&self) -> Pattern {
        rule_or_outage::pattern(&rule_or_outage::first_tries(&self.tries))
    }

    /// A moment of the sweep by the clock on the wall.
    pub(super) fn at(moment: Instant) -> Timestamp {
        clock::steady() - SignedDuration::try_from(clock::since(moment)).unwrap_or_default()
    }

    fn note(&mut self, port: u16, stand: Stand, ended: &Ended) {
        let good = ports::is_proved(stand);
        self.tries.push(Tried { port, begun: ended.begun, good });
        self.lost += usize::from(stand.0 == PortState::ProvedLate);
        match ended.packets {
            Some(packets)
                if self.unopened.get(&port).is_none_or(|(before, _)| *before != stand) =>
            {
                self.unopened.insert(port, (stand, packets));
            }
            Some(_) => {}
            None => {
                self.unopened.remove(&port);
            }
        }
    }
}

/// The sweep of a hop's range, unless its interface cannot be read.
pub(super) fn job(
    climb: &Climb<'_>,
    range: &PortSet,
    interface: &Interface,
    challenge: Challenge,
    proved: bool,
    before: Vec<u16>,
) -> Option<Job> {
    let syntax = Syntax::of(interface);
    let host = climb.target.hop.to.host.label();
    let aim = host.clone();
    // A listener of several names stamps with one of them.
    let host = climb.proofs().iter().find_map(|proof| match proof {
        ProofOutcome::Valid { claims, .. } if claims.host == host => {
            Some(stamp_name(&claims.host, &claims.also).to_owned())
        }
        _ => None,
    });
    let proving = climb
        .tools
        .key
        .clone()
        .filter(|_| proved)
        .zip(host)
        .map(|(key, stamps_as)| Proving { key, challenge, aim, stamps_as, tries: HashMap::new() });
    Some(Job {
        aim: Aim {
            address: climb.target.address,
            source: climb.target.source,
            connect: LONGEST_WAIT.min(climb.tools.connect_deadline),
            answer: LONGEST_WAIT.min(climb.tools.step_deadline),
            gap: Duration::ZERO,
            most: if proved { TO_A_LISTENER } else { TO_A_SERVICE },
        },
        board: Board::new(range),
        binder: Binder::new(syntax, proving),
        mode: climb.tools.range,
        allowance: climb.tools.allowance.clone(),
        // Their first try was before the sweep.
        found: Found {
            fastest: climb.fastest,
            tries: before
                .iter()
                .map(|port| Tried { port: *port, begun: clock::instant(), good: true })
                .collect(),
            ..Found::default()
        },
        before,
        stop: Arc::default(),
    })
}

impl Job {
    /// Sweeps.
    ///
    /// # Errors
    /// When the event queue cannot be made.
    pub(super) fn run(&mut self) -> std::io::Result<SweepMode> {
        if self.is_staged() {
            self.ask(self.board.sample(SAMPLE), false)?;
            if self.board.is_silent() {
                self.ask(self.board.missing(), true)?;
            }
            // What was proved a moment ago cannot be shut as a whole by a rule; nor does a rule
            // begin in the middle of a sample.
            let odd = (self.board.is_silent() && !self.before.is_empty()) || self.is_by_time();
            let told = if odd { self.settle()? } else { RoundOutcome::Steady };
            if self.board.is_silent() || told == RoundOutcome::Gone {
                return Ok(SweepMode::BrokenOff);
            }
        }
        self.go_on()
    }

    /// Asks once more for some of a range of which nothing was ever proved, now that the mapper's
    /// port is known to work; if any of it opens, for all.
    ///
    /// # Errors
    /// When the event queue cannot be made.
    pub(super) fn try_again(&mut self) -> std::io::Result<Option<SweepMode>> {
        let (told, come) = self.look(PAUSES.len())?;
        if told != RoundOutcome::Came {
            return Ok(None);
        }
        self.ask_again(&come)?;
        self.go_on().map(Some)
    }

    fn is_staged(&self) -> bool {
        self.mode != RangeMode::Exact && self.board.len() > SMALL
    }

    /// What comes after the sample.
    fn go_on(&mut self) -> std::io::Result<SweepMode> {
        while self.is_staged() {
            let between = self.board.between_edges();
            if between.is_empty() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.ask(between, false)?;
        }
        let sampled = self.is_staged() && self.mode == RangeMode::Sample;
        if !sampled {
            self.ask(self.board.unknown(), false)?;
        }
        if self.binder.proves() {
            self.settle()?;
        } else {
            self.ask_missing()?;
        }
        Ok(if sampled { SweepMode::Sample } else { SweepMode::Exact })
    }

    /// Whether what was shut so far was so by time.
    fn is_by_time(&self) -> bool {
        self.binder.proves() && matches!(self.found.pattern(), Pattern::Time { .. })
    }

    /// Looks again at what is shut, in rounds, until it is a rule, or open, or there were enough of
    /// them.
    fn settle(&mut self) -> std::io::Result<RoundOutcome> {
        let mut steady = 0;
        for (number, pause) in PAUSES.into_iter().enumerate() {
            if self.stop.load(Ordering::Relaxed) || steady == ENOUGH || !self.board.has_shut() {
                break;
            }
            std::thread::sleep(pause);
            let (told, come) = self.look(number)?;
            self.found.told = Some(told);
            match told {
                RoundOutcome::Steady => steady += 1,
                RoundOutcome::Gone => steady = 0,
                RoundOutcome::Alone => break,
                RoundOutcome::Came => {
                    steady = 0;
                    // An outage is over whatever the rate; what was lost here and there may have
                    // been too much at once.
                    if !self.is_by_time() {
                        self.allowance.slow_down();
                    }
                    self.ask_again(&come)?;
                }
            }
        }
        Ok(self.found.told.unwrap_or(RoundOutcome::Steady))
    }

    /// One round. Gives the ports that opened in it as well.
    fn look(&mut self, number: usize) -> std::io::Result<(RoundOutcome, Vec<u16>)> {
        let picks = second_look::picks(&self.board, &self.before, number);
        // The second look waits longer than the sweep did.
        let longer = if number == 0 { 1 } else { 2 };
        let aim =
            Aim { gap: GAP, connect: (self.aim.connect * longer).min(LONGEST_WAIT), ..self.aim };
        let Job { board, binder, allowance, stop, found, .. } = self;
        let (mut looks, mut come) = (Vec::new(), Vec::new());
        let told = |port, ended: Ended| {
            let was_good = picks.iter().any(|pick| pick.port == port && pick.was_good);
            let stand = stand(ended.fate, true);
            looks.push((was_good, ports::is_proved(stand)));
            if board.get(port).is_some_and(ports::is_proved) {
                // It was proved, and stays so; what became of it now tells of the time, and not of
                // the port.
                found.tries.push(Tried { port, begun: ended.begun, good: ports::is_proved(stand) });
                return;
            }
            if ports::is_proved(stand) {
                come.push(port);
            }
            found.note(port, stand, &ended);
            board.set(port, stand);
        };
        sweep::run(&aim, picks.iter().map(|pick| pick.port), binder, allowance, stop, told)?;
        Ok((second_look::told(&looks), come))
    }

    /// Asks again for what is shut, as long as that finds something: the last few several times in
    /// vain, for where ways are shared out by source port, a port has bad luck more than once.
    fn ask_again(&mut self, come: &[u16]) -> std::io::Result<()> {
        let mut in_vain = 0;
        for _ in 0..MOST_PASSES {
            let (again, before) = (self.board.again(come, second_look::MOST_RUNS), self.found.lost);
            if again.is_empty() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            let patience = if again.len() <= FEW { PATIENCE } else { 1 };
            self.ask(again, true)?;
            in_vain = if self.found.lost == before { in_vain + 1 } else { 0 };
            if in_vain >= patience {
                break;
            }
            self.allowance.slow_down();
        }
        Ok(())
    }

    /// The same where nobody proves anything: for what gave no answer.
    fn ask_missing(&mut self) -> std::io::Result<()> {
        for _ in 0..MOST_PASSES {
            let missing = self.board.missing();
            if missing.is_empty() || self.stop.load(Ordering::Relaxed) {
                break;
            }
            self.ask(missing.clone(), true)?;
            if self.board.missing().len() == missing.len() {
                break;
            }
            self.allowance.slow_down();
        }
        Ok(())
    }

    /// Asks for ports in random order, and notes how they stand; `again` where they were asked for
    /// before.
    fn ask(&mut self, mut ports: Vec<u16>, again: bool) -> std::io::Result<()> {
        shuffle(&mut ports);
        if let Some(fastest) = self.found.fastest {
            self.aim.connect =
                (fastest * 8 + SLACK).clamp(SHORTEST_WAIT, LONGEST_WAIT).min(self.aim.connect);
        }
        let Job { aim, board, binder, allowance, stop, found, .. } = self;
        let told = |port, ended: Ended| {
            let stand = stand(ended.fate, again);
            found.note(port, stand, &ended);
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

/// Fisher and Yates: one port after the other in order is what a scanner does, and what guards look
/// for.
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
