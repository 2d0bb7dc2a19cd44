//! Which ports of a range a sweep has reached, and from where: the listener's count, to be held
//! against the connector's.

use crate::lock::lock;
use crate::wire::stamp::SWEEP_LEN;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

/// Sweeps that are remembered; nobody without the site key can begin one, so that strangers push
/// none out. The oldest goes first, and is not begun again.
const MAX_SWEEPS: usize = 1024;
/// Addresses that one sweep comes from; NAT may give it several.
const MAX_PEERS: usize = 16;
/// Ports of one page: a sweep's memory is as large as its range.
const PAGE: u16 = 256;

/// A sweep: when it was begun, in UNIX seconds by the connector's clock, and its own part of its
/// nonces.
pub type SweepId = (u32, [u8; SWEEP_LEN]);

/// The sweeps of one listener.
#[derive(Debug, Default)]
pub struct Receipts {
    sweeps: Mutex<Sweeps>,
    /// Ports of the host's ranges that are not held here.
    taken: Mutex<Vec<u16>>,
    /// Who has some of those.
    holders: Mutex<BTreeMap<u16, String>>,
}

#[derive(Debug, Default)]
struct Sweeps {
    known: BTreeMap<SweepId, Sweep>,
    /// No sweep that was begun until then is begun any more: some of them are forgotten.
    forgotten: Option<u32>,
    /// How many came so far.
    came: u64,
}

#[derive(Debug, Default)]
struct Sweep {
    /// Which one it was of all.
    number: u64,
    peers: Vec<(IpAddr, u32)>,
    /// By the number of a page, the try that came last to each of its ports, and one more.
    pages: BTreeMap<u16, Box<[u16]>>,
}

impl Receipts {
    /// A try of a sweep arrived at this port. `false` for one that came before, or before a later
    /// one: somebody repeats it, and gets nothing for it.
    pub fn note(&self, sweep: SweepId, peer: IpAddr, port: u16, number_of_try: u16) -> bool {
        let mut sweeps = lock(&self.sweeps);
        let Sweeps { known, forgotten, came } = &mut *sweeps;
        let is_new = !known.contains_key(&sweep);
        if is_new && forgotten.is_some_and(|until| sweep.0 <= until) {
            return false;
        }
        let own = known.entry(sweep).or_insert_with(|| Sweep { number: *came, ..Sweep::default() });
        *came += u64::from(is_new);
        let page =
            own.pages.entry(port / PAGE).or_insert_with(|| vec![0; usize::from(PAGE)].into());
        let last = &mut page[usize::from(port % PAGE)];
        let this = number_of_try.saturating_add(1);
        if this <= *last {
            return false;
        }
        let first = *last == 0;
        *last = this;
        let peer = peer.to_canonical();
        match own.peers.iter().position(|(known, _)| *known == peer) {
            Some(place) => own.peers[place].1 += u32::from(first),
            None if own.peers.len() < MAX_PEERS => own.peers.push((peer, u32::from(first))),
            None => {}
        }
        if known.len() > MAX_SWEEPS
            && let Some(((begun, _), _)) = known.pop_first()
        {
            *forgotten = (*forgotten).max(Some(begun));
        }
        true
    }

    /// The ports at which a sweep arrived, from whatever address, in order.
    pub fn ports(&self, sweep: SweepId) -> Vec<u16> {
        let sweeps = lock(&self.sweeps);
        let pages = sweeps.known.get(&sweep).into_iter().flat_map(|own| &own.pages);
        pages
            .flat_map(|(page, tries)| {
                let came = (0..PAGE).zip(tries.iter()).filter(|(_, last)| **last > 0);
                came.map(move |(place, _)| page * PAGE + place)
            })
            .collect()
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

    /// Each sweep's peers, with the number of ports that it reached from there first, in the order
    /// in which they began.
    pub fn sweeps(&self) -> Vec<(IpAddr, u32)> {
        let sweeps = lock(&self.sweeps);
        let mut all: Vec<&Sweep> = sweeps.known.values().collect();
        all.sort_by_key(|sweep| sweep.number);
        all.into_iter().flat_map(|sweep| sweep.peers.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(n: u32) -> SweepId {
        (n, [n.to_be_bytes()[3]; SWEEP_LEN])
    }

    fn from(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    #[test]
    fn sweeps_are_counted_apart_and_a_try_counts_once() {
        let receipts = Receipts::default();
        for (number, port) in [49152, 65535, 0, 49152].into_iter().zip(0..) {
            assert!(receipts.note(sweep(1), from(1), number, port));
        }
        assert!(receipts.note(sweep(1), from(2), 80, 0), "NAT may give one sweep two addresses");
        assert!(receipts.note(sweep(2), from(1), 443, 0));
        assert!(!receipts.note(sweep(1), from(9), 0, 2), "a replay");
        assert!(!receipts.note(sweep(1), from(9), 49152, 1), "one that is older than the last");
        assert!(receipts.note(sweep(1), from(1), 49152, 4), "another try");
        assert_eq!(receipts.ports(sweep(1)), [0, 80, 49152, 65535]);
        assert_eq!(receipts.ports(sweep(3)), [0_u16; 0]);
        assert_eq!(receipts.sweeps(), [(from(1), 3), (from(2), 1), (from(1), 1)]);
    }

    #[test]
    fn the_oldest_sweep_goes_and_is_not_begun_again() {
        let receipts = Receipts::default();
        let all = u32::try_from(MAX_SWEEPS).expect("small");
        for n in 1..=all + 5 {
            assert!(receipts.note(sweep(n), from(1), 443, 0));
        }
        assert_eq!(receipts.sweeps().len(), MAX_SWEEPS);
        assert!(!receipts.note(sweep(2), from(9), 444, 0), "recorded, and forgotten here");
        assert!(receipts.note(sweep(all + 5), from(1), 444, 0));
        assert!(receipts.note(sweep(all + 6), from(1), 443, 0), "a new one");
    }
}
