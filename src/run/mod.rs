//! The engine: one run of hops under a rate, a concurrency limit, deadlines and cancellation. The only caller of `verdict`.

mod control;
mod pace;

use crate::event::Event;
use crate::net::failure::Failure;
use crate::net::resolve::Resolver;
use crate::net::{clock, host};
use crate::observation::{Detail, Initiator, Observation, Step, StepKind};
use crate::plan::model::{Hop, HopEnd, Plan};
use crate::probe::{Target, Tools, probe};
use crate::reason::Reason;
use crate::result::HopResult;
use crate::site::model::Host;
use crate::verdict::{self, Policy};
use pace::Pace;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Probes begun per second.
    pub rate: u32,
    /// Probes at a time.
    pub concurrency: usize,
    /// What the user asked for beyond the plan.
    pub policy: Policy,
    /// Only these hops, by their ids after names were looked up; empty means all of the plan.
    pub only: Vec<String>,
    /// Whether any 127/8 and ::1 address counts as this machine's (a lab on loopback).
    pub loopback_sources: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { rate: 100, concurrency: 64, policy: Policy::default(), only: Vec::new(), loopback_sources: false }
    }
}

/// How often a probe is begun again that this machine itself had no resources for.
const LOCAL_RETRIES: u32 = 5;

/// Names that are looked up at a time.
const LOOK_UPS: usize = 32;

/// Probes every hop of the plan and judges it. `stop` ends the run early: what was not begun is reported as not tested. Every hop of the
/// plan is in the result once, in the order of the plan; a hop to a name with several addresses once for each of them.
///
/// A name is looked up beside the probes: the hops to it wait for the answer, and nobody else does.
pub async fn run(
    plan: &Plan,
    tools: Tools,
    resolver: &Resolver,
    settings: &Settings,
    stop: &CancellationToken,
    mut listener: impl FnMut(Event<'_>),
) -> Vec<HopResult> {
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel::<Arc<Hop>>();
    let mut total = plan.hops.len();
    listener(Event::RunStarted { hops: total });
    let mut crew = Crew {
        tools: Arc::new(tools),
        own: host::this_host().addresses,
        turns: Arc::new(Semaphore::new(settings.concurrency.max(1))),
        pace: Arc::new(Pace::new(settings.rate)),
        loopback: settings.loopback_sources,
        stop: stop.clone(),
        started,
        tasks: JoinSet::new(),
    };
    // By place in the plan: the hops that came of it, each with its result.
    let mut results: Vec<Vec<(Arc<Hop>, Option<HopResult>)>> = plan.hops.iter().map(|_| Vec::new()).collect();
    let mut waiting: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, hop) in plan.hops.iter().enumerate() {
        match &hop.to.host {
            Host::Named { name, .. } if hop.address.is_none() => waiting.entry(name).or_default().push(place),
            _ => {
                let hop = Arc::new(hop.clone());
                crew.probe(place, 0, hop.clone(), None);
                results[place].push((hop, None));
            }
        }
    }
    let limit = Arc::new(Semaphore::new(LOOK_UPS));
    for name in waiting.keys() {
        crew.look_up((*name).to_owned(), resolver, &limit);
    }
    loop {
        tokio::select! {
            Some(hop) = starts.recv() => listener(Event::HopStarted { hop: &hop.id }),
            done = crew.tasks.join_next() => match done {
                None => break,
                Some(Ok(Done::LookedUp(name, found))) => {
                    for place in waiting.get(name.as_str()).into_iter().flatten().copied() {
                        for hop in wanted(expand(&plan.hops[place], found.as_ref()), &settings.only) {
                            crew.probe(place, results[place].len(), hop.clone(), found.clone());
                            results[place].push((hop, None));
                        }
                        total += results[place].len().saturating_sub(1);
                    }
                    listener(Event::RunStarted { hops: total });
                }
                Some(Ok(Done::Probed(place, part, seen))) => {
                    let (hop, slot) = &mut results[place][part];
                    let judgement = verdict::judge(hop, seen.as_ref(), settings.policy);
                    let result = slot.insert(HopResult::new(hop, seen.as_ref(), judgement));
                    listener(Event::HopFinished { result });
                }
                // A task that ended by itself left its hop without an observation: not tested.
                Some(Err(error)) => tracing::error!(%error, "a probe ended by itself"),
            },
        }
    }
    let results = plan.hops.iter().zip(results).flat_map(|(planned, parts)| finished(planned, parts, settings.policy)).collect();
    let results = control::second_look(results);
    listener(Event::RunFinished);
    results
}

/// What came of one planned hop. Nothing is lost: what has no result was not tested.
fn finished(planned: &Hop, mut parts: Vec<(Arc<Hop>, Option<HopResult>)>, policy: Policy) -> Vec<HopResult> {
    if parts.is_empty() {
        parts.push((Arc::new(planned.clone()), None));
    }
    let untested = |hop: &Hop| HopResult::new(hop, None, verdict::judge(hop, None, policy));
    parts.into_iter().map(|(hop, result)| result.unwrap_or_else(|| untested(&hop))).collect()
}

