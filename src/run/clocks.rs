//! A clock belongs to a host: what one hop of a run learnt of it, its other hops know as well.

use super::probed::Probed;
use crate::observation::Observation;
use crate::plan::model::Hop;
use crate::wire::challenge::ProofOutcome;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Notes for every hop what another one to the same host learnt of the host's clock. What comes
/// through a front, or over a proxy, is the clock of somebody else.
pub(super) fn share(probed: &mut [Probed]) {
    let mut known: BTreeMap<(String, Option<IpAddr>), i64> = BTreeMap::new();
    for this in probed.iter() {
        let Some(offset) = this.seen.as_ref().filter(|_| is_direct(&this.hop)).and_then(told)
        else {
            continue;
        };
        let entry = known.entry(place(&this.hop)).or_insert(offset);
        // The one that is farthest off is the one that explains something.
        if offset.abs() > entry.abs() {
            *entry = offset;
        }
    }
    for this in probed.iter_mut().filter(|p| is_direct(&p.hop)) {
        let offset = known.get(&place(&this.hop)).copied();
        if let Some(seen) = &mut this.seen {
            seen.known.host_clock = offset;
        }
    }
}

fn is_direct(hop: &Hop) -> bool {
    hop.flow.relayed_to.is_none() && hop.proxy.is_none() && hop.class.is_none()
}

fn place(hop: &Hop) -> (String, Option<IpAddr>) {
    (hop.to.host.label(), hop.address)
}

/// By how many seconds the other end's clock is ahead, by its own word.
fn told(seen: &Observation) -> Option<i64> {
    let proved = seen.proofs.iter().find_map(|proof| match proof {
        ProofOutcome::Valid { claims, .. } => {
            Some(claims.now.as_second() - seen.started.as_second())
        }
        _ => None,
    });
    let said = seen.steps.iter().filter_map(|step| step.facts.clock_offset_s);
    said.chain(proved).max_by_key(|offset| offset.abs())
}
