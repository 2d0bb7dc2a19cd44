//! The tasks of a run: looking up names and probing hops, side by side.

use super::concurrency::Turns;
use super::rate::Pace;
use super::trace::Walks;
use crate::climb::{Target, Tools};
use crate::net::clock;
use crate::net::resolve::{Found, Resolver};
use crate::observation::failure::Failure;
use crate::observation::{Facts, Initiator, Misplaced, Observation, Outcome, Step, StepKind};
use crate::plan::model::Hop;
use crate::probe::probe;
use crate::reason::Reason;
use crate::site::model::Host;
use crate::verdict::{self, Machine};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a probe is begun again and again that this machine has no resources for although no
/// other probe is under way: somebody else has them, and may give them back.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often altogether. Every time fewer probes are made side by side, so that this is never
/// reached where others give back what they take.
const RETRIES: u32 = 100;
/// Hops that have connections to one address at a time. A listener takes 256 connections from one
/// address, and a hop may need several.
const PLACES: usize = 64;
/// Time before a probe is begun again.
const BACK_OFF: Duration = Duration::from_millis(200);

/// What a task brings back.
pub(super) enum Done {
    /// A name, and what was found; `None` when the run was ended before.
    LookedUp(String, Option<LookedUp>),
    /// A hop, by its place in the plan and its part there, and what was seen of it.
    Probed(usize, usize, Box<Option<Observation>>),
}

/// The tasks of a run, and what they share.
pub(super) struct Tasks {
    pub(super) tools: Arc<Tools>,
    /// This machine.
    pub(super) own: Machine,
    pub(super) turns: Arc<Turns>,
    pub(super) pace: Arc<Pace>,
    pub(super) loopback: bool,
    pub(super) walks: Arc<Walks>,
    /// Places for connections, by address.
    pub(super) places: HashMap<IpAddr, Arc<Semaphore>>,
    pub(super) stop: CancellationToken,
    pub(super) started: tokio::sync::mpsc::UnboundedSender<Arc<Hop>>,
    pub(super) tasks: JoinSet<Done>,
    /// Ends when the probe that was spawned last has its turn: the next one is begun after it, so
    /// that a run has one order.
    pub(super) last: Option<oneshot::Receiver<()>>,
}

impl Tasks {
    pub(super) fn look_up(&mut self, name: String, resolver: &Resolver, limit: &Arc<Semaphore>) {
        let (resolver, limit, stop) = (resolver.clone(), limit.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let work = async {
                let _turn = limit.acquire_owned().await;
                let begun = clock::instant();
                let found = resolver.look_up(&name).await;
                (found, clock::ms_since(begun))
            };
            let found = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                found = work => Some(found),
            };
            Done::LookedUp(name, found)
        });
    }

    pub(super) fn probe(
        &mut self,
        place: usize,
        part: usize,
        hop: Arc<Hop>,
        looked_up: Option<LookedUp>,
    ) {
        let source = source(&hop, &self.own.addresses, self.loopback);
        let misplaced = hop
            .address
            .and_then(|address| verdict::misplaced(&hop, address, &self.own, self.loopback));
        let places = hop.peer_address().map(|a| {
            self.places.entry(a).or_insert_with(|| Arc::new(Semaphore::new(PLACES))).clone()
        });
        let (tools, turns, pace) = (self.tools.clone(), self.turns.clone(), self.pace.clone());
        let (stop, started, walks) = (self.stop.clone(), self.started.clone(), self.walks.clone());
        let (begun, begins) = oneshot::channel();
        let before = self.last.replace(begins);
        self.tasks.spawn(async move {
            let work = async {
                // Nothing is ever sent: it ends when the one before has begun, or is given up.
                if let Some(before) = before {
                    let _ = before.await;
                }
                let mut begun = Some(begun);
                let mut alone = Duration::ZERO;
                for retry in 0.. {
                    let turn = turns.take().await;
                    let at = pace.next().await;
                    begun.take();
                    tokio::time::sleep_until(at.into()).await;
                    if retry == 0 {
                        let _ = started.send(hop.clone());
                    }
                    let mut seen = observe(
                        &hop,
                        (source, misplaced),
                        places.clone(),
                        looked_up.clone(),
                        &tools,
                    )
                    .await?;
                    if !lacked_resources(&seen) || alone >= PATIENCE || retry == RETRIES {
                        // The next probe need not wait for a walk.
                        drop(turn);
                        seen.trace = walks.walk(source, &seen).await;
                        return Some(seen);
                    }
                    alone += if turns.taken() <= 1 { BACK_OFF } else { Duration::ZERO };
                    let left = turns.fewer();
                    drop(turn);
                    tracing::info!(
                        hop = hop.id,
                        left,
                        "this machine ran out of resources: the probe is made again"
                    );
                    tokio::time::sleep(BACK_OFF).await;
                }
                None
            };
            let seen = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                seen = work => seen,
            };
            Done::Probed(place, part, Box::new(seen))
        });
    }
}

