//! Hops that opened and heard nothing before they went silent or were ended. That is the word of
//! one connection, and a way may take the data of some connections and not of others: a way that is
//! shared out by port, a SYN proxy of which the host does not take every handshake, a service that
//! takes only so many at a time. More are made, from as many source ports.

use super::ask::Asking;
use super::probed::{Probed, source};
use crate::climb::{RangeMode, Target, Tools, plain};
use crate::matrix::model::{Expect, Protocol};
use crate::observation::{Observation, PortSpread, Step, StepKind};
use crate::plan::model::Hop;
use crate::protocol;
use crate::reason::Reason;
use crate::wire::challenge::ProofOutcome;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Further connections of a hop: where half of all are answered, one hop in 65,536 finds none.
const CONNECTIONS: u32 = 16;
/// Climbs of a hop with more to do than one connection shows (a range, a silence), until one is
/// answered.
const TRIES: usize = 12;
/// Hops that are looked at so.
const MAX: usize = 128;
/// Of those that were answered, at a time: a listener takes only so many connections of one peer,
/// and whoever it turns away has heard nothing.
const AT_A_TIME: usize = 8;

/// Looks at the hops that were mute, and takes over what answered. Where an address answers some
/// connections and not others, its other hops were answered by luck: they are looked at as well.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let mute = places(probed, |this| this.seen.as_ref().is_some_and(is_mute));
    for (place, seen) in on_more(probed, &mute, MAX, asking, answered).await {
        probed[place].seen = Some(seen);
    }
    let some = |this: &&Probed| {
        let answered = this.seen.as_ref().and_then(|seen| seen.known.answered);
        answered.is_some_and(|spread| spread.opened < spread.of)
    };
    let at: BTreeSet<IpAddr> = probed.iter().filter(some).filter_map(|p| p.hop.address).collect();
    let lucky = places(probed, |this| {
        let seen = this.seen.as_ref().filter(|seen| seen.known.answered.is_none());
        this.hop.address.is_some_and(|address| at.contains(&address)) && seen.is_some_and(counts)
    });
    for (place, others) in on_more(probed, &lucky, AT_A_TIME, asking, connections).await {
        let spread = PortSpread { opened: count(&others) + 1, of: CONNECTIONS + 1 };
        if let Some(seen) = probed[place].seen.as_mut().filter(|_| spread.opened < spread.of) {
            seen.known.answered = Some(spread);
        }
    }
}

/// Of the hops that must be open and lead straight to a host, those that are wanted.
fn places(probed: &[Probed], wanted: impl Fn(&Probed) -> bool) -> Vec<usize> {
    let straight = |this: &Probed| {
        let flow = &this.hop.flow;
        flow.expect == Expect::Allow && this.hop.proxy.is_none() && flow.relayed_to.is_none()
    };
    let all = probed.iter().enumerate().filter(|(_, this)| straight(this) && wanted(this));
    all.map(|(place, _)| place).take(MAX).collect()
}

