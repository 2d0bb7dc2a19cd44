//! The engine: one run of hops under a rate, a concurrency limit, deadlines and cancellation. The
//! only caller of `verdict`.

mod alone;
mod ask;
mod clocks;
mod control;
mod crew;
mod directory;
mod held;
mod known;
mod local;
mod mute;
mod once_more;
mod pace;
mod probed;
pub mod published;
mod revocation;
mod row;
mod sample;
mod shots;
mod shut_out;
mod spoken;
mod spread;
mod trace;
mod turns;
mod ways;
mod whose;

use crate::event::Event;
use crate::net::host;
use crate::net::resolve::{Found, Resolver};
use crate::plan::model::{Hop, Plan};
use crate::probe::Tools;
use crate::result::HopResult;
use crate::site::proxy::Proxy;
use crate::verdict::{Judgement, Machine, Policy};
use ask::Asking;
use crew::{Crew, Done, LookedUp};
pub use directory::nearness;
use pace::Pace;
use probed::Probed;
pub use revocation::revocation;
pub use sample::sample;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
pub use trace::TraceWhen;
use trace::Walks;
use turns::Turns;

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
    /// When the way to a destination is walked.
    pub trace: TraceWhen,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rate: RATE,
            concurrency: CONCURRENCY,
            policy: Policy::default(),
            only: Vec::new(),
            loopback_sources: false,
            trace: TraceWhen::default(),
        }
    }
}

/// Probes begun per second, unless said otherwise: a thousand dropped hops are known a second after
/// their deadline, and no firewall takes a thousand SYNs a second to one site for a flood.
pub const RATE: u32 = 1000;

/// Connections of range sweeps begun per second, all sweeps together, unless said otherwise: less
/// than what guards against SYN floods take for one (2000 SYNs a second to one host is a common
/// threshold, FortiGate's `tcp_syn_flood`).
pub const SWEEP_RATE: u32 = 1500;

/// Probes at a time, unless said otherwise. Most of their time they wait: those to a shut port for
/// the whole deadline.
pub const CONCURRENCY: usize = 1024;

/// Names that are looked up at a time.
const LOOK_UPS: usize = 32;

/// Probes every hop of the plan and judges it. `stop` ends the run early: what was not begun is
/// reported as not tested. Every hop of the plan is in the result once, in the order of the plan; a
/// hop to a name with several addresses once for each of them.
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
    let counted_before = local::Counted::now();
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel::<Arc<Hop>>();
    let mut total = plan.hops.len();
    listener(Event::RunStarted { hops: total });
    let this = host::this_host();
    let mut crew = Crew {
        tools: Arc::new(tools),
        own: Machine { name: this.name.clone(), addresses: this.addresses.clone() },
        turns: Turns::new(settings.concurrency),
        pace: Arc::new(Pace::new(settings.rate)),
        loopback: settings.loopback_sources,
        stop: stop.clone(),
        places: HashMap::new(),
        walks: Arc::new(Walks::new(settings.trace)),
        started,
        tasks: JoinSet::new(),
        last: None,
    };
    // By place in the plan: the hops that came of it.
    let mut probed: Vec<Vec<Probed>> = plan.hops.iter().map(|_| Vec::new()).collect();
    let mut waiting: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, hop) in plan.hops.iter().enumerate() {
        match hop.name_to_look_up() {
            Some(name) => waiting.entry(name).or_default().push(place),
            None => {
                let hop = Arc::new(hop.clone());
                crew.probe(place, 0, hop.clone(), None);
                probed[place].push(Probed { hop, seen: None });
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
                            crew.probe(place, probed[place].len(), hop.clone(), found.clone());
                            probed[place].push(Probed { hop, seen: None });
                        }
                        total += probed[place].len().saturating_sub(1);
                    }
                    listener(Event::RunStarted { hops: total });
                }
                Some(Ok(Done::Probed(place, part, seen))) => {
                    let this = &mut probed[place][part];
                    this.seen = *seen;
                    listener(Event::HopFinished { result: &this.judge(settings.policy) });
                }
                // A task that ended by itself left its hop without an observation: not tested.
                Some(Err(error)) => tracing::error!(%error, "a probe ended by itself"),
            },
        }
    }
    // Nothing is lost: a planned hop of which nothing came was not tested.
    let untested = |planned: &Hop| vec![Probed { hop: Arc::new(planned.clone()), seen: None }];
    let parts = plan
        .hops
        .iter()
        .zip(probed)
        .flat_map(|(planned, parts)| if parts.is_empty() { untested(planned) } else { parts });
    let mut probed: Vec<Probed> = parts.collect();
    let asking = Asking { tools: crew.tools.clone(), pace: crew.pace.clone(), stop: stop.clone() };
    second_sight(&mut probed, resolver, &asking, settings.policy, counted_before).await;
    let mut judgements: Vec<Judgement> =
        probed.iter().map(|p| p.judgement(settings.policy)).collect();
    control::second_look(&probed, &mut judgements, &asking, &plan.controls, settings.policy).await;
    let results = probed
        .iter()
        .zip(judgements)
        .map(|(p, judgement)| {
            whose::signed(HopResult::new(&p.hop, p.seen.as_ref(), judgement), &p.hop, &this)
        })
        .collect();
    listener(Event::RunFinished);
    results
}

