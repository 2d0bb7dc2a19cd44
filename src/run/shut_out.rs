//! Ways that worked in this run and work no more at its end: a guard has shut this machine out, or
//! the way broke. What failed to the same address then shows no rule.

use super::ask::Asking;
use super::once_more::best_of_some;
use super::probed::Probed;
use super::row::Open;
use crate::matrix::model::Expect;
use crate::observation::{Observation, StepKind};
use crate::reason::Reason;
use crate::verdict::Still;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Addresses that are looked at, and at a time.
const MAX: usize = 64;
const AT_A_TIME: usize = 8;

/// Tries the ways that worked to addresses to which others failed.
pub(super) async fn look(probed: &mut [Probed], asking: &Asking) {
    let mut worked: BTreeMap<IpAddr, usize> = BTreeMap::new();
    for (place, this) in probed.iter().enumerate().filter(|(_, this)| is_direct(this)) {
        if let (Some(address), true) = (this.hop.address, this.seen.as_ref().is_some_and(opened)) {
            worked.entry(address).or_insert(place);
        }
    }
    let failed = |this: &Probed| is_direct(this) && this.seen.as_ref().is_some_and(is_cut_off);
    let at: Vec<(IpAddr, usize)> = worked
        .into_iter()
        .filter(|(at, _)| probed.iter().any(|p| p.hop.address == Some(*at) && failed(p)))
        .take(MAX)
        .collect();
    let mut dead: Vec<IpAddr> = Vec::new();
    for batch in at.chunks(AT_A_TIME) {
        let tried = join_all(batch.iter().map(|(address, place)| async {
            let still = best_of_some(&Open::Hop(*place), probed, asking).await;
            (still == Still::Shut).then_some(*address)
        }));
        dead.extend(tried.await.into_iter().flatten());
    }
    for this in probed.iter_mut() {
        if failed(this)
            && this.hop.address.is_some_and(|address| dead.contains(&address))
            && let Some(seen) = &mut this.seen
        {
            seen.known.shut_out = true;
        }
    }
}

fn is_direct(this: &Probed) -> bool {
    this.hop.flow.expect == Expect::Allow && this.hop.proxy.is_none()
}

/// Whether the first connection of a hop opened, and nothing that was tried on it failed.
fn opened(seen: &Observation) -> bool {
    seen.first_failure().is_none()
        && seen.steps.iter().any(|step| step.is_climbed() && step.step == StepKind::Connect)
}

/// Whether a hop ended as one does that a guard cuts off.
fn is_cut_off(seen: &Observation) -> bool {
    const REASONS: [Reason; 9] = [
        Reason::TimedOut,
        Reason::Refused,
        Reason::Rejected,
        Reason::AdminProhibited,
        Reason::NetUnreachable,
        Reason::HostUnreachable,
        Reason::PortUnreachable,
        Reason::SilentAfterConnect,
        Reason::ResetAfterConnect,
    ];
    seen.first_failure().and_then(|step| step.reason()).is_some_and(|r| REASONS.contains(&r))
        || seen.steps.iter().any(|step| step.reason() == Some(Reason::RpcPortBlocked))
}
