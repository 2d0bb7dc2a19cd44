//! Many ports of one address, each connected to and spoken with once, from one event loop: a task
//! for each of 16,384 connections would cost more than the connections themselves.
//!
//! Politeness is a rate that all sweeps of a run share; the number of connections under way grows
//! while nothing is lost, and shrinks when this machine runs out of descriptors or ports. What is
//! missing is not lost yet: the caller asks again for what it wants to be sure of.

mod allowance;
mod model;
mod slots;
mod socket;

pub use allowance::Allowance;
pub use model::{Aim, Ended, Fate, Speaker, Tally, Try};

use super::{clock, os};
use crate::observation::Icmp;
use crate::reason::Reason;
use mio::{Events, Interest, Poll, Token};
use slots::{Phase, Slots};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Young connections at the beginning, and the fewest after this machine ran out of something.
const FIRST_WINDOW: usize = 128;
const LEAST_WINDOW: usize = 16;
/// Young connections at most where nobody answers: more than a whole dynamic range.
const MOST_SILENT: usize = 1 << 15;
/// While nobody has answered yet the window doubles after so long, or a range that is dropped as a
/// whole would be asked for in many rounds.
const GROWS_AFTER: Duration = Duration::from_millis(10);
/// A connection is young for four times as long as a handshake takes, within these bounds. One that
/// has not opened by then most likely never will, and does not hold up the others.
const YOUNG: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));
/// Events taken at a time.
const EVENTS: usize = 1024;
/// Time before a connection is begun again for which this machine had no resources.
const BACK_OFF: Duration = Duration::from_millis(20);
/// How long this machine may have no resources at all before what is left counts as not tried.
const PATIENCE: Duration = Duration::from_secs(6);
/// Octets of an answer that are looked at.
const MAX_ANSWER: usize = 4096;

/// Connects to every port in the order given, and tells the fate of each as it is known, with its
/// packets where it was not answered. `stop` ends it early: what is left is not told.
///
/// # Errors
/// When the event queue cannot be made.
pub fn run(
    aim: &Aim,
    ports: impl IntoIterator<Item = u16>,
    speaker: &mut impl Speaker,
    allowance: &Allowance,
    stop: &AtomicBool,
    told: impl FnMut(u16, Ended),
) -> io::Result<Tally> {
    let mut sweep = Running {
        aim,
        poll: Poll::new()?,
        waiting: ports.into_iter().collect(),
        slots: Slots::default(),
        connecting: VecDeque::new(),
        speaking: VecDeque::new(),
        aging: VecDeque::new(),
        usual: None,
        window: FIRST_WINDOW.min(aim.most),
        last: None,
        grown: clock::instant(),
        was_full: false,
        short_since: None,
        tally: Tally::default(),
        out: Vec::with_capacity(512),
        is_own: super::host::is_own(aim.address),
        speaker,
        allowance,
        told,
    };
    sweep.go(stop)?;
    Ok(sweep.tally)
}

/// A deadline of a connection: it counts only while the slot has the same generation.
type Deadline = (Instant, usize, u32);

struct Running<'a, S, T: FnMut(u16, Ended)> {
    aim: &'a Aim,
    poll: Poll,
    waiting: VecDeque<u16>,
    slots: Slots,
    /// In the order of their ends, since all have the same time.
    connecting: VecDeque<Deadline>,
    speaking: VecDeque<Deadline>,
    /// When each connection stops being young, about in order.
    aging: VecDeque<Deadline>,
    /// How long a handshake usually takes.
    usual: Option<Duration>,
    /// How many young connections there may be.
    window: usize,
    /// When the last connection was begun.
    last: Option<Instant>,
    grown: Instant,
    /// Whether the window has held up something since then.
    was_full: bool,
    /// Since when this machine has had no resources.
    short_since: Option<Instant>,
    tally: Tally,
    out: Vec<u8>,
    /// Whether the address is one of this machine's: then a connection may meet itself.
    is_own: bool,
    speaker: &'a mut S,
    allowance: &'a Allowance,
    told: T,
}

