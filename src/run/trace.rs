//! Which failed hops have their way walked. Few do: routers answer only a handful of packets a
//! second, and one walk serves many hops.

use crate::lock::lock;
use crate::net::{clock, trace};
use crate::observation::{Evidence, Initiator, NodeAnswer, Observation, Trace};
use crate::reason::Reason;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, Semaphore};

/// When the way to a destination is walked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TraceWhen {
    /// For every hop that was tried.
    Always,
    /// For hops that were not answered, or were turned away before the connection opened.
    #[default]
    Failed,
    /// For none.
    Never,
}

/// Walks of one run.
const MAX_WALKS: usize = 32;
/// Walks to one network (IPv4 /24, IPv6 /64): a router answers about six packets at once and then
/// one a second (Linux' `icmp_ratelimit`), and the way is most often the same.
const MAX_WALKS_PER_NETWORK: usize = 6;
/// Walks to one address, each on a port of its own: a filter may let one port further than another.
const MAX_WALKS_PER_ADDRESS: usize = 2;
/// Walks at a time.
const AT_A_TIME: usize = 16;
/// A walk that would have to wait longer for its turn is left out, so that a run of many silent
/// hops ends soon after the last deadline.
const PATIENCE: Duration = Duration::from_millis(300);

/// Walks that a router on all of their ways answers at once; after these, one more a second.
const BURST: f64 = 6.0;

/// How an attempt ended, and from where to where. Ways that end differently are not alike.
type Key = (Option<Reason>, Option<IpAddr>, SocketAddr);

/// A walk that was begun, and what it found once it is over.
type Walk = (SocketAddr, Arc<OnceCell<Option<Trace>>>);

/// The walks of a run, shared by its hops.
pub(super) struct Walks {
    when: TraceWhen,
    turns: Semaphore,
    begun: Mutex<BTreeMap<Key, Walk>>,
    /// Packets that a router on all of the ways would still answer, and when that was so.
    answers_left: Mutex<(f64, Instant)>,
}

impl Walks {
    pub(super) fn new(when: TraceWhen) -> Self {
        Walks {
            when,
            turns: Semaphore::new(AT_A_TIME),
            begun: Mutex::default(),
            answers_left: Mutex::new((BURST, clock::instant())),
        }
    }

    /// The way of the attempt that decided a hop, where it is to be walked and can be; else the way
    /// to a port or an address beside it, as the trace's destination tells.
    pub(super) async fn walk(&self, source: Option<IpAddr>, seen: &Observation) -> Option<Trace> {
        let attempt = target(self.when, seen)?;
        for (to, walk) in self.choose((attempt.outcome, source, attempt.destination)) {
            let begin = || async {
                let _turn =
                    tokio::time::timeout(PATIENCE, self.turns.acquire()).await.ok()?.ok()?;
                let would_be_answered = self.take_answer(clock::instant());
                let silent = |t: &Trace| t.nodes.iter().all(|n| n.answer == NodeAnswer::Silent);
                // Silence from the first node on says something only where that node had not
                // answered too often already.
                let walked =
                    trace::walk(source, to).await.filter(|t| would_be_answered || !silent(t));
                // What opens at another try is not how this one ended: such a way shows nothing of
                // it.
                walked.filter(|t| !contradicts(attempt.outcome, t))
            };
            if let Some(found) = walk.get_or_init(begin).await {
                return Some(found.clone());
            }
        }
        None
    }

    /// Whether a router on all of the ways would answer one more packet, which is sent now.
    fn take_answer(&self, now: Instant) -> bool {
        let mut left = lock(&self.answers_left);
        let more = now.saturating_duration_since(left.1).as_secs_f64();
        *left = ((left.0 + more).min(BURST) - 1.0, now);
        left.0 >= 0.0
    }

    /// The walk there, where there is one or may be one more, then those beside it: to the same
    /// address, on the same port, then the others.
    fn choose(&self, key: Key) -> Vec<Walk> {
        let (ended, source, to) = key;
        let mut begun = lock(&self.begun);
        let near = |other: &SocketAddr| network(other.ip()) == network(to.ip());
        let mut beside: Vec<Walk> = begun
            .iter()
            .filter(|((end, from, there), _)| (*end, *from) == (ended, source) && near(there))
            .map(|(_, w)| w.clone())
            .collect();
        let same_address = beside.iter().filter(|(there, _)| there.ip() == to.ip()).count();
        let more = begun.len() < MAX_WALKS
            && beside.len() < MAX_WALKS_PER_NETWORK
            && same_address < MAX_WALKS_PER_ADDRESS;
        if more && !begun.contains_key(&key) {
            let walk = begun.entry(key).or_insert_with(|| (to, Arc::default()));
            beside.push(walk.clone());
        }
        beside.sort_by_key(|(there, _)| {
            (*there != to, there.ip() != to.ip(), there.port() != to.port())
        });
        beside
    }
}

/// The IPv4 /24 or IPv6 /64 of an address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// The attempt whose way is worth a walk.
fn target(when: TraceWhen, seen: &Observation) -> Option<&Evidence> {
    let last = Evidence::decisive(&seen.evidence)?;
    // Nothing went out: there is no way to walk.
    let local =
        seen.steps.iter().any(|s| !s.is_climbed() && s.initiator() == Some(Initiator::Local));
    match when {
        TraceWhen::Never => None,
        _ if local => None,
        TraceWhen::Always => Some(last),
        TraceWhen::Failed => Some(last)
            .filter(|e| seen.first_failure().is_some() && e.outcome.is_some_and(turned_away)),
    }
}

