//! What a peer costs that shows no key: each has an allowance, which comes back with time, and waits
//! once it is used up. So one that says all that it may on one connection after the other keeps no
//! machine busy. What was spent before a proof is given back with it: many honest hosts may stand
//! behind one address.

use super::crowd::peer_of;
use crate::lock::lock;
use crate::net::clock;
use std::collections::HashMap;
use std::future::Future as _;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// Octets of a peer's connections that were read before a proof, at once. As many connections as one
/// peer may have fit in, with what a probe says before its proof.
const ALLOWANCE: u64 = 1024 * 1024;
/// Octets that come back each second.
const PER_SECOND: u64 = 256 * 1024;
/// What a connection, and a read of few octets, costs at least: the work is more than the octets. A
/// sweep of a whole range without a key, of 16,384 connections, has to fit in.
const LEAST: u64 = 128;
/// Whoever waits waits for so much at least, so that thousands do not wake in turn for nothing.
const PAUSE: Duration = Duration::from_secs(1);
/// Peers that are remembered.
const MOST_PEERS: usize = 8192;

/// What peers owe.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<IpAddr, Owed>>);

#[derive(Debug, Clone, Copy)]
struct Owed {
    octets: u64,
    at: Instant,
}

impl Owed {
    /// What is left of it at another time.
    fn at(self, now: Instant) -> u64 {
        let back =
            now.saturating_duration_since(self.at).as_millis() * u128::from(PER_SECOND) / 1000;
        self.octets.saturating_sub(u64::try_from(back).unwrap_or(u64::MAX))
    }
}

impl Budgets {
    /// For one connection of a peer, which costs something by itself.
    pub(super) fn of(self: &Arc<Self>, peer: IpAddr) -> Account {
        let mut own = Account { budgets: self.clone(), peer: peer_of(peer), spent: 0, pause: None };
        own.spend(0);
        own
    }

    /// Whether a peer has used up its allowance.
    pub(super) fn owes(&self, peer: IpAddr) -> bool {
        self.wait(peer_of(peer), clock::instant()).is_some()
    }

    fn change(&self, peer: IpAddr, now: Instant, change: impl FnOnce(u64) -> u64) {
        let mut all = lock(&self.0);
        if all.len() >= MOST_PEERS && !all.contains_key(&peer) {
            all.retain(|_, owed| owed.at(now) > 0);
            // So many peers at once are no debtors any more; they still take turns.
            if all.len() >= MOST_PEERS {
                all.clear();
            }
        }
        let before = all.get(&peer).map_or(0, |owed| owed.at(now));
        all.insert(peer, Owed { octets: change(before), at: now });
    }

    /// How long a peer has to wait, if it has to.
    fn wait(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let owed = lock(&self.0).get(&peer).map_or(0, |owed| owed.at(now));
        let over = owed.checked_sub(ALLOWANCE).filter(|over| *over > 0)?;
        Some(Duration::from_millis(over.saturating_mul(1000) / PER_SECOND) + PAUSE)
    }
}

/// One connection's part of what its peer owes.
#[derive(Debug)]
pub(super) struct Account {
    budgets: Arc<Budgets>,
    peer: IpAddr,
    spent: u64,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Account {
    /// Ready once its peer may be read; the task is woken then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(pause) = &mut self.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.budgets.wait(self.peer, clock::instant()) {
                None => return Poll::Ready(()),
                Some(wait) => self.pause = Some(Box::pin(tokio::time::sleep(wait))),
            }
        }
    }

    /// So many octets were read.
    pub(super) fn spend(&mut self, octets: u64) {
        let cost = octets.max(LEAST);
        self.spent += cost;
        self.budgets.change(self.peer, clock::instant(), |owed| owed.saturating_add(cost));
    }

    /// It has shown the key.
    pub(super) fn give_back(&mut self) {
        let spent = std::mem::take(&mut self.spent);
        if spent > 0 {
            self.budgets.change(self.peer, clock::instant(), |owed| owed.saturating_sub(spent));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    fn peer(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into()
    }

    async fn waited(account: &mut Account) -> Duration {
        let begun = clock::instant();
        poll_fn(|cx| account.poll(cx)).await;
        clock::since(begun)
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_used_up_his_allowance_waits_and_nobody_else() {
        let budgets = Arc::new(Budgets::default());
        let (mut one, mut other) = (budgets.of(peer(1)), budgets.of(peer(2)));
        one.spend(ALLOWANCE - LEAST);
        assert_eq!(waited(&mut one).await, Duration::ZERO);
        one.spend(PER_SECOND);
        assert_eq!(waited(&mut other).await, Duration::ZERO);
        let mut again = budgets.of(peer(1));
        let wait = waited(&mut again).await;
        assert!(wait >= Duration::from_secs(2) && wait < Duration::from_secs(3), "{wait:?}");
        assert_eq!(waited(&mut again).await, Duration::ZERO, "as much has come back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_proof_gives_back_what_was_spent_before_it() {
        let budgets = Arc::new(Budgets::default());
        for _ in 0..2 * ALLOWANCE / LEAST {
            let mut honest = budgets.of(peer(1));
            honest.spend(300);
            assert_eq!(waited(&mut honest).await, Duration::ZERO);
            honest.give_back();
            honest.give_back();
        }
        assert!(lock(&budgets.0).values().all(|owed| owed.octets == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn peers_that_are_remembered_are_bounded() {
        let budgets = Arc::new(Budgets::default());
        for n in 0..3 * u32::try_from(MOST_PEERS).expect("small") {
            budgets.of(peer(n)).spend(ALLOWANCE);
            assert!(lock(&budgets.0).len() <= MOST_PEERS);
        }
    }
}