/// One hop for each address that was found; the hop as it was where none was.
fn expand(hop: &Hop, found: Option<&LookedUp>) -> Vec<Arc<Hop>> {
    let addresses = found.and_then(|(found, _)| found.as_ref().ok());
    let alone = Plan { site: String::new(), hops: vec![hop.clone()], unplanned: Vec::new(), roles: Vec::new() };
    alone.with_addresses(&|_| addresses.cloned()).hops.into_iter().map(Arc::new).collect()
}

/// Of the hops of one name, those that were asked for by their ids. An address that was asked for and is gone from DNS is no reason to
/// probe none: then all are probed.
fn wanted(hops: Vec<Arc<Hop>>, only: &[String]) -> Vec<Arc<Hop>> {
    let asked: Vec<Arc<Hop>> = hops.iter().filter(|h| only.contains(&h.id)).cloned().collect();
    if asked.is_empty() { hops } else { asked }
}

/// What a task brings back.
enum Done {
    /// A name, and what was found; `None` when the run was ended before.
    LookedUp(String, Option<LookedUp>),
    /// A hop, by its place in the plan and its part there, and what was seen of it.
    Probed(usize, usize, Option<Observation>),
}

/// The tasks of a run, and what they share.
struct Crew {
    tools: Arc<Tools>,
    /// Addresses of this machine.
    own: Vec<IpAddr>,
    turns: Arc<Semaphore>,
    pace: Arc<Pace>,
    loopback: bool,
    stop: CancellationToken,
    started: tokio::sync::mpsc::UnboundedSender<Arc<Hop>>,
    tasks: JoinSet<Done>,
}

impl Crew {
    fn look_up(&mut self, name: String, resolver: &Resolver, limit: &Arc<Semaphore>) {
        let (resolver, limit, stop) = (resolver.clone(), limit.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let work = async {
                let _turn = limit.acquire_owned().await;
                let begun = clock::instant();
                let found = resolver.addresses(&name).await;
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

    fn probe(&mut self, place: usize, part: usize, hop: Arc<Hop>, looked_up: Option<LookedUp>) {
        let source = source(&hop.from, &self.own, self.loopback);
        let (tools, turns, pace) = (self.tools.clone(), self.turns.clone(), self.pace.clone());
        let (stop, started) = (self.stop.clone(), self.started.clone());
        self.tasks.spawn(async move {
            let work = async {
                let _turn = turns.acquire_owned().await;
                pace.wait().await;
                let _ = started.send(hop.clone());
                observe(&hop, source, looked_up, &tools).await
            };
            let seen = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                seen = work => seen,
            };
            Done::Probed(place, part, seen)
        });
    }
}

type LookedUp = (Result<Vec<IpAddr>, Failure>, f64);

/// One hop: the look-up that was made for it, then the probe. `None` when nothing could be tried.
async fn observe(hop: &Hop, source: Option<IpAddr>, looked_up: Option<LookedUp>, tools: &Tools) -> Option<Observation> {
    let resolve_step = looked_up.map(|(found, ms)| resolve_step(found, ms));
    let Some(address) = hop.address else {
        let step = resolve_step?;
        let ms = step.ms;
        return Some(Observation {
            hop: hop.id.clone(),
            started: clock::now(),
            ms,
            steps: vec![step],
            evidence: Vec::new(),
            proofs: Vec::new(),
            recognised: None,
        });
    };
    let server_name = match &hop.to.host {
        Host::Named { name, .. } => name.clone(),
        _ => address.to_string(),
    };
    let target = Target { hop, address, server_name, source };
    let mut seen = probe(&target, tools).await;
    for retry in 1..=LOCAL_RETRIES {
        if seen.first_failure().and_then(|s| s.reason) != Some(Reason::LocalResources) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200) * retry).await;
        seen = probe(&target, tools).await;
    }
    if let Some(step) = resolve_step {
        seen.ms += step.ms;
        for other in &mut seen.steps {
            other.at_ms += step.ms;
        }
        seen.steps.insert(0, step);
    }
    Some(seen)
}

fn resolve_step(found: Result<Vec<IpAddr>, Failure>, ms: f64) -> Step {
    let step = Step { step: StepKind::Resolve, ok: true, reason: None, initiator: None, at_ms: 0.0, ms, detail: Detail::new() };
    match found {
        Ok(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
            Step { detail: Detail::from([("addresses".to_owned(), addresses.into())]), ..step }
        }
        Err(Failure { reason, initiator, detail }) => {
            // A resolver that this machine is not set up for is a fault of this machine; any other answer is the name's own.
            let initiator = if initiator == Initiator::Local { Initiator::Local } else { Initiator::Peer };
            Step { ok: false, reason: Some(reason), initiator: Some(initiator), detail, ..step }
        }
    }
}

/// The From host's own address, where the site fixes one that this machine has: a host with several addresses must send from the right one.
fn source(from: &HopEnd, own: &[IpAddr], loopback: bool) -> Option<IpAddr> {
    let fixed: &[IpAddr] = match &from.host {
        Host::Named { addresses, .. } => addresses,
        Host::Address(address) => std::slice::from_ref(address),
        Host::Network(_) | Host::Discover { .. } => &[],
    };
    fixed.iter().copied().find(|a| own.contains(a) || (loopback && a.is_loopback()))
}
