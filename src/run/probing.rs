//! One run of hops: names, probes, second looks, judgements.

use super::ask;
use super::ask::Asking;
use super::concurrency::Turns;
use super::judged::Judged;
use super::probed::Probed;
use super::rate::Pace;
use super::settings::Settings;
use super::tasks::{Done, LookedUp, Tasks};
use super::trace::Walks;
use super::{
    clocks, connection_limit, deny_control, directory, from_other_hops, gone_at_once,
    heard_nothing, held_connection, local, proved_ways, quiet_rows, shut_out, source_ports,
};
use crate::climb::Tools;
use crate::event::Event;
use crate::net::host;
use crate::net::resolve::{Found, Resolver};
use crate::plan::model::{Hop, Plan};
use crate::site::proxy::Proxy;
use crate::verdict::{Judgement, Machine, Policy};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Names that are looked up at a time.
const LOOK_UPS: usize = 32;

/// Probes every hop of the plan and judges it. `stop` ends the run early: what was not begun is
/// not tested. Every hop of the plan is there once, in the order of the plan; a
/// hop to a name with several addresses once for each of them.
///
/// A name is looked up beside the probes: the hops to it wait for the answer, and nobody else does.
pub async fn run(
    plan: &Plan,
    tools: Tools,
    resolver: &Resolver,
    settings: &Settings,
    stop: &CancellationToken,
    mut listener: impl FnMut(Event),
) -> Vec<Judged> {
    let counted_before = local::Counted::now();
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel::<Arc<Hop>>();
    let mut total = plan.hops.len();
    listener(Event::RunStarted { hops: total });
    let this = host::this_host();
    let mut tasks = Tasks {
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
                tasks.probe(place, 0, hop.clone(), None);
                probed[place].push(Probed { hop, seen: None });
            }
        }
    }
    let limit = Arc::new(Semaphore::new(LOOK_UPS));
    for name in waiting.keys() {
        tasks.look_up((*name).to_owned(), resolver, &limit);
    }
    loop {
        tokio::select! {
            Some(hop) = starts.recv() => listener(Event::HopStarted { hop: hop.id.clone() }),
            done = tasks.tasks.join_next() => match done {
                None => break,
                Some(Ok(Done::LookedUp(name, found))) => {
                    for place in waiting.get(name.as_str()).into_iter().flatten().copied() {
                        for hop in wanted(expand(&plan.hops[place], found.as_ref()), &settings.only) {
                            tasks.probe(place, probed[place].len(), hop.clone(), found.clone());
                            probed[place].push(Probed { hop, seen: None });
                        }
                        total += probed[place].len().saturating_sub(1);
                    }
                    listener(Event::RunStarted { hops: total });
                }
                Some(Ok(Done::Probed(place, part, seen))) => {
                    let this = &mut probed[place][part];
                    this.seen = *seen;
                    let verdict = this.judgement(settings.policy).verdict;
                    listener(Event::HopFinished { hop: this.hop.id.clone(), verdict });
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
    let asking =
        Asking { tools: tasks.tools.clone(), pace: tasks.pace.clone(), stop: stop.clone() };
    second_sight(&mut probed, resolver, &asking, settings.policy, counted_before).await;
    let mut judgements: Vec<Judgement> =
        probed.iter().map(|p| p.judgement(settings.policy)).collect();
    deny_control::second_look(&probed, &mut judgements, &asking, &plan.controls, settings.policy)
        .await;
    listener(Event::RunFinished);
    probed.into_iter().zip(judgements).map(|(probed, judged)| Judged::new(probed, judged)).collect()
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
    connection_limit::look(probed, asking).await;
    heard_nothing::look(probed, asking).await;
    let ways = proved_ways::ways(probed);
    from_other_hops::of_listeners(probed, &ways);
    held_connection::look(probed, &ways, asking).await;
    ask::ask(probed, &ways, asking).await;
    ask::ask_about_what_began(probed, &ways, asking).await;
    quiet_rows::look(probed, &ways, asking, policy).await;
    // It has brought proofs of its own.
    from_other_hops::of_listeners(probed, &ways);
    gone_at_once::count(probed, &ways, asking).await;
    from_other_hops::of_changes(probed, &ways, asking).await;
    source_ports::look(probed, asking).await;
    shut_out::look(probed, asking).await;
    clocks::share(probed);
    from_other_hops::of_strangers(probed, policy);
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
