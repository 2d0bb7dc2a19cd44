//! The connections under way, each at a place of its own that is used again.

use mio::net::TcpStream;
use std::time::Instant;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its handshake is under way.
    Connecting,
    /// It is open, and what is to be said was said.
    Speaking,
}

/// A connection.
pub(super) struct Held {
    pub(super) stream: TcpStream,
    pub(super) port: u16,
    pub(super) phase: Phase,
    pub(super) begun: Instant,
    pub(super) generation: u32,
    /// Whether it has been silent for longer than a handshake takes.
    old: bool,
    /// What came so far, where it was not enough.
    pub(super) heard: Vec<u8>,
}

/// All of them. A place that was given back is the first to be used again, so the table is as large
/// as the most that were ever under way.
#[derive(Default)]
pub(super) struct Slots {
    held: Vec<Option<Held>>,
    free: Vec<usize>,
    generation: u32,
    old: usize,
}

impl Slots {
    pub(super) fn len(&self) -> usize {
        self.held.len() - self.free.len()
    }

    /// Those that are not old.
    pub(super) fn young(&self) -> usize {
        self.len() - self.old
    }

    /// Whether it has been silent for longer than a handshake takes.
    pub(super) fn grows_old(&mut self, slot: usize, generation: u32) -> bool {
        if let Some(Some(held)) = self.held.get_mut(slot)
            && held.generation == generation
            && held.phase == Phase::Connecting
        {
            held.old = true;
            self.old += 1;
            return true;
        }
        false
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place that the next connection will have.
    pub(super) fn next(&self) -> usize {
        self.free.last().copied().unwrap_or(self.held.len())
    }

    /// Puts a connection at the place that [`Slots::next`] gave. Gives its generation, by which a
    /// deadline knows it again.
    pub(super) fn put(&mut self, slot: usize, stream: TcpStream, port: u16, begun: Instant) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        let held = Some(Held {
            stream,
            port,
            phase: Phase::Connecting,
            begun,
            generation: self.generation,
            old: false,
            heard: Vec::new(),
        });
        match self.free.pop() {
            Some(free) => self.held[free] = held,
            None => self.held.push(held),
        }
        debug_assert!(self.held.get(slot).is_some_and(Option::is_some));
        self.generation
    }

    pub(super) fn get(&mut self, slot: usize) -> Option<&mut Held> {
        self.held.get_mut(slot)?.as_mut()
    }

    /// Whether the connection of a deadline is still there and as far as that.
    pub(super) fn is(&self, slot: usize, generation: u32, phase: Phase) -> bool {
        self.held
            .get(slot)
            .and_then(Option::as_ref)
            .is_some_and(|held| held.generation == generation && held.phase == phase)
    }

    /// Takes a connection out.
    pub(super) fn free(&mut self, slot: usize) -> Option<Held> {
        let held = self.held.get_mut(slot)?.take()?;
        self.free.push(slot);
        self.old -= usize::from(held.old);
        Some(held)
    }
}
