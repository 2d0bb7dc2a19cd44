//! Ways that are shared out by source port: half of the connections die, and which ones is luck. Where one attempt of several opened, more are made, so
//! that every hop to that address is told the same.

use super::Probed;
use super::ask::Asking;
use crate::matrix::model::Expect;
use crate::net::dial;
use crate::observation::{Evidence, PortSpread};
use crate::reason::Reason;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections for one hop: the chance that none of eight shows what half of all do is one in 256.
const CONNECTIONS: u32 = 8;
/// Time for each: a second SYN fits into it, so that one lost packet is not taken for a way that is shut.
const TIME: Duration = Duration::from_millis(1400);
/// Hops that are looked at so, and at a time.
const MAX: usize = 48;
const AT_A_TIME: usize = 12;

/// Looks at all hops to addresses where some connections opened and others got no answer.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let suspects = suspects(probed);
    if suspects.is_empty() || asking.stop.is_cancelled() {
        return;
    }
    let limit = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (place, this) in probed.iter().enumerate() {
        let Some((source, to)) = ends(this).filter(|(_, to)| suspects.contains(&to.ip())) else { continue };
        if tasks.len() == MAX {
            break;
        }
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
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, spread)) = done
            && let Some(seen) = &mut probed[place].seen
        {
            seen.known.spread = Some(spread);
        }
    }
}

/// Where a hop's connection comes from and goes to, for hops that must be open and were answered, or were not at all.
fn ends(this: &Probed) -> Option<(Option<IpAddr>, SocketAddr)> {
    let seen = this.seen.as_ref().filter(|_| this.hop.flow.expect == Expect::Allow && this.hop.proxy.is_none())?;
    let failed = seen.first_failure().and_then(|s| s.reason);
    let first = seen.evidence.first().filter(|_| failed.is_none_or(|reason| reason == Reason::TimedOut))?;
    Some((first.source.map(|s| s.ip()), first.destination))
}

/// Addresses to which a second source port opened what a first one could not.
fn suspects(probed: &[Probed]) -> BTreeSet<IpAddr> {
    let evidence = probed.iter().filter_map(|p| p.seen.as_ref()).flat_map(|s| &s.evidence);
    evidence.filter(|e| is_second_port(e)).map(|e| e.destination.ip()).collect()
}

fn is_second_port(evidence: &Evidence) -> bool {
    evidence.outcome.is_none() && evidence.attempts > 1
}
