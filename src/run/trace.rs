//! Which failed hops have their way walked. Few do: routers answer only a handful of packets a second, and one walk serves many hops.

use crate::net::trace;
use crate::observation::{Evidence, Initiator, NodeAnswer, Observation, Trace};
use crate::reason::Reason;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
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
/// Walks to one address, each on a port of its own: a filter may let one port further than another.
const MAX_WALKS_PER_ADDRESS: usize = 2;
/// Walks at a time.
const AT_A_TIME: usize = 16;
/// A walk that would have to wait longer for its turn is left out, so that a run of many silent hops ends soon after the last deadline.
const PATIENCE: Duration = Duration::from_millis(300);

/// The walks of a run, shared by its hops.
pub(super) struct Walks {
    when: TraceWhen,
    turns: Semaphore,
    begun: Mutex<HashMap<(Option<IpAddr>, SocketAddr), Arc<OnceCell<Option<Trace>>>>>,
    /// Whether any walk so far was answered: then silence from the very first node on is a router that has answered often enough.
    answered: AtomicBool,
}

impl Walks {
    pub(super) fn new(when: TraceWhen) -> Self {
        Walks { when, turns: Semaphore::new(AT_A_TIME), begun: Mutex::default(), answered: AtomicBool::new(false) }
    }

    /// The way of the attempt that decided a hop, where it is to be walked and can be.
    pub(super) async fn walk(&self, source: Option<IpAddr>, seen: &Observation) -> Option<Trace> {
        let to = target(self.when, seen)?.destination;
        let shared = self.shared(source, to)?;
        let first = || async {
            let _turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await.ok()?.ok()?;
            trace::walk(source, to).await
        };
        let found = shared.get_or_init(first).await.clone()?;
        if found.nodes.iter().any(|n| n.answer != NodeAnswer::Silent) {
            self.answered.store(true, Ordering::Relaxed);
        } else if self.answered.load(Ordering::Relaxed) {
            return None;
        }
        Some(found)
    }

    /// The walk there, begun or not: on the same port where there is one or may be one more, else to the same address.
    fn shared(&self, source: Option<IpAddr>, to: SocketAddr) -> Option<Arc<OnceCell<Option<Trace>>>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = begun.get(&(source, to)) {
            return Some(same.clone());
        }
        let beside: Vec<_> =
            begun.iter().filter(|((from, there), _)| *from == source && there.ip() == to.ip()).map(|(_, w)| w.clone()).collect();
        if beside.len() >= MAX_WALKS_PER_ADDRESS || begun.len() >= MAX_WALKS {
            return beside.into_iter().next();
        }
        Some(begun.entry((source, to)).or_default().clone())
    }
}

/// The attempt whose way is worth a walk.
fn target(when: TraceWhen, seen: &Observation) -> Option<&Evidence> {
    let last = Evidence::decisive(&seen.evidence)?;
    // Nothing went out: there is no way to walk.
    let local = seen.steps.iter().any(|s| !s.ok && s.initiator == Some(Initiator::Local));
    match when {
        TraceWhen::Never => None,
        _ if local => None,
        TraceWhen::Always => Some(last),
        TraceWhen::Failed => Some(last).filter(|e| seen.first_failure().is_some() && e.outcome.is_some_and(turned_away)),
    }
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
    use crate::observation::{Detail, Step, StepKind};
    use jiff::Timestamp;

    fn seen(ok: bool, initiator: Initiator, outcomes: &[Option<Reason>]) -> Observation {
        let step =
            Step { step: StepKind::Connect, ok, reason: None, initiator: Some(initiator), at_ms: 0.0, ms: 1.0, detail: Detail::new() };
        let evidence = (1..).zip(outcomes).map(|(port, outcome)| Evidence {
            source: None,
            destination: ([10, 0, 0, 9], port).into(),
            sent_at: Timestamp::UNIX_EPOCH,
            attempts: 1,
            syns: None,
            outcome: *outcome,
            icmp: None,
        });
        Observation { evidence: evidence.collect(), ..Observation::of_steps("h", Timestamp::UNIX_EPOCH, 1.0, vec![step]) }
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
        assert_eq!(port(TraceWhen::Failed, &later), None, "it ended after the connection had opened");
    }

    #[test]
    fn hops_share_walks_and_a_run_has_an_end_of_them() {
        let walks = Walks::new(TraceWhen::Failed);
        let at = |host: u8, port: u16| SocketAddr::from(([10, 0, 0, host], port));
        let first = walks.shared(None, at(1, 1)).expect("a walk");
        assert!(Arc::ptr_eq(&first, &walks.shared(None, at(1, 1)).expect("the same")));
        let second = walks.shared(None, at(1, 2)).expect("another port");
        assert!(!Arc::ptr_eq(&first, &second));
        let third = walks.shared(None, at(1, 3)).expect("one of the two");
        assert!(Arc::ptr_eq(&third, &first) || Arc::ptr_eq(&third, &second));
        let more = (2..=200).filter(|host| walks.shared(None, at(*host, 1)).is_some()).count();
        assert_eq!(more, MAX_WALKS - 2);
    }
}