/// What others know of each hop: the listeners, this machine's kernel, and the other hops.
async fn second_sight(
    probed: &mut [Probed],
    resolver: &Resolver,
    asking: &Asking,
    policy: Policy,
    counted_before: local::Counted,
) {
    local::look(probed, asking, counted_before).await;
    local::look_at_resets(probed, asking).await;
    alone::look(probed, asking).await;
    mute::look(probed, asking).await;
    let ways = ways::ways(probed);
    known::of_listeners(probed, &ways);
    held::look(probed, &ways, asking).await;
    ask::ask(probed, &ways, asking).await;
    ask::ask_about_what_began(probed, &ways, asking).await;
    spoken::look(probed, &ways, asking, policy).await;
    // It has brought proofs of its own.
    known::of_listeners(probed, &ways);
    shots::count(probed, &ways, asking).await;
    known::of_changes(probed, &ways, asking).await;
    spread::look(probed, asking).await;
    shut_out::look(probed, asking).await;
    clocks::share(probed);
    known::of_strangers(probed, policy);
    if !asking.stop.is_cancelled() {
        directory::verify_pdcs(probed, resolver).await;
    }
}

/// One hop for each address that was found; the hop as it was where none was. Of a cloud service,
/// which has addresses of both families for everybody, only those of the families that this machine
/// uses.
fn expand(hop: &Hop, found: Option<&LookedUp>) -> Vec<Arc<Hop>> {
    if let Some(proxy) = &hop.proxy {
        let addresses = found
            .and_then(|(found, _)| found.as_ref().ok())
            .map(Found::routable)
            .unwrap_or_default();
        let proxy = Some(Arc::new(Proxy::clone(proxy).at(addresses)));
        return vec![Arc::new(Hop { proxy, ..hop.clone() })];
    }
    let addresses = found.and_then(|(found, _)| found.as_ref().ok());
    let alone = Plan {
        site: String::new(),
        hops: vec![hop.clone()],
        inside: Vec::new(),
        unplanned: Vec::new(),
        roles: Vec::new(),
        controls: Vec::new(),
        missing: Vec::new(),
    };
    alone
        .with_addresses(&|_| {
            addresses.map(|found| {
                if hop.class.is_some() { found.routable() } else { found.addresses.clone() }
            })
        })
        .hops
        .into_iter()
        .map(Arc::new)
        .collect()
}

/// Of the hops of one name, those that were asked for by their ids. An address that was asked for
/// and is gone from DNS is no reason to probe none: then all are probed.
fn wanted(hops: Vec<Arc<Hop>>, only: &[String]) -> Vec<Arc<Hop>> {
    let asked: Vec<Arc<Hop>> = hops.iter().filter(|h| only.contains(&h.id)).cloned().collect();
    if asked.is_empty() { hops } else { asked }
}
