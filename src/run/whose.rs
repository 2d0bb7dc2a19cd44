//! Who really tested: a row of the plan may be for a whole network, or for another machine than
//! this one.

use crate::net::host::ThisHost;
use crate::observation::Evidence;
use crate::plan::model::Hop;
use crate::plan::place::Machine;
use crate::result::{HopResult, TestedBy};
use crate::site::model::Host;
use std::net::IpAddr;

/// The result with who tested it, and a note where that is not whom the hop was planned for.
pub(super) fn signed(result: HopResult, hop: &Hop, this: &ThisHost) -> HopResult {
    let machine = Machine { name: &this.name, addresses: &this.addresses };
    let of_attempts = Evidence::decisive(&result.evidence)
        .and_then(|e| e.source)
        .or_else(|| result.evidence.iter().find_map(|e| e.source));
    let used = of_attempts.map(|source| source.ip().to_canonical());
    // Nothing was sent: the address that would have been used, where the plan tells it.
    let address = used.or_else(|| planned_address(&hop.from.host, &this.addresses));
    let mut notes = result.notes;
    notes.extend(machine.tested_from(&hop.from.host, used));
    HopResult { tested_by: Some(TestedBy { host: this.name.clone(), address }), notes, ..result }
}

/// The address of this machine that the plan has a hop begin at.
fn planned_address(host: &Host, own: &[IpAddr]) -> Option<IpAddr> {
    own.iter().copied().find(|address| match host {
        Host::Network(network) => network.contains(address),
        Host::Address(planned) => planned == address,
        Host::Named { addresses, .. } => addresses.contains(address),
        Host::Discover { .. } => false,
    })
}
