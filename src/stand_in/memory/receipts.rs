//! Which ports of a range a sweep has reached, and from where: the listener's count, to be held
//! against the connector's.

use crate::lock::lock;
use crate::wire::stamp::SWEEP_LEN;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Mutex;

/// Sweeps that are remembered; nobody without the site key can begin one, so that strangers cannot
/// push any out.
const MAX_SWEEPS: usize = 64;
/// Words of 64 ports.
const WORDS: usize = 65_536 / 64;

/// A sweep, by its own part of its nonces.
pub type SweepId = [u8; SWEEP_LEN];

/// The sweeps of one listener, the newest last.
#[derive(Debug, Default)]
pub struct Receipts {
    sweeps: Mutex<VecDeque<Receipt>>,
    /// Ports of the host's ranges that are not held here.
    taken: Mutex<Vec<u16>>,
    /// Who has some of those.
    holders: Mutex<BTreeMap<u16, String>>,
}

#[derive(Debug)]
struct Receipt {
    sweep: SweepId,
    peer: IpAddr,
    ports: Box<[u64; WORDS]>,
}

impl Receipts {
    /// A connection of a sweep arrived at this port.
    pub fn note(&self, sweep: SweepId, peer: IpAddr, port: u16) {
        let mut receipts = lock(&self.sweeps);
        let peer = peer.to_canonical();
        let place = match receipts.iter().rposition(|r| r.sweep == sweep && r.peer == peer) {
            Some(place) => place,
            None => {
                if receipts.len() == MAX_SWEEPS {
                    receipts.pop_front();
                }
                receipts.push_back(Receipt { sweep, peer, ports: Box::new([0; WORDS]) });
                receipts.len() - 1
            }
        };
        receipts[place].ports[usize::from(port / 64)] |= 1 << (port % 64);
    }

    /// The ports at which a sweep arrived, from whatever address, in order.
    pub fn ports(&self, sweep: SweepId) -> Vec<u16> {
        let receipts = lock(&self.sweeps);
        let of_sweep: Vec<&Receipt> = receipts.iter().filter(|r| r.sweep == sweep).collect();
        let arrived = |port: &u16| {
            of_sweep.iter().any(|r| r.ports[usize::from(port / 64)] & (1 << (port % 64)) != 0)
        };
        (0..=u16::MAX).filter(arrived).collect()
    }

    /// These ports of a range are not held here: somebody else has them, or they could not be
    /// opened.
    pub fn add_taken(&self, ports: &[u16]) {
        let mut taken = lock(&self.taken);
        taken.extend(ports);
        taken.sort_unstable();
        taken.dedup();
    }

    /// So are these, and that is who has them.
    pub fn add_holders(&self, holders: &BTreeMap<u16, String>) {
        let mut known = lock(&self.holders);
        known.extend(holders.iter().map(|(port, who)| (*port, who.clone())));
    }

    /// Who has ports of the host's ranges.
    pub fn holders(&self) -> BTreeMap<u16, String> {
        lock(&self.holders).clone()
    }

    /// The ports of the host's ranges that are not held here, in order.
    pub fn taken(&self) -> Vec<u16> {
        lock(&self.taken).clone()
    }

    /// Each sweep's peer, with the number of ports that it reached, in the order in which they
    /// began.
    pub fn sweeps(&self) -> Vec<(IpAddr, u32)> {
        let receipts = lock(&self.sweeps);
        receipts
            .iter()
            .map(|r| (r.peer, r.ports.iter().map(|word| word.count_ones()).sum()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_are_counted_apart_and_bounded() {
        let receipts = Receipts::default();
        let from = |n: u8| IpAddr::from([10, 0, 0, n]);
        for port in [49152, 65535, 0, 49152] {
            receipts.note([1; SWEEP_LEN], from(1), port);
        }
        receipts.note([1; SWEEP_LEN], from(2), 80);
        receipts.note([2; SWEEP_LEN], from(1), 443);
        assert_eq!(
            receipts.ports([1; SWEEP_LEN]),
            [0, 80, 49152, 65535],
            "NAT may give one sweep several addresses"
        );
        assert_eq!(receipts.ports([3; SWEEP_LEN]), [0_u16; 0]);
        assert_eq!(receipts.sweeps(), [(from(1), 3), (from(2), 1), (from(1), 1)]);
        for n in 0..70 {
            receipts.note([n; SWEEP_LEN], from(9), 1);
        }
        assert_eq!(receipts.sweeps().len(), MAX_SWEEPS);
    }
}
