//! The engine: one run of hops under a rate, a concurrency limit, deadlines and cancellation. The only caller of `verdict`.

mod control;
mod pace;

use crate::event::Event;
use crate::net::failure::Failure;
use crate::net::resolve::Resolver;
use crate::net::{clock, host};
use crate::observation::{Detail, Initiator, Observation, Step, StepKind};
use crate::plan::address::without_address;
use crate::plan::model::{Hop, HopEnd, Plan};
use crate::probe::{Target, Tools, probe};
use crate::reason::Reason;
use crate::result::HopResult;
use crate::site::model::Host;
use crate::verdict::{self, Policy};
use pace::Pace;
use std::collections::{BTreeMap, BTreeSet};
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

/// Resolves the names of the plan's To side, all at once: name → addresses, or why there are none.
pub async fn resolve(plan: &Plan, resolver: &Resolver) -> BTreeMap<String, (Result<Vec<IpAddr>, Failure>, f64)> {
    let names: BTreeSet<String> = plan
        .hops
        .iter()
        .filter(|h| h.address.is_none())
        .filter_map(|h| match &h.to.host {
            Host::Named { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect();
    let mut tasks = JoinSet::new();
    let limit = Arc::new(Semaphore::new(32));
    for name in names {
        let (resolver, limit) = (resolver.clone(), limit.clone());
        tasks.spawn(async move {
            let _turn = limit.acquire_owned().await;
            let begun = clock::instant();
            let found = resolver.addresses(&name).await;
            (name, (found, clock::ms_since(begun)))
        });
    }
    let mut found = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        found.extend(done.ok());
    }
    found
}

/// Probes every hop of the plan and judges it. `stop` ends the run early: what was not begun is reported as not tested.
pub async fn run(
    plan: &Plan,
    tools: Tools,
    resolver: &Resolver,
    settings: &Settings,
    stop: &CancellationToken,
    mut listener: impl FnMut(Event<'_>),
) -> Vec<HopResult> {
    let names = resolve(plan, resolver).await;
    let mut plan = plan.with_addresses(&|name| names.get(name).and_then(|(found, _)| found.as_ref().ok().cloned()));
    let known: BTreeSet<String> = plan.hops.iter().map(|h| h.id.clone()).collect();
    // A name whose addresses changed since the id was written down is probed at all of them rather than not at all.
    let wanted = |hop: &Hop| {
        settings.only.is_empty()
            || settings.only.contains(&hop.id)
            || settings.only.iter().any(|id| without_address(id) == without_address(&hop.id) && !known.contains(id))
    };
    plan.hops.retain(wanted);
    listener(Event::RunStarted { hops: plan.hops.len() });

    let tools = Arc::new(tools);
    let own: Arc<Vec<IpAddr>> = Arc::new(host::this_host().addresses);
    let turns = Arc::new(Semaphore::new(settings.concurrency.max(1)));
    let pace = Arc::new(Pace::new(settings.rate));
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel::<usize>();
    let hops: Vec<Arc<Hop>> = plan.hops.into_iter().map(Arc::new).collect();
    let mut tasks = JoinSet::new();
    for (index, hop) in hops.iter().enumerate() {
        let looked_up = match &hop.to.host {
            Host::Named { name, .. } => names.get(name).cloned(),
            _ => None,
        };
        let source = source(&hop.from, &own, settings.loopback_sources);
        let (hop, tools, turns, pace, stop, started) =
            (hop.clone(), tools.clone(), turns.clone(), pace.clone(), stop.clone(), started.clone());
        tasks.spawn(async move {
            let work = async {
                let _turn = turns.acquire_owned().await;
                pace.wait().await;
                let _ = started.send(index);
                observe(&hop, source, looked_up, &tools).await
            };
            let seen = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                seen = work => seen,
            };
            (index, seen)
        });
    }
    drop(started);

    let mut results: Vec<Option<HopResult>> = hops.iter().map(|_| None).collect();
    loop {
        tokio::select! {
            Some(index) = starts.recv() => listener(Event::HopStarted { hop: &hops[index].id }),
            done = tasks.join_next() => match done {
                None => break,
                Some(Ok((index, seen))) => {
                    let judgement = verdict::judge(&hops[index], seen.as_ref(), settings.policy);
                    let result = HopResult::new(&hops[index], seen.as_ref(), judgement);
                    listener(Event::HopFinished { result: &result });
                    results[index] = Some(result);
                }
                // A task that ended by itself left its hop without an observation: not tested.
                Some(Err(error)) => tracing::error!(%error, "a probe ended by itself"),
            },
        }
    }
    let results = hops
        .iter()
        .zip(results)
        .map(|(hop, result)| result.unwrap_or_else(|| HopResult::new(hop, None, verdict::judge(hop, None, settings.policy))))
        .collect();
    let results = control::second_look(results);
    listener(Event::RunFinished);
    results
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
