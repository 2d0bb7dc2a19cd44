//! Ways that take only so many connections at a time from one address, and reject what is more: a
//! run makes many at once, and which of them are rejected is luck. Where a rejected hop opens
//! alone, and is rejected again in a crowd, it is tried once more alone from its first rung to its
//! last.

use super::ask::Asking;
use super::probed::Probed;
use crate::climb::Target;
use crate::matrix::model::Expect;
use crate::net::{clock, dial};
use crate::observation::failure::Failure;
use crate::observation::{Evidence, Observation, PortSpread, StepKind};
use crate::probe;
use crate::reason::Reason;
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Hops that are looked at so.
const MAX: usize = 64;
/// Connections of a crowd, all open at the same time.
const CROWD: u32 = 32;
/// Connections one after the other, and the time between two.
const SINGLY: u32 = 16;
const BETWEEN: Duration = Duration::from_millis(10);
/// Tries of a row of which some source ports get through: so many that one in ten thousand finds
/// none, and no more than these.
const MOST_TRIES: u32 = 96;
const MISSED: f64 = 1e-4;
/// Time between tries.
const PAUSE: Duration = Duration::from_millis(40);
/// Time for each.
const TIME: Duration = Duration::from_millis(1400);

/// Time for the connections of one hop, and for all hops: routers send few ICMP messages in a
/// second, and what they do not send is waited for.
const MOST_FOR_ONE: Duration = Duration::from_secs(3);
const MOST: Duration = Duration::from_secs(10);

/// Looks at the rejected hops to addresses at which others opened.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let mut alone: Vec<(usize, Observation)> = Vec::new();
    let begun = clock::instant();
    for place in rejected_beside_others(probed).into_iter().take(MAX) {
        if asking.stop.is_cancelled() {
            return;
        }
        if clock::since(begun) > MOST {
            break;
        }
        // What was closed before is still being closed on the way.
        tokio::time::sleep(PAUSE).await;
        let (hop, Some((source, to))) = (probed[place].hop.clone(), ends(&probed[place])) else {
            continue;
        };
        let target = Target::new(&hop, to.ip(), source);
        let mut seen = probe::probe(&target, &asking.tools).await;
        if is_rejected(&seen) {
            let tries = tries(one_by_one(source, to, Duration::ZERO).await);
            let first = clock::instant();
            for _ in 0..tries {
                seen = probe::probe(&target, &asking.tools).await;
                if !is_rejected(&seen) || clock::since(first) > MOST_FOR_ONE {
                    break;
                }
            }
        }
        if !is_rejected(&seen) {
            alone.push((place, seen));
        }
    }
    let mut shared_out = BTreeSet::new();
    let mut limits: BTreeMap<SocketAddr, PortSpread> = BTreeMap::new();
    for (place, mut seen) in alone {
        let Some((source, to)) = ends(&probed[place]).filter(|_| clock::since(begun) < MOST * 2)
        else {
            continue;
        };
        // Of a way that is shared out by source port some are rejected one after the other too.
        let singly = one_by_one(source, to, BETWEEN).await;
        if singly.opened < singly.of {
            seen.known.spread = Some(singly);
            probed[place].seen = Some(seen);
            shared_out.insert(to.ip());
            continue;
        }
        // A limit at one port says nothing of another one.
        let limit = match limits.get(&to) {
            Some(limit) => *limit,
            None => {
                tokio::time::sleep(PAUSE).await;
                in_a_crowd(source, to).await
            }
        };
        limits.insert(to, limit);
        // Where a crowd opens, it was rejected for a while, by whatever it was.
        if limit.opened < limit.of {
            seen.known.limit = Some(limit);
            probed[place].seen = Some(seen);
        }
    }
    if !limits.is_empty() {
        tokio::time::sleep(PAUSE).await;
    }
    for this in probed
        .iter_mut()
        .filter(|this| this.hop.address.is_some_and(|address| shared_out.contains(&address)))
    {
        let (Some((source, to)), Some(seen)) = (ends(this), &mut this.seen) else { continue };
        if this.hop.flow.expect == Expect::Allow
            && this.hop.proxy.is_none()
            && seen.known.spread.is_none()
            && seen.first_failure().is_none()
            && clock::since(begun) < MOST * 2
        {
            seen.known.spread = Some(one_by_one(source, to, BETWEEN).await);
        }
    }
}