impl<S: Speaker, T: FnMut(u16, Ended)> Running<'_, S, T> {
    fn go(&mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !(self.waiting.is_empty() && self.slots.is_empty()) {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let pause = self.launch();
            match self.poll.poll(&mut events, Some(self.time_left(pause))) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                self.ready(event.token().0, event.is_error());
            }
            self.expire();
        }
        let left = self.slots.len();
        self.allowance.give_back(left);
        Ok(())
    }

    /// Begins as many connections as may be under way. Gives the time to wait before more may be
    /// begun, where that is what holds it up.
    fn launch(&mut self) -> Option<Duration> {
        let now = clock::instant();
        if self.usual.is_none()
            && now.saturating_duration_since(self.grown) >= GROWS_AFTER
            && self.was_full
        {
            self.window = (self.window * 2).min(MOST_SILENT);
            (self.grown, self.was_full) = (now, false);
        }
        while self.slots.young() < self.window && !self.waiting.is_empty() {
            if let Some(wait) = self.too_soon() {
                return Some(wait);
            }
            if let Err(wait) = self.allowance.take(clock::instant()) {
                return Some(wait);
            }
            let Some(port) = self.waiting.pop_front() else { break };
            match self.begin(port) {
                Ok(()) => self.short_since = None,
                Err(error) => {
                    self.allowance.give_back(1);
                    if let Some(wait) = self.could_not_begin(port, &error) {
                        return Some(wait);
                    }
                }
            }
        }
        self.was_full |= !self.waiting.is_empty();
        None
    }

    /// How long to wait before the next connection, where they are to have time between them.
    fn too_soon(&self) -> Option<Duration> {
        let due = self.last.filter(|_| !self.aim.gap.is_zero())? + self.aim.gap;
        Some(due.saturating_duration_since(clock::instant())).filter(|wait| !wait.is_zero())
    }

    fn begin(&mut self, port: u16) -> io::Result<()> {
        let to = SocketAddr::new(self.aim.address, port);
        // On a path without delay the answer is there before `connect` returns.
        let begun = clock::instant();
        self.last = Some(begun);
        let source = self.aim.source.filter(|s| s.is_ipv4() == to.is_ipv4());
        let mut stream = socket::begin(source, to, self.aim.connect)?;
        let slot = self.slots.next();
        self.poll.registry().register(
            &mut stream,
            Token(slot),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let now = clock::instant();
        let generation = self.slots.put(slot, stream, port, begun);
        self.connecting.push_back((now + self.aim.connect, slot, generation));
        let young = self.usual.map_or(YOUNG.0, |usual| (usual * 4).clamp(YOUNG.0, YOUNG.1));
        self.aging.push_back((now + young, slot, generation));
        self.tally.window = self.tally.window.max(self.slots.young());
        Ok(())
    }

    /// A connection that did not even begin: it is this machine's fault, and begun again later; or
    /// the system knows at once that there is no way.
    fn could_not_begin(&mut self, port: u16, error: &io::Error) -> Option<Duration> {
        let now = clock::instant();
        if os::lacks_resources(error) {
            self.window = (self.slots.young() * 3 / 4).max(LEAST_WINDOW);
            let since = *self.short_since.get_or_insert(now);
            if self.slots.is_empty() && now.saturating_duration_since(since) > PATIENCE {
                (self.told)(
                    port,
                    Ended { fate: Fate::Failed(Reason::LocalResources), begun: now, packets: None },
                );
                return None;
            }
            self.waiting.push_front(port);
            return Some(BACK_OFF);
        }
        (self.told)(
            port,
            Ended {
                fate: Fate::Failed(os::begin_failure(error).reason),
                begun: now,
                packets: None,
            },
        );
        None
    }

    /// How long nothing need be done: until the next deadline, or until more may be begun.
    fn time_left(&self, pause: Option<Duration>) -> Duration {
        let now = clock::instant();
        let queues = [self.connecting.front(), self.speaking.front(), self.aging.front()];
        let ends = queues.into_iter().flatten().map(|d| d.0.saturating_duration_since(now));
        let growth = (!self.waiting.is_empty() && self.usual.is_none() && pause.is_none())
            .then_some(GROWS_AFTER);
        ends.chain(pause).chain(growth).min().unwrap_or(GROWS_AFTER)
    }

    fn ready(&mut self, slot: usize, error: bool) {
        let Some(held) = self.slots.get(slot) else { return };
        let (port, to) = (held.port, SocketAddr::new(self.aim.address, held.port));
        if held.phase == Phase::Connecting {
            // A source port may be the very port that is asked for: then the connection meets
            // itself, and nobody listens there.
            if self.is_own
                && held
                    .stream
                    .peer_addr()
                    .is_ok_and(|peer| held.stream.local_addr().is_ok_and(|local| local == peer))
            {
                return self.end(slot, Fate::Failed(Reason::Refused));
            }
            // Windows says of a connection that failed only that it is not connected.
            #[cfg(not(target_os = "linux"))]
            if let Ok(Some(e)) = held.stream.take_error() {
                let (fate, icmp) = socket::of_ended(&e, &held.stream, to);
                return self.end_with(slot, fate, icmp);
            }
            self.out.clear();
            self.speaker.say(port, &mut self.out);
            // Writing tells whether it is open: the error of a failed connection comes back from it
            // as well.
            match held.stream.write(&self.out) {
                Ok(n) if n == self.out.len() => {}
                // What is said fits into one packet; a window that takes less was never opened.
                Ok(_) => return self.end(slot, Fate::Mute),
                Err(e)
                    if e.kind() == io::ErrorKind::WouldBlock
                        || e.kind() == io::ErrorKind::NotConnected =>
                {
                    return if let (true, Some(icmp)) = (error, socket::icmp(&held.stream)) {
                        let reason = socket::of_icmp(&icmp, &held.stream, to);
                        self.end_with(slot, Fate::Failed(reason), Some(icmp))
                    };
                }
                Err(e) => {
                    let (fate, icmp) = socket::of_ended(&e, &held.stream, to);
                    return self.end_with(slot, fate, icmp);
                }
            }
            let now = clock::instant();
            let took = now.saturating_duration_since(held.begun);
            held.phase = Phase::Speaking;
            self.speaking.push_back((now + self.aim.answer, slot, held.generation));
            self.opened_after(took);
        }
        self.read(slot);
    }

    /// A handshake took so long. The first one ends the growth in the dark.
    fn opened_after(&mut self, took: Duration) {
        self.tally.fastest = Some(self.tally.fastest.map_or(took, |f| f.min(took)));
        self.window = match self.usual {
            None => self.window.min(FIRST_WINDOW.min(self.aim.most)),
            Some(_) => self.window.saturating_add(1).min(self.aim.most),
        };
        self.usual = Some(self.usual.map_or(took, |usual| (usual * 7 + took) / 8));
    }

    fn read(&mut self, slot: usize) {
        let Some(held) = self.slots.get(slot) else { return };
        let mut chunk = [0; 1024];
        loop {
            match held.stream.read(&mut chunk) {
                Ok(0) => return self.end(slot, Fate::Closed),
                Ok(n) => {
                    let heard = if held.heard.is_empty() {
                        // Most answers come in one piece.
                        self.speaker.hear(held.port, &chunk[..n])
                    } else {
                        None
                    };
                    if let Some(meaning) = heard {
                        return self.end(slot, Fate::Answered(meaning));
                    }
                    held.heard.extend_from_slice(&chunk[..n]);
                    if let Some(meaning) = self.speaker.hear(held.port, &held.heard) {
                        return self.end(slot, Fate::Answered(meaning));
                    }
                    if held.heard.len() > MAX_ANSWER {
                        return self.end(slot, Fate::Closed);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.end(slot, socket::of_open(&error)),
            }
        }
    }

    /// Before a connection is given up: the answer may be there, and this program was too busy to
    /// look.
    fn look_once_more(&mut self, slot: usize) {
        let Some(held) = self.slots.get(slot) else { return };
        if held.stream.peer_addr().is_ok() {
            self.ready(slot, false);
        } else if let Ok(Some(error)) = held.stream.take_error() {
            self.end(slot, socket::of_error(&error));
        }
    }

    fn end(&mut self, slot: usize, fate: Fate) {
        self.end_with(slot, fate, None);
    }

    fn end_with(&mut self, slot: usize, fate: Fate, icmp: Option<Icmp>) {
        let Some(held) = self.slots.free(slot) else { return };
        self.allowance.give_back(1);
        let packets = (!matches!(fate, Fate::Answered(_))).then(|| Try {
            source: held.stream.local_addr().ok(),
            sent_at: clock::steady()
                - jiff::SignedDuration::try_from(clock::instant() - held.begun).unwrap_or_default(),
            icmp,
        });
        (self.told)(held.port, Ended { fate, begun: held.begun, packets });
    }

    fn expire(&mut self) {
        let now = clock::instant();
        while let Some(&(_, slot, generation)) = self.connecting.front().filter(|d| d.0 <= now) {
            self.connecting.pop_front();
            if self.slots.is(slot, generation, Phase::Connecting) {
                self.look_once_more(slot);
                if self.slots.is(slot, generation, Phase::Connecting) {
                    self.end(slot, Fate::Failed(Reason::TimedOut));
                }
            }
        }
        while let Some(&(_, slot, generation)) = self.aging.front().filter(|d| d.0 <= now) {
            self.aging.pop_front();
            // Silence says as little against more of them as an answer does: what was lost, and not
            // dropped, shows when it is asked for again.
            if self.slots.grows_old(slot, generation) && self.usual.is_some() {
                self.window = self.window.saturating_add(1).min(self.aim.most.max(self.window));
            }
        }
        while let Some(&(_, slot, generation)) = self.speaking.front().filter(|d| d.0 <= now) {
            self.speaking.pop_front();
            if self.slots.is(slot, generation, Phase::Speaking) {
                self.end(slot, Fate::Mute);
            }
        }
    }
}

#[cfg(test)]
mod tests;
