//! Hops that opened and heard nothing before they went silent or were ended. That is the word of
//! one connection, and a way may take the data of some connections and not of others: a way that is
//! shared out by port, a SYN proxy of which the host does not take every handshake, a service that
//! takes only so many at a time. More are made, from as many source ports.

use super::ask::Asking;
use super::probed::Probed;
use super::probed::source;
use crate::matrix::model::{Expect, Protocol};
use crate::observation::{Observation, PortSpread, Step, StepKind};
use crate::plan::model::Hop;
use crate::probe::{self, RangeMode, Target, Tools, plain};
use crate::proto::challenge::ProofOutcome;
use crate::reason::Reason;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Further connections of a hop: where half of all are answered, one hop in 256 finds none.
const CONNECTIONS: u32 = 8;
/// Climbs of a hop with more to do than one connection shows (a range, a silence), until one is
/// answered.
const TRIES: usize = 6;
/// Hops that are looked at so.
const MAX: usize = 128;

/// Looks at the hops that were mute, and takes over what answered.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let mut tasks = JoinSet::new();
    for (place, this) in probed.iter().enumerate().filter(|(_, this)| is_mute_hop(this)).take(MAX) {
        let (hop, source, asking) = (this.hop.clone(), source(this.seen.as_ref()), asking.clone());
        tasks.spawn(async move {
            let stop = asking.stop.clone();
            let answered = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                answered = answered(&hop, source, &asking) => answered,
            };
            (place, answered)
        });
    }
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, Some(seen))) = done {
            probed[place].seen = Some(seen);
        }
    }
}

/// A hop that must be open, leads straight to a host, and of which one connection opened without an
/// answer.
fn is_mute_hop(this: &Probed) -> bool {
    let flow = &this.hop.flow;
    flow.expect == Expect::Allow
        && this.hop.proxy.is_none()
        && flow.relayed_to.is_none()
        && this.seen.as_ref().is_some_and(is_mute)
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
    }) && !seen
        .steps
        .iter()
        .any(|step| step.ok && !matches!(step.step, StepKind::Resolve | StepKind::Connect))
}

/// Whether a rung ended without a word of the other end. An orderly end in the middle of a TLS
/// handshake is a failed handshake, and no alert.
fn is_wordless(step: &Step) -> bool {
    let closed =
        step.reason == Some(Reason::TlsHandshakeFailed) && !step.detail.contains_key("alert");
    closed || step.reason.is_some_and(|reason| MUTE.contains(&reason))
}

/// Climbs the hop on more connections. What was seen on one that was answered, with how many were;
/// `None` where none was, or too few to speak of.
pub(super) async fn answered(
    hop: &Arc<Hop>,
    source: Option<IpAddr>,
    asking: &Asking,
) -> Option<Observation> {
    let tools = Arc::new(Tools { idle: None, range: RangeMode::Never, ..(*asking.tools).clone() });
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        asking.pace.wait().await;
        let (hop, tools) = (hop.clone(), tools.clone());
        tasks.spawn(async move { climb(&hop, source, &tools).await });
    }
    let all: Vec<Observation> = tasks.join_all().await.into_iter().flatten().collect();
    let spread = PortSpread { opened: count(&all), of: CONNECTIONS + 1 };
    let mut seen = all
        .into_iter()
        .filter(counts)
        .min_by_key(|seen| (seen.first_failure().is_some(), !is_proved(seen)))?;
    if hop.flow.protocol == Protocol::Rpc || asking.tools.idle.is_some() {
        seen = whole(hop, source, asking).await.unwrap_or(seen);
    }
    seen.known.answered = Some(spread);
    Some(seen)
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
    Some(probe::once(&target, tools).await)
}

fn count(all: &[Observation]) -> u32 {
    u32::try_from(all.iter().filter(|seen| is_answered(seen)).count()).unwrap_or(CONNECTIONS)
}

/// Whether something came back on a connection.
fn is_answered(seen: &Observation) -> bool {
    let above = |step: &Step| !matches!(step.step, StepKind::Resolve | StepKind::Connect);
    seen.steps.iter().any(|step| above(step) && (step.ok || !is_wordless(step)))
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

    fn seen(steps: &[(StepKind, Option<Reason>)]) -> Observation {
        let step = |(step, reason): &(StepKind, Option<Reason>)| Step {
            step: *step,
            ok: reason.is_none(),
            reason: *reason,
            initiator: None,
            at_ms: 0.0,
            ms: 0.0,
            detail: Default::default(),
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