/// How often a way is tried of which a part of the connections opens, until one does. None where
/// none opens.
fn tries(spread: PortSpread) -> u32 {
    let shut = f64::from(spread.of.saturating_sub(spread.opened)) / f64::from(spread.of.max(1));
    match spread.opened {
        0 => 0,
        _ if shut <= 0.0 => 1,
        _ => (1..MOST_TRIES).find(|n| shut.powf(f64::from(*n)) < MISSED).unwrap_or(MOST_TRIES),
    }
}

/// How many of some connections open, each closed before the next one.
async fn one_by_one(source: Option<IpAddr>, to: SocketAddr, between: Duration) -> PortSpread {
    let (mut spread, begun) = (PortSpread { opened: 0, of: 0 }, clock::instant());
    while spread.of < SINGLY && clock::since(begun) < MOST_FOR_ONE {
        spread.of += 1;
        spread.opened += u32::from(dial::connect(source, to, TIME, 0).await.1.is_ok());
        tokio::time::sleep(between).await;
    }
    spread
}

/// How many of a crowd open.
async fn in_a_crowd(source: Option<IpAddr>, to: SocketAddr) -> PortSpread {
    let held = join_all((0..CROWD).map(|_| dial::connect(source, to, TIME, 0))).await;
    // A connection that this machine had no room for says nothing of the way.
    let told = held.iter().filter(|(_, outcome)| {
        !outcome.as_ref().is_err_and(|f| f.reason == Reason::LocalResources)
    });
    // What is reset once it is open has opened: the other end may have its own limit.
    let opens = |outcome: &Result<_, Failure>| {
        outcome.as_ref().err().is_none_or(|f| f.reason == Reason::ResetAfterConnect)
    };
    let opened = told.clone().filter(|(_, outcome)| opens(outcome)).count();
    PortSpread {
        opened: u32::try_from(opened).unwrap_or(CROWD),
        of: u32::try_from(told.count()).unwrap_or(CROWD),
    }
}

/// Where the attempt came from that decided, and where it went.
fn ends(this: &Probed) -> Option<(Option<IpAddr>, SocketAddr)> {
    let attempt = Evidence::decisive(&this.seen.as_ref()?.evidence)?;
    Some((attempt.source.map(|s| s.ip()), attempt.destination))
}

fn rejected_beside_others(probed: &[Probed]) -> Vec<usize> {
    let evidence = probed.iter().filter_map(|p| p.seen.as_ref()).flat_map(|s| &s.evidence);
    let opened: BTreeSet<IpAddr> =
        evidence.filter(|e| e.outcome.is_none()).map(|e| e.destination.ip()).collect();
    let rejected = |this: &Probed| {
        this.hop.flow.expect == Expect::Allow
            && this.hop.proxy.is_none()
            && this.hop.address.is_some_and(|address| opened.contains(&address))
            && this.seen.as_ref().is_some_and(is_rejected)
    };
    probed.iter().enumerate().filter(|(_, this)| rejected(this)).map(|(place, _)| place).collect()
}

fn is_rejected(seen: &Observation) -> bool {
    let step = seen.first_failure();
    step.is_some_and(|s| {
        s.step == StepKind::Connect && s.reason().is_some_and(|reason| REJECTED.contains(&reason))
    })
}

/// How a connection ends that is one too many.
const REJECTED: &[Reason] = &[
    Reason::Refused,
    Reason::Rejected,
    Reason::AdminProhibited,
    Reason::PortUnreachable,
    Reason::HostUnreachable,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_open_the_more_often_it_is_tried() {
        let tries = |opened| tries(PortSpread { opened, of: 16 });
        assert_eq!((tries(0), tries(16)), (0, 1));
        assert_eq!(tries(8), 14, "of halves, one in 16,384 finds none");
        assert!((1..16).all(|opened| tries(opened) >= tries(opened + 1)));
        assert_eq!(tries(1), MOST_TRIES);
    }
}
