//! Ways that are shared out by source port: half of the connections die, and which ones is luck.
//! Where one attempt of several opened, more are made, so that every hop to that address is told
//! the same.

use super::ask::Asking;
use super::probed::{Probed, source};
use crate::climb::{Target, Tools};
use crate::matrix::model::Expect;
use crate::net::dial;
use crate::observation::{Evidence, Observation, PortSpread, StepKind};
use crate::plan::model::Hop;
use crate::probe;
use crate::reason::Reason;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections for one hop: the chance that sixteen do not show what half of all do is one in
/// 32,768.
const CONNECTIONS: u32 = 16;
/// Time for each: a second SYN fits into it, so that one lost packet is not taken for a way that is
/// shut.
const TIME: Duration = Duration::from_millis(1400);
/// Tries of a hop of which an eighth opens: one in 25 finds none.
const TRIES: usize = 24;
/// Hops that are looked at so, and at a time.
const MAX: usize = 48;
const AT_A_TIME: usize = 12;

/// Looks at the silent hops to addresses that answer others; and, where some connections open and
/// others get no answer, at all hops there.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let mut suspects = suspects(probed);
    let silent = silent_beside_others(probed);
    let silent: Vec<Job> =
        jobs(probed, |place, to| silent.contains(&place) && !suspects.contains(&to.ip()));
    for (place, spread) in connect(silent, asking).await {
        if spread.opened > 0
            && let Some((_, to)) = ends(&probed[place])
        {
            suspects.insert(to.ip());
        }
    }
    let all = jobs(probed, |_, to| suspects.contains(&to.ip()));
    let spreads = connect(all, asking).await;
    let mut tasks = JoinSet::new();
    for (place, spread) in &spreads {
        let Some(seen) = &mut probed[*place].seen else { continue };
        seen.known.spread = Some(*spread);
        if seen.first_failure().is_some()
            && spread.opened < spread.of
            && spread.opened * 8 >= spread.of
        {
            let (place, hop, source, asking) = (
                *place,
                probed[*place].hop.clone(),
                source(probed[*place].seen.as_ref()),
                asking.clone(),
            );
            tasks.spawn(async move { (place, until_open(&hop, source, &asking).await) });
        }
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, Some(mut seen))) = done {
            seen.known.spread = probed[place].seen.as_ref().and_then(|s| s.known.spread);
            probed[place].seen = Some(seen);
        }
    }
}

/// Tries a silent hop to which others of as many connections open until one does: that some open
/// shows nothing of who answers there.
async fn until_open(hop: &Hop, source: Option<IpAddr>, asking: &Asking) -> Option<Observation> {
    let address = hop.address?;
    let target = Target::new(hop, address, source);
    let tools = Tools {
        connect_deadline: TIME.min(asking.tools.connect_deadline),
        retries: 0,
        ..(*asking.tools).clone()
    };
    for _ in 0..TRIES {
        if asking.stop.is_cancelled() {
            break;
        }
        asking.pace.wait().await;
        let seen = probe::probe(&target, &tools).await;
        if seen.steps.iter().any(|s| s.is_climbed() && s.step == StepKind::Connect) {
            return Some(seen);
        }
    }
    None
}

/// A hop, by its place, and the ends of its connections.
type Job = (usize, Option<IpAddr>, SocketAddr);

fn jobs(probed: &[Probed], wanted: impl Fn(usize, SocketAddr) -> bool) -> Vec<Job> {
    let all = probed
        .iter()
        .enumerate()
        .filter_map(|(place, this)| ends(this).map(|(source, to)| (place, source, to)));
    all.filter(|(place, _, to)| wanted(*place, *to)).take(MAX).collect()
}

/// Makes several connections for each.
async fn connect(jobs: Vec<Job>, asking: &Asking) -> Vec<(usize, PortSpread)> {
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (place, source, to) in jobs.into_iter().filter(|_| !asking.stop.is_cancelled()) {
        let limit = limit.clone();
        tasks.spawn(async move {
            let _turn = limit.acquire_owned().await;
            let mut attempts = JoinSet::new();
            for _ in 0..CONNECTIONS {
                attempts.spawn(async move { dial::connect(source, to, TIME, 0).await.1.is_ok() });
            }
            let mut opened = 0;
            while let Some(done) = attempts.join_next().await {
                opened += u32::from(done.unwrap_or_default());
            }
            (place, PortSpread { opened, of: CONNECTIONS })
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done.ok());
    }
    all
}

/// Hops that were silent, to addresses at which others opened.
fn silent_beside_others(probed: &[Probed]) -> BTreeSet<usize> {
    let opened: BTreeSet<IpAddr> = probed
        .iter()
        .filter_map(|p| p.seen.as_ref())
        .flat_map(|s| &s.evidence)
        .filter(|e| e.outcome.is_none())
        .map(|e| e.destination.ip())
        .collect();
    let silent = |p: &Probed| {
        p.seen.as_ref().and_then(|s| s.first_failure()).and_then(|s| s.reason())
            == Some(Reason::TimedOut)
    };
    let all = probed
        .iter()
        .enumerate()
        .filter(|(_, p)| silent(p) && p.hop.address.is_some_and(|a| opened.contains(&a)));
    all.map(|(place, _)| place).collect()
}

/// Where a hop's connection comes from and goes to, for hops that must be open and were answered,
/// or were not at all.
fn ends(this: &Probed) -> Option<(Option<IpAddr>, SocketAddr)> {
    let seen = this
        .seen
        .as_ref()
        .filter(|_| this.hop.flow.expect == Expect::Allow && this.hop.proxy.is_none())?;
    let failed = seen.first_failure().and_then(|s| s.reason());
    let first =
        seen.evidence.first().filter(|_| failed.is_none_or(|reason| reason == Reason::TimedOut))?;
    Some((first.source.map(|s| s.ip()), first.destination))
}

/// Addresses to which a second source port opened what a first one could not.
fn suspects(probed: &[Probed]) -> BTreeSet<IpAddr> {
    let evidence = probed.iter().filter_map(|p| p.seen.as_ref()).flat_map(|s| &s.evidence);
    evidence.filter(|e| is_second_port(e)).map(|e| e.destination.ip()).collect()
}

fn is_second_port(evidence: &Evidence) -> bool {
    evidence.outcome.is_none() && evidence.attempt > 1
}
