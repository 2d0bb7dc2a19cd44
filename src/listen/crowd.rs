//! Who is inside, and who must go when the place is full: of those who have not shown the site key,
//! the one that is there longest of the peer that has the most, and where none has many, of all.
//! Whoever fills all places pays with his own, and an honest connection finds room however many
//! others are silent.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};

/// Connections without a proof that an honest peer may have at once: among those who have no more,
/// the oldest goes, whoever has it.
const FAIR: usize = 16;

/// One inside, for as long as it is there; later ones have greater numbers.
pub(super) type Ticket = u64;

/// What counts as one peer: an address; of IPv6 a network of /64, of which one machine has every
/// address.
pub(super) fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A bounded number of connections, of each peer a bounded number. `T` is what is known of each.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    most: usize,
    per_peer: usize,
    inside: HashMap<Ticket, (IpAddr, T)>,
    peers: HashMap<IpAddr, Peer>,
    /// Peers with somebody who may be put out, by how many of those they have and since when.
    ranks: BTreeSet<Rank>,
    next: Ticket,
}

#[derive(Debug, Default)]
struct Peer {
    /// Of these one may be put out, the first of them first.
    unproved: BTreeSet<Ticket>,
    proved: usize,
}

type Rank = (usize, Reverse<Ticket>, IpAddr);

impl Peer {
    fn rank(&self, address: IpAddr) -> Option<Rank> {
        Some((self.unproved.len().max(FAIR), Reverse(*self.unproved.first()?), address))
    }
}

/// What became of one that wants to come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission<T> {
    /// It is inside.
    In(Ticket),
    /// It is inside, and this one has to go for it.
    Instead(Ticket, T),
    /// All places are taken by others who have shown the key.
    Full,
}

impl<T> Crowd<T> {
    /// With nobody inside.
    pub fn new(most: usize, per_peer: usize) -> Self {
        Crowd {
            most,
            per_peer,
            inside: HashMap::new(),
            peers: HashMap::new(),
            ranks: BTreeSet::new(),
            next: 0,
        }
    }

    /// How many are inside.
    pub fn len(&self) -> usize {
        self.inside.len()
    }

    /// Whether somebody has to go for the next one.
    pub fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// Lets one in; for it another one may have to go.
    pub fn admit(&mut self, address: IpAddr, what: T) -> Admission<T> {
        let peer = peer_of(address);
        let gone = match self.peers.get(&peer) {
            Some(own) if own.unproved.len() + own.proved >= self.per_peer => {
                own.unproved.first().copied()
            }
            _ if self.is_full() => self.ranks.last().map(|(_, Reverse(oldest), _)| *oldest),
            _ => return Admission::In(self.enter(peer, what)),
        };
        match gone.and_then(|ticket| self.leave(ticket)) {
            Some(gone) => Admission::Instead(self.enter(peer, what), gone),
            None => Admission::Full,
        }
    }

    /// This one has shown the key: it is never put out.
    pub fn prove(&mut self, ticket: Ticket) {
        self.trust(ticket, usize::MAX);
    }

    /// This one is never put out, as long as its peer has fewer than `most` of the kind.
    pub fn trust(&mut self, ticket: Ticket, most: usize) {
        let Some(peer) = self.inside.get(&ticket).map(|(peer, _)| *peer) else { return };
        self.change(peer, |own| {
            if own.proved < most && own.unproved.remove(&ticket) {
                own.proved += 1;
            }
        });
    }

    /// This one is gone; what was known of it, unless it had to go before.
    pub fn leave(&mut self, ticket: Ticket) -> Option<T> {
        let (peer, what) = self.inside.remove(&ticket)?;
        self.change(peer, |own| {
            if !own.unproved.remove(&ticket) {
                own.proved -= 1;
            }
        });
        Some(what)
    }

