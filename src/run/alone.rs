//! Ways that take only so many connections at a time from one address, and reject what is more: a run makes many at once, and which of them are rejected is
//! luck. Where a rejected hop opens alone, and is rejected again in a crowd, it is tried once more alone from its first rung to its last.

use super::Probed;
use super::ask::Asking;
use super::crew::server_name;
use crate::matrix::model::Expect;
use crate::net::dial;
use crate::observation::{Evidence, PortSpread, StepKind};
use crate::probe::{self, Target};
use crate::reason::Reason;
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Hops that are looked at so.
const MAX: usize = 64;
/// Connections of a crowd, all open at the same time.
const CROWD: u32 = 32;
/// Time for each.
const TIME: Duration = Duration::from_millis(1400);

/// Looks at the rejected hops to addresses at which others opened.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let rejected: Vec<usize> = rejected_beside_others(probed).into_iter().take(MAX).collect();
    for place in rejected {
        if asking.stop.is_cancelled() {
            return;
        }
        let Some((source, to)) = ends(&probed[place]) else { continue };
        if dial::connect(source, to, TIME, 0).await.1.is_err() {
            continue;
        }
        let limit = in_a_crowd(source, to).await;
        if limit.opened == limit.of {
            // It was rejected for a while, by whatever it was.
            continue;
        }
        let hop = probed[place].hop.clone();
        let server_name = server_name(&hop, to.ip());
        let target = Target { hop: &hop, address: to.ip(), server_name, source, places: None, question: None, small_segments: false };
        let mut seen = probe::probe(&target, &asking.tools).await;
        seen.known.limit = Some(limit);
        probed[place].seen = Some(seen);
    }
}

/// How many of a crowd open.
async fn in_a_crowd(source: Option<IpAddr>, to: SocketAddr) -> PortSpread {
    let held = join_all((0..CROWD).map(|_| dial::connect(source, to, TIME, 0))).await;
    // A connection that this machine had no room for says nothing of the way.
    let told = held.iter().filter(|(_, outcome)| !outcome.as_ref().is_err_and(|f| f.reason == Reason::LocalResources));
    let opened = told.clone().filter(|(_, outcome)| outcome.is_ok()).count();
    PortSpread { opened: u32::try_from(opened).unwrap_or(CROWD), of: u32::try_from(told.count()).unwrap_or(CROWD) }
}

/// Where the attempt came from that decided, and where it went.
fn ends(this: &Probed) -> Option<(Option<IpAddr>, SocketAddr)> {
    let attempt = Evidence::decisive(&this.seen.as_ref()?.evidence)?;
    Some((attempt.source.map(|s| s.ip()), attempt.destination))
}

fn rejected_beside_others(probed: &[Probed]) -> Vec<usize> {
    let evidence = probed.iter().filter_map(|p| p.seen.as_ref()).flat_map(|s| &s.evidence);
    let opened: BTreeSet<IpAddr> = evidence.filter(|e| e.outcome.is_none()).map(|e| e.destination.ip()).collect();
    let rejected = |this: &Probed| {
        let step = this.seen.as_ref().and_then(|s| s.first_failure());
        this.hop.flow.expect == Expect::Allow
            && this.hop.proxy.is_none()
            && this.hop.address.is_some_and(|address| opened.contains(&address))
            && step.is_some_and(|s| s.step == StepKind::Connect && s.reason.is_some_and(|reason| REJECTED.contains(&reason)))
    };
    probed.iter().enumerate().filter(|(_, this)| rejected(this)).map(|(place, _)| place).collect()
}

/// How a connection ends that is one too many.
const REJECTED: &[Reason] =
    &[Reason::Refused, Reason::Rejected, Reason::AdminProhibited, Reason::PortUnreachable, Reason::HostUnreachable, Reason::ResetAfterConnect];