/// Does the same for some hops, so many of them at a time, until the run is stopped.
async fn on_more<T: Send + 'static, F: Future<Output = Option<T>> + Send + 'static>(
    probed: &[Probed],
    places: &[usize],
    at_a_time: usize,
    asking: &Asking,
    work: impl Fn(Arc<Hop>, Option<IpAddr>, Asking) -> F,
) -> Vec<(usize, T)> {
    let (limit, mut tasks) = (Arc::new(Semaphore::new(at_a_time)), JoinSet::new());
    for place in places.iter().copied() {
        let this = &probed[place];
        let work = work(this.hop.clone(), source(this.seen.as_ref()), asking.clone());
        let (stop, limit) = (asking.stop.clone(), limit.clone());
        tasks.spawn(async move {
            let _turn = limit.acquire_owned().await;
            let done = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                done = work => done,
            };
            done.map(|done| (place, done))
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// Ends of a connection on which nobody has said a word.
const MUTE: [Reason; 3] =
    [Reason::SilentAfterConnect, Reason::ResetAfterConnect, Reason::ClosedAfterConnect];

/// Whether a connection opened and nothing was heard on it: what ends later, at something large or
/// after a silence, has been answered before.
pub(super) fn is_mute(seen: &Observation) -> bool {
    seen.first_failure().is_some_and(|step| {
        is_wordless(step)
            && !matches!(step.step, StepKind::Payload | StepKind::Idle | StepKind::Connect)
    }) && !seen.steps.iter().any(|step| {
        step.is_climbed() && !matches!(step.step, StepKind::Resolve | StepKind::Connect)
    })
}

/// Whether a rung ended without a word of the other end. An orderly end in the middle of a TLS
/// handshake is a failed handshake, and no alert.
fn is_wordless(step: &Step) -> bool {
    let closed =
        step.reason() == Some(Reason::TlsHandshakeFailed) && step.facts.ended.alert.is_none();
    closed || step.reason().is_some_and(|reason| MUTE.contains(&reason))
}

/// Climbs the hop on more connections. What was seen on one that was answered, with how many were;
/// `None` where none was, or too few to speak of.
pub(super) async fn answered(
    hop: Arc<Hop>,
    source: Option<IpAddr>,
    asking: Asking,
) -> Option<Observation> {
    let all = connections(hop.clone(), source, asking.clone()).await?;
    let spread = PortSpread { opened: count(&all), of: CONNECTIONS + 1 };
    let mut seen = all
        .into_iter()
        .filter(counts)
        .min_by_key(|seen| (seen.first_failure().is_some(), !is_proved(seen)))?;
    if hop.flow.protocol == Protocol::Rpc || asking.tools.idle.is_some() {
        // Of what was not looked at nothing is known.
        seen = whole(&hop, source, &asking).await?;
    }
    seen.known.answered = Some(spread);
    Some(seen)
}

/// More connections, with what one of them shows.
async fn connections(
    hop: Arc<Hop>,
    source: Option<IpAddr>,
    asking: Asking,
) -> Option<Vec<Observation>> {
    let tools = Arc::new(Tools { idle: None, range: RangeMode::Never, ..(*asking.tools).clone() });
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        asking.pace.wait().await;
        let (hop, tools) = (hop.clone(), tools.clone());
        tasks.spawn(async move { climb(&hop, source, &tools).await });
    }
    Some(tasks.join_all().await.into_iter().flatten().collect())
}

/// The whole of a hop, with what takes time, on a connection that is answered.
async fn whole(hop: &Hop, source: Option<IpAddr>, asking: &Asking) -> Option<Observation> {
    for _ in 0..TRIES {
        asking.pace.wait().await;
        let seen = climb(hop, source, &asking.tools).await?;
        if counts(&seen) {
            return Some(seen);
        }
    }
    None
}

async fn climb(hop: &Hop, source: Option<IpAddr>, tools: &Tools) -> Option<Observation> {
    let address = hop.address?;
    let target = Target::new(hop, address, source);
    Some(protocol::once(&target, tools).await)
}

fn count(all: &[Observation]) -> u32 {
    u32::try_from(all.iter().filter(|seen| is_answered(seen)).count()).unwrap_or(CONNECTIONS)
}

/// Whether something came back on a connection.
fn is_answered(seen: &Observation) -> bool {
    let above = |step: &Step| !matches!(step.step, StepKind::Resolve | StepKind::Connect);
    seen.steps.iter().any(|step| above(step) && (step.is_climbed() || !is_wordless(step)))
}

/// Whether a connection was answered by the host that has the address. Where a device leads
/// connections to several hosts the worst of them counts, and that one was silent.
fn counts(seen: &Observation) -> bool {
    let elsewhere = |proof: &ProofOutcome| match proof {
        ProofOutcome::Valid { claims, .. } => {
            seen.evidence.iter().all(|e| plain(e.destination).ip() != plain(claims.local).ip())
        }
        _ => false,
    };
    is_answered(seen) && !seen.proofs.iter().any(elsewhere)
}

fn is_proved(seen: &Observation) -> bool {
    seen.proofs.iter().any(|proof| matches!(proof, ProofOutcome::Valid { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::clock;
    use crate::observation::Outcome;

    fn seen(steps: &[(StepKind, Option<Reason>)]) -> Observation {
        let step = |(step, reason): &(StepKind, Option<Reason>)| Step {
            step: *step,
            outcome: Outcome::of(reason.is_none(), *reason, None),
            at_ms: 0.0,
            ms: 0.0,
            facts: Default::default(),
        };
        Observation::of_steps("hop", clock::steady(), 0.0, steps.iter().map(step).collect())
    }

    #[test]
    fn what_is_mute_and_what_is_answered() {
        use StepKind::{Connect, Http, Payload, Proof, Tls};
        let silent = Some(Reason::SilentAfterConnect);
        let told = |steps: &[(StepKind, Option<Reason>)]| {
            (is_mute(&seen(steps)), is_answered(&seen(steps)))
        };
        assert_eq!(told(&[(Connect, None), (Http, silent)]), (true, false));
        assert_eq!(told(&[(Connect, None), (Proof, silent)]), (true, false));
        assert_eq!(
            told(&[(Connect, None), (Tls, None), (Http, silent)]),
            (false, true),
            "it has spoken before"
        );
        assert_eq!(
            told(&[(Connect, None), (Http, None), (Payload, silent)]),
            (false, true),
            "it is silent at something large"
        );
        assert_eq!(told(&[(Connect, Some(Reason::TimedOut))]), (false, false));
        assert_eq!(told(&[(Connect, None)]), (false, false), "nothing was said");
        assert_eq!(
            told(&[(Connect, None), (Http, Some(Reason::ResetAfterConnect))]),
            (true, false),
            "its end is no answer"
        );
        assert_eq!(told(&[(Connect, None), (Http, Some(Reason::HttpStatus))]), (false, true));
    }
}
