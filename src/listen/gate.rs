//! Who is let in: limits of a listener, as they are used up by all its ports together.

use super::budget::{Account, Budgets};
use super::crowd::{Admission, Crowd, Ticket};
use super::turns::{Turn, Turns};
use crate::lock::lock;
use crate::stand_in::standing::Standing;
use crate::wire::sighting;
use crate::wire::sighting::Seen::{NotAllowed, TurnedAway};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a listener allows strangers and friends alike.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, all ports together.
    pub connections: usize,
    /// Connections at a time from one address; from one /64 network of IPv6, of which one machine
    /// has every address.
    pub per_peer: usize,
    /// Octets read from one connection that has shown the site key. Others have less
    /// ([`crate::stand_in::standing::STRANGERS_OCTETS`]).
    pub bytes: u64,
    /// Longest life of one connection.
    pub lifetime: Duration,
    /// Networks that may connect; empty means all.
    pub allowed: Vec<IpNet>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 2048,
            per_peer: 256,
            bytes: 1 << 20,
            lifetime: Duration::from_secs(120),
            allowed: Vec::new(),
        }
    }
}

/// A connection on which nothing comes for so long is ended, whatever it speaks.
pub(super) const IDLE: Duration = Duration::from_secs(30);

impl Limits {
    /// The same, so far as this process has descriptors: `open` of them, of which the ports take
    /// `ports`. Whoever uses up the last descriptor ends the listener for everybody, so one address
    /// never gets more than half.
    #[must_use]
    pub fn within(mut self, open: Option<u64>, ports: usize) -> Self {
        // Standard streams, event queue, result file and the like.
        const OTHERS: usize = 32;
        if let Some(open) = open.and_then(|n| usize::try_from(n).ok()) {
            self.connections = self.connections.min(open.saturating_sub(ports + OTHERS).max(1));
            self.per_peer = self.per_peer.min(self.connections.div_ceil(2));
        }
        self
    }
}

/// The limits as they are used up, shared by all ports.
pub struct Gate {
    pub(super) limits: Limits,
    crowd: Mutex<Crowd<CancellationToken>>,
    turns: Arc<Turns>,
    budgets: Arc<Budgets>,
}

impl Gate {
    /// With nothing used up.
    pub fn new(limits: Limits) -> Arc<Self> {
        let crowd = Mutex::new(Crowd::new(limits.connections, limits.per_peer));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Gate { limits, crowd, turns: Turns::new(2 * cores), budgets: Arc::default() })
    }

    /// Whether connections from this address may come in at all.
    pub(super) fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.limits.allowed.is_empty() || self.limits.allowed.iter().any(|n| n.contains(&peer))
    }

    /// Lets one connection in, for which a silent stranger's may have to go, or says why not.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, sighting::Seen> {
        if !self.allows(peer) {
            return Err(NotAllowed);
        }
        let put_out = CancellationToken::new();
        let mut crowd = lock(&self.crowd);
        // Nobody goes for one who owes: else those who are put out come again at once, and put out
        // each other, and at last an honest one.
        if crowd.is_full() && self.budgets.owes(peer) {
            return Err(TurnedAway);
        }
        let ticket = match crowd.admit(peer, put_out.clone()) {
            Admission::In(ticket) => ticket,
            Admission::Instead(ticket, gone) => {
                gone.cancel();
                ticket
            }
            Admission::Full => return Err(TurnedAway),
        };
        Ok(Pass { gate: self.clone(), peer, ticket, put_out })
    }
}

/// One admitted connection; gives its place back when dropped.
pub(super) struct Pass {
    pub(super) gate: Arc<Gate>,
    peer: IpAddr,
    ticket: Ticket,
    /// Cancelled when it has to go for another one.
    pub(super) put_out: CancellationToken,
}

impl Pass {
    /// The standing of the connection: once it has shown the key, it keeps its place.
    pub(super) fn standing(&self) -> Arc<Standing> {
        let (gate, ticket) = (self.gate.clone(), self.ticket);
        Standing::with_notice(move || lock(&gate.crowd).prove(ticket))
    }

    /// What it costs, as long as it is a stranger's.
    pub(super) fn account(&self) -> Account {
        self.gate.budgets.of(self.peer)
    }

    /// Its turns among strangers.
    pub(super) fn turn(&self) -> Turn {
        self.gate.turns.of(self.peer)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        lock(&self.gate.crowd).leave(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_and_kept_by_who_has_shown_the_key() {
        let gate = Gate::new(Limits { connections: 2, per_peer: 2, ..Limits::default() });
        let peer = |n: u8| IpAddr::from([10, 0, 0, n]);
        let admit = |n| gate.admit(peer(n));
        let first = admit(1).expect("room");
        let second = admit(1).expect("room");
        first.standing().prove();
        let third = admit(2).expect("the silent one goes");
        assert!(second.put_out.is_cancelled() && !first.put_out.is_cancelled());
        third.standing().prove();
        assert_eq!(admit(3).err(), Some(TurnedAway));
        drop((second, third));
        assert!(admit(3).is_ok(), "its place came back, and that of the other one only once");
        assert_eq!(lock(&gate.crowd).len(), 1);
    }

    #[test]
    fn limits_leave_descriptors() {
        let few = Limits::default().within(Some(64), 12);
        assert_eq!((few.connections, few.per_peer), (20, 10));
        let none = Limits::default().within(Some(8), 12);
        assert_eq!((none.connections, none.per_peer), (1, 1));
        let many = Limits::default().within(Some(1 << 20), 12);
        assert_eq!((many.connections, many.per_peer), (2048, 256));
    }
}
