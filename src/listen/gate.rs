//! Who is let in: limits of a listener, as they are used up by all its ports together.

use crate::lock::lock;
use crate::wire::sighting;
use crate::wire::sighting::Seen::{NotAllowed, TurnedAway};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a listener allows strangers and friends alike.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, all ports together.
    pub connections: usize,
    /// Connections at a time from one address; from one /64 network of IPv6, of which one machine
    /// has every address.
    pub per_peer: usize,
    /// Octets read from one connection.
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

/// What counts as one peer.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The limits as they are used up, shared by all ports.
pub struct Gate {
    pub(super) limits: Limits,
    total: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Gate {
    /// With nothing used up.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Gate {
            total: Arc::new(Semaphore::new(limits.connections)),
            peers: Mutex::new(HashMap::new()),
            limits,
        })
    }

    /// Whether connections from this address may come in at all.
    pub(super) fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.limits.allowed.is_empty() || self.limits.allowed.iter().any(|n| n.contains(&peer))
    }

    /// Lets one connection in, or says why not.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, sighting::Seen> {
        if !self.allows(peer) {
            return Err(NotAllowed);
        }
        let peer = peer_of(peer);
        let permit = self.total.clone().try_acquire_owned().map_err(|_| TurnedAway)?;
        let mut peers = lock(&self.peers);
        let count = peers.entry(peer).or_default();
        if *count >= self.limits.per_peer {
            return Err(TurnedAway);
        }
        *count += 1;
        Ok(Pass { gate: self.clone(), peer, _permit: permit })
    }
}

/// One admitted connection; gives its place back when dropped.
pub(super) struct Pass {
    pub(super) gate: Arc<Gate>,
    peer: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut peers = lock(&self.gate.peers);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, per_peer: usize) -> Arc<Gate> {
        Gate::new(Limits { connections, per_peer, ..Limits::default() })
    }

    #[test]
    fn one_network_of_ipv6_is_one_peer() {
        let gate = gate(10, 2);
        let peer = |n: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, n, 0, n));
        let kept: Vec<_> = (0..5).filter_map(|n| gate.admit(peer(n)).ok()).collect();
        assert_eq!(kept.len(), 2, "every address of a /64 counts as the same peer");
        assert!(gate.admit("2001:db8:0:2::1".parse().expect("an address")).is_ok());
        drop(kept);
        assert!(gate.admit(peer(9)).is_ok(), "places come back");
    }

    #[test]
    fn mapped_ipv4_addresses_are_peers_of_their_own() {
        let gate = gate(10, 1);
        let one = gate.admit("::ffff:10.0.0.1".parse().expect("an address"));
        assert!(one.is_ok(), "let in");
        assert_eq!(gate.admit("10.0.0.1".parse().expect("an address")).err(), Some(TurnedAway));
        assert!(gate.admit("::ffff:10.0.0.2".parse().expect("an address")).is_ok());
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