/// Whether a walk to the end of a way that nothing came through did open there.
fn contradicts(ended: Option<Reason>, trace: &Trace) -> bool {
    let opened = trace.nodes.iter().any(|n| n.answer == NodeAnswer::Opened);
    opened && ended.is_some_and(|reason| reason != Reason::ResetAfterConnect)
}

/// Whether an attempt ended before the connection opened, by somebody or something on the way.
fn turned_away(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TimedOut
            | Reason::Refused
            | Reason::Rejected
            | Reason::ResetAfterConnect
            | Reason::AdminProhibited
            | Reason::HostUnreachable
            | Reason::NetUnreachable
            | Reason::PortUnreachable
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Outcome;
    use crate::observation::{Facts, Step, StepKind};
    use jiff::Timestamp;

    fn seen(ok: bool, initiator: Initiator, outcomes: &[Option<Reason>]) -> Observation {
        let step = Step {
            step: StepKind::Connect,
            outcome: Outcome::of(ok, None, Some(initiator)),
            at_ms: 0.0,
            ms: 1.0,
            facts: Facts::default(),
        };
        let evidence = (1..).zip(outcomes).map(|(port, outcome)| Evidence {
            source: None,
            destination: ([10, 0, 0, 9], port).into(),
            sent_at: Timestamp::UNIX_EPOCH,
            attempt: 1,
            syns: None,
            outcome: *outcome,
            icmp: None,
        });
        Observation {
            evidence: evidence.collect(),
            ..Observation::of_steps("h", Timestamp::UNIX_EPOCH, 1.0, vec![step])
        }
    }

    #[test]
    fn only_what_was_turned_away_on_the_way_is_walked() {
        let port = |when, seen: &Observation| target(when, seen).map(|e| e.destination.port());
        let dropped = seen(false, Initiator::Unknown, &[None, Some(Reason::TimedOut)]);
        assert_eq!(port(TraceWhen::Failed, &dropped), Some(2));
        assert_eq!(port(TraceWhen::Never, &dropped), None);
        let local = seen(false, Initiator::Local, &[Some(Reason::LocalNoRoute)]);
        assert_eq!(port(TraceWhen::Failed, &local), None);
        assert_eq!(port(TraceWhen::Always, &local), None);
        let open = seen(true, Initiator::Unknown, &[Some(Reason::TimedOut), None]);
        assert_eq!(port(TraceWhen::Failed, &open), None, "it opened at the second attempt");
        assert_eq!(port(TraceWhen::Always, &open), Some(2));
        let later = seen(false, Initiator::Peer, &[None]);
        assert_eq!(
            port(TraceWhen::Failed, &later),
            None,
            "it ended after the connection had opened"
        );
    }

    #[test]
    fn hops_share_walks_and_a_run_has_an_end_of_them() {
        let walks = Walks::new(TraceWhen::Failed);
        let at =
            |network: u8, host: u8, port: u16| SocketAddr::from(([10, 0, network, host], port));
        let silent = Some(Reason::TimedOut);
        let chosen = |to| {
            walks.choose((silent, None, to)).iter().map(|(there, _)| *there).collect::<Vec<_>>()
        };
        assert_eq!(chosen(at(1, 1, 1)), [at(1, 1, 1)]);
        assert_eq!(chosen(at(1, 1, 1)), [at(1, 1, 1)], "the same");
        assert_eq!(chosen(at(1, 1, 2)), [at(1, 1, 2), at(1, 1, 1)], "another port");
        assert_eq!(chosen(at(1, 1, 3)), [at(1, 1, 1), at(1, 1, 2)], "one of the two");
        assert_eq!(
            chosen(at(1, 2, 2))[..2],
            [at(1, 2, 2), at(1, 1, 2)],
            "its own, then the same port"
        );
        for host in 3..=200 {
            chosen(at(1, host, 1));
        }
        assert_eq!(chosen(at(1, 200, 1)).len(), MAX_WALKS_PER_NETWORK);
        assert!(!chosen(at(1, 200, 1)).contains(&at(1, 200, 1)));
        let own = (2..=200)
            .filter(|network| chosen(at(*network, 1, 1)).contains(&at(*network, 1, 1)))
            .count();
        assert_eq!(own, MAX_WALKS - MAX_WALKS_PER_NETWORK);
        assert!(
            walks.choose((silent, Some([10, 9, 9, 9].into()), at(1, 1, 1))).is_empty(),
            "another source may go another way"
        );
        assert!(
            walks.choose((Some(Reason::Refused), None, at(1, 1, 1))).is_empty(),
            "a way that ends otherwise is no guide"
        );
    }

    #[test]
    fn a_router_is_taken_to_answer_six_at_once_and_one_a_second() {
        let walks = Walks::new(TraceWhen::Failed);
        let now = clock::instant();
        let asked =
            |at: Duration, times: usize| (0..times).filter(|_| walks.take_answer(now + at)).count();
        assert_eq!(asked(Duration::ZERO, 8), 6);
        assert_eq!(
            asked(Duration::from_secs(4), 3),
            2,
            "two of the four went to those that were not answered"
        );
        assert_eq!(asked(Duration::from_secs(60), 8), 6);
    }
}