/// Whether a probe ended because this machine ran out of something.
fn lacked_resources(seen: &Observation) -> bool {
    seen.first_failure().and_then(|s| s.reason()) == Some(Reason::LocalResources)
}

pub(super) type LookedUp = (Result<Found, Failure>, f64);

/// One hop: the look-up that was made for it, then the probe. `None` when nothing could be tried.
async fn observe(
    hop: &Hop,
    (source, misplaced): (Option<IpAddr>, Option<Misplaced>),
    places: Option<Arc<Semaphore>>,
    looked_up: Option<LookedUp>,
    tools: &Tools,
) -> Option<Observation> {
    let resolve_step = looked_up.map(|(found, ms)| resolve_step(found, ms));
    let Some(address) = hop.peer_address() else {
        let step = resolve_step?;
        let ms = step.ms;
        return Some(Observation::of_steps(&hop.id, clock::steady(), ms, vec![step]));
    };
    // Whoever answers there is not the host: nobody is asked.
    if let Some(misplaced) = misplaced.filter(|m| !m.may_be_right()) {
        let step = misplaced_step(resolve_step, address, misplaced);
        return Some(Observation {
            misplaced: Some(misplaced),
            ..Observation::of_steps(&hop.id, clock::steady(), step.ms, vec![step])
        });
    }
    let target = Target { places, ..Target::new(hop, address, source) };
    let mut seen = Observation { misplaced, ..probe(&target, tools).await };
    if let Some(step) = resolve_step {
        seen.ms += step.ms;
        for other in &mut seen.steps {
            other.at_ms += step.ms;
        }
        seen.steps.insert(0, step);
    }
    Some(seen)
}

/// The look-up, where there was one, with what is wrong with its outcome.
fn misplaced_step(looked_up: Option<Step>, address: IpAddr, misplaced: Misplaced) -> Step {
    let facts = Facts::of(|facts| facts.resolve.addresses = vec![address]);
    let outcome = Outcome::failed(Reason::AddressIsLocal, Initiator::Peer);
    let blank = Step::new(StepKind::Resolve, outcome, facts);
    let mut step = Step { outcome, ..looked_up.unwrap_or(blank) };
    step.facts.ended.error = Some(format!("{address} is {}", misplaced.words()));
    step
}

fn resolve_step(found: Result<Found, Failure>, ms: f64) -> Step {
    let of = |outcome, facts| Step { ms, ..Step::new(StepKind::Resolve, outcome, facts) };
    match found {
        Ok(Found { addresses, left_out, aliases, unroutable, impatient }) => {
            let facts = Facts::of(|facts| {
                facts.resolve.addresses = addresses;
                facts.resolve.left_out = left_out;
                facts.resolve.aliases = aliases;
                facts.resolve.no_route = unroutable;
                facts.resolve.resolver_gave_up = impatient;
            });
            of(Outcome::CLIMBED, facts)
        }
        Err(Failure { reason, initiator, facts }) => {
            // A resolver that this machine is not set up for is a fault of this machine; any other
            // answer is the name's own.
            let initiator =
                if initiator == Initiator::Local { Initiator::Local } else { Initiator::Peer };
            of(Outcome::failed(reason, initiator), facts)
        }
    }
}

/// The From host's own address, where the site fixes one that this machine has: a host with several
/// addresses must send from the right one, and of the family that the hop goes to.
fn source(hop: &Hop, own: &[IpAddr], loopback: bool) -> Option<IpAddr> {
    let fixed: &[IpAddr] = match &hop.from.host {
        Host::Named { addresses, .. } => addresses,
        Host::Address(address) => std::slice::from_ref(address),
        Host::Network(_) | Host::Discover { .. } => &[],
    };
    let fits = |a: &IpAddr| hop.peer_address().is_none_or(|to| to.is_ipv4() == a.is_ipv4());
    fixed.iter().copied().find(|a| fits(a) && (own.contains(a) || (loopback && a.is_loopback())))
}