    fn enter(&mut self, peer: IpAddr, what: T) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.inside.insert(ticket, (peer, what));
        self.change(peer, |own| {
            own.unproved.insert(ticket);
        });
        ticket
    }

    fn change(&mut self, peer: IpAddr, change: impl FnOnce(&mut Peer)) {
        let own = self.peers.entry(peer).or_default();
        if let Some(rank) = own.rank(peer) {
            self.ranks.remove(&rank);
        }
        change(own);
        if let Some(rank) = own.rank(peer) {
            self.ranks.insert(rank);
        }
        if own.unproved.is_empty() && own.proved == 0 {
            self.peers.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl<T> Crowd<T> {
        fn by_peer(&self) -> BTreeMap<IpAddr, usize> {
            self.peers.iter().map(|(peer, own)| (*peer, own.unproved.len() + own.proved)).collect()
        }
    }

    fn v4(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    fn enter(crowd: &mut Crowd<u32>, from: u8, what: u32) -> (Option<Ticket>, Option<u32>) {
        match crowd.admit(v4(from), what) {
            Admission::In(ticket) => (Some(ticket), None),
            Admission::Instead(ticket, gone) => (Some(ticket), Some(gone)),
            Admission::Full => (None, None),
        }
    }

    #[test]
    fn the_oldest_silent_one_of_the_peer_with_the_most_goes() {
        let many = 3 * u32::try_from(FAIR).expect("small");
        let mut crowd = Crowd::new(3 * FAIR + 2, 4 * FAIR);
        enter(&mut crowd, 1, 1000);
        (0..many).for_each(|what| assert_eq!(enter(&mut crowd, 2, what).1, None));
        enter(&mut crowd, 1, 1001);
        assert_eq!(enter(&mut crowd, 3, 2000).1, Some(0), "of the many, and not the oldest");
        let gone: Vec<u32> =
            (0..200).filter_map(|what| enter(&mut crowd, 3, 3000 + what).1).collect();
        assert!(gone[..10].iter().all(|what| *what < many), "{gone:?}");
        assert!(!gone.contains(&1000), "who has few stays, as long as another one has many");
        assert_eq!(crowd.len(), 3 * FAIR + 2);
    }

    #[test]
    fn who_comes_again_and_again_with_many_does_not_push_out_one_with_a_few() {
        // Sixteen peers with twice as many as is fair, each of which is cut off and comes again.
        let mut crowd = Crowd::new(32 * FAIR, 2 * FAIR);
        let all = u32::try_from(32 * FAIR).expect("small");
        let from = |what: u32| 10 + u8::try_from(what % 16).expect("small");
        for what in 0..all {
            enter(&mut crowd, from(what), what);
        }
        for what in 0..8 {
            enter(&mut crowd, 1, 100_000 + what);
        }
        for what in all..2 * all {
            let gone = enter(&mut crowd, from(what), what).1.expect("it is full");
            assert!(gone < 100_000, "{what} pushed out an honest one");
        }
    }

    #[test]
    fn thousands_with_one_each_do_not_push_out_one_with_a_few() {
        let mut crowd = Crowd::new(200, 100);
        for (from, what) in (10..210).zip(0..) {
            enter(&mut crowd, from, what);
        }
        for what in 1000..1000 + u32::try_from(FAIR).expect("small") {
            assert!(enter(&mut crowd, 1, what).1.is_some_and(|gone| gone < 200), "an older one");
        }
    }

    #[test]
    fn who_has_shown_the_key_stays() {
        let mut crowd = Crowd::new(3, 10);
        let first = enter(&mut crowd, 1, 0).0.expect("room");
        let second = enter(&mut crowd, 1, 1).0.expect("room");
        crowd.prove(first);
        crowd.prove(second);
        assert_eq!(enter(&mut crowd, 2, 2).1, None);
        assert_eq!(enter(&mut crowd, 3, 3).1, Some(2), "the only one that may go");
        assert_eq!(crowd.leave(second), Some(1));
        let last = enter(&mut crowd, 4, 4).0.expect("room");
        crowd.prove(last);
        let other = *crowd.peers[&v4(3)].unproved.first().expect("inside");
        crowd.prove(other);
        assert_eq!(crowd.admit(v4(5), 5), Admission::Full);
    }

    #[test]
    fn who_has_all_that_one_peer_may_have_gives_up_his_own() {
        let mut crowd = Crowd::new(10, 2);
        enter(&mut crowd, 1, 0);
        let second = enter(&mut crowd, 1, 1).0.expect("room");
        assert_eq!(enter(&mut crowd, 1, 2).1, Some(0));
        crowd.prove(second);
        assert_eq!(enter(&mut crowd, 1, 3).1, Some(2));
        let last = enter(&mut crowd, 1, 4).0.expect("room");
        crowd.prove(last);
        assert_eq!(crowd.admit(v4(1), 5), Admission::Full, "both have shown the key");
        assert_eq!(enter(&mut crowd, 2, 6).1, None, "others are as free as before");
    }

    #[test]
    fn one_network_of_ipv6_is_one_peer_and_mapped_ipv4_is_ipv4() {
        let peer = |text: &str| peer_of(text.parse().expect("an address"));
        assert_eq!(peer("2001:db8:0:1::1"), peer("2001:db8:0:1:ffff::9"));
        assert_ne!(peer("2001:db8:0:1::1"), peer("2001:db8:0:2::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), v4(1));
        assert_ne!(peer("::ffff:10.0.0.1"), peer("::ffff:10.0.0.2"));
    }

    proptest! {
        #[test]
        fn nobody_is_counted_twice_or_forgotten(
            steps in prop::collection::vec((0..4_u8, 0..6_u8, 0..40_usize), 0..300),
        ) {
            let mut crowd = Crowd::new(12, 5);
            let mut inside: BTreeMap<Ticket, (u8, bool)> = BTreeMap::new();
            for (what, from, place) in steps {
                let ticket = inside.keys().nth(place).copied();
                match (what, ticket) {
                    (0 | 1, _) => match crowd.admit(v4(from), 0) {
                        Admission::In(new) => { inside.insert(new, (from, false)); }
                        Admission::Instead(new, _) => {
                            let known: BTreeSet<Ticket> = crowd.inside.keys().copied().collect();
                            let gone: Vec<Ticket> =
                                inside.keys().filter(|t| !known.contains(t)).copied().collect();
                            prop_assert_eq!(gone.len(), 1);
                            prop_assert!(!inside[&gone[0]].1, "it has shown the key");
                            inside.remove(&gone[0]);
                            inside.insert(new, (from, false));
                        }
                        Admission::Full => {
                            let own = inside.values().filter(|(peer, _)| *peer == from);
                            prop_assert!(own.clone().count() == 5 && own.clone().all(|(_, p)| *p)
                                || inside.len() == 12 && inside.values().all(|(_, p)| *p));
                        }
                    },
                    (2, Some(ticket)) => {
                        crowd.prove(ticket);
                        inside.entry(ticket).and_modify(|(_, proved)| *proved = true);
                    }
                    (_, Some(ticket)) => {
                        prop_assert!(crowd.leave(ticket).is_some());
                        inside.remove(&ticket);
                    }
                    _ => {}
                }
                prop_assert_eq!(crowd.len(), inside.len());
                prop_assert!(crowd.len() <= 12 && crowd.by_peer().values().all(|n| *n <= 5));
                prop_assert_eq!(crowd.by_peer().values().sum::<usize>(), inside.len());
            }
        }
    }
}
