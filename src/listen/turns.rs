//! Whose octets are read next, where more comes than this machine can work through: strangers take
//! turns, one peer after the other, so that one with thousands of busy connections waits for
//! himself, and an honest connection only for as many turns as there are peers.

use super::crowd::peer_of;
use crate::lock::lock;
use crate::net::clock;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A turn that lasts longer no longer counts: whoever has it waits for something else.
const LONGEST: Duration = Duration::from_millis(50);

/// Who has a turn, and who waits for one.
#[derive(Debug)]
pub(super) struct Turns {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Whose turn it is, and since when.
    taken: Vec<(u64, Instant)>,
    /// Who waits, of each peer in the order in which they came.
    waiting: HashMap<IpAddr, VecDeque<(u64, Waker)>>,
    /// Peers with somebody waiting, in turn.
    peers: VecDeque<IpAddr>,
    next: u64,
}

impl Turns {
    /// So many at a time.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Turns { most: most.max(1), inner: Mutex::default() })
    }

    /// For one connection of a peer.
    pub(super) fn of(self: &Arc<Self>, peer: IpAddr) -> Turn {
        let mut inner = lock(&self.inner);
        inner.next += 1;
        Turn { turns: self.clone(), peer: peer_of(peer), number: inner.next, state: State::Idle }
    }
}

impl Inner {
    fn has(&self, number: u64) -> bool {
        self.taken.iter().any(|(known, _)| *known == number)
    }

    /// Gives what is free to who waits.
    fn give(&mut self, most: usize, now: Instant) {
        self.taken.retain(|(_, since)| now.saturating_duration_since(*since) < LONGEST);
        while self.taken.len() < most
            && let Some(peer) = self.peers.pop_front()
        {
            let Some(own) = self.waiting.get_mut(&peer) else { continue };
            if let Some((number, waker)) = own.pop_front() {
                self.taken.push((number, now));
                waker.wake();
            }
            if own.is_empty() {
                self.waiting.remove(&peer);
            } else {
                self.peers.push_back(peer);
            }
        }
    }

    fn wait(&mut self, peer: IpAddr, number: u64, waker: &Waker) {
        let own = self.waiting.entry(peer).or_default();
        match own.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) => known.clone_from(waker),
            None => {
                if own.is_empty() {
                    self.peers.push_back(peer);
                }
                own.push_back((number, waker.clone()));
            }
        }
    }

    fn forget(&mut self, peer: IpAddr, number: u64) {
        self.taken.retain(|(known, _)| *known != number);
        if let Some(own) = self.waiting.get_mut(&peer) {
            own.retain(|(known, _)| *known != number);
            if own.is_empty() {
                self.waiting.remove(&peer);
                self.peers.retain(|known| *known != peer);
            }
        }
    }
}

/// One connection's turn.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    peer: IpAddr,
    number: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Waiting,
    Taken,
}

impl Turn {
    /// Ready once it is this connection's turn; the task is woken then.
    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.state == State::Taken {
            return Poll::Ready(());
        }
        let now = clock::instant();
        let mut inner = lock(&self.turns.inner);
        inner.give(self.turns.most, now);
        // Whoever finds a place that is free takes it unwoken: a task that woke itself each time it
        // found nothing to read would never sleep.
        if self.state == State::Idle
            && inner.peers.is_empty()
            && inner.taken.len() < self.turns.most
        {
            inner.taken.push((self.number, now));
        }
        if inner.has(self.number) {
            self.state = State::Taken;
            return Poll::Ready(());
        }
        // One that waited may have had its turn, and let it pass.
        inner.wait(self.peer, self.number, cx.waker());
        self.state = State::Waiting;
        Poll::Pending
    }

    /// Ends it where it has begun; who waits goes on waiting.
    pub(super) fn end_unless_waiting(&mut self) {
        if self.state == State::Taken {
            self.end();
        }
    }

    /// Ends it: the next one's turn.
    pub(super) fn end(&mut self) {
        if self.state == State::Idle {
            return;
        }
        self.state = State::Idle;
        let mut inner = lock(&self.turns.inner);
        inner.forget(self.peer, self.number);
        inner.give(self.turns.most, clock::instant());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn peer(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    #[test]
    fn a_peer_with_many_waits_for_himself() {
        let turns = Turns::new(1);
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let cx = Context::from_waker(&waker);
        let mut first = turns.of(peer(1));
        let mut others: Vec<Turn> = (0..50).map(|_| turns.of(peer(1))).collect();
        assert!(first.poll(&cx).is_ready());
        others.iter_mut().for_each(|turn| assert!(turn.poll(&cx).is_pending()));
        let mut honest = turns.of(peer(2));
        assert!(honest.poll(&cx).is_pending());
        first.end();
        assert!(others[0].poll(&cx).is_ready(), "in the order in which they came");
        others[0].end();
        assert!(honest.poll(&cx).is_ready(), "and not after fifty");
        assert!(others[1].poll(&cx).is_pending());
        drop(honest);
        assert!(others[1].poll(&cx).is_ready(), "who is gone has no turn");
        assert!(woken.0.load(Ordering::Relaxed) >= 3);
    }

    #[test]
    fn who_finds_nothing_to_read_is_not_woken_for_it() {
        let turns = Turns::new(1);
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let mut turn = turns.of(peer(1));
        for _ in 0..3 {
            assert!(turn.poll(&Context::from_waker(&waker)).is_ready());
            turn.end();
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_waits_and_goes_is_forgotten() {
        let turns = Turns::new(1);
        let waker = Arc::new(Woken::default()).into();
        let cx = Context::from_waker(&waker);
        let mut first = turns.of(peer(1));
        assert!(first.poll(&cx).is_ready());
        let mut second = turns.of(peer(2));
        assert!(second.poll(&cx).is_pending());
        drop(second);
        let mut third = turns.of(peer(3));
        assert!(third.poll(&cx).is_pending());
        first.end();
        assert!(third.poll(&cx).is_ready());
        drop((first, third));
        let inner = lock(&turns.inner);
        assert!(inner.taken.is_empty() && inner.waiting.is_empty() && inner.peers.is_empty());
    }
}
