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
    notes.extend(used.and_then(|used| other_sources(&hop.from.host, used)));
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

/// A rule may name one address of a From host and not the others: which ones were not tested from.
fn other_sources(host: &Host, used: IpAddr) -> Option<String> {
    let Host::Named { addresses, .. } = host else { return None };
    let others: Vec<String> = addresses
        .iter()
        .filter(|address| address.is_ipv4() == used.is_ipv4() && **address != used)
        .map(ToString::to_string)
        .collect();
    (addresses.contains(&used) && !others.is_empty()).then(|| {
        format!(
            "tested from {used}; the site gives this host {} as well, from which nothing was tested",
            others.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_were_not_tested_from_are_named() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let host = |all: &[&str]| Host::Named {
            name: "ws".into(),
            addresses: all.iter().map(|text| address(text)).collect(),
        };
        let used = address("10.0.0.2");
        let words = other_sources(&host(&["10.0.0.2", "10.0.0.3", "fd00::2"]), used);
        assert!(words.is_some_and(|words| words.contains("10.0.0.3") && !words.contains("fd00")));
        assert_eq!(other_sources(&host(&["10.0.0.2", "fd00::2"]), used), None);
        assert_eq!(other_sources(&host(&["10.0.0.7"]), used), None, "it is another machine");
    }
}
