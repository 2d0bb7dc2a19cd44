//! Names of a plan to addresses, once somebody has asked DNS.

use crate::plan::model::{Hop, Plan, Why};
use crate::site::model::Host;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

impl Plan {
    /// The same plan with one hop per address of each name that `resolve` knows. Hops that have an
    /// address keep it; hops of a name without an answer (`None`, or no address) stay as they are.
    /// The id of a hop gets `[address]` after the name only where the name has several.
    #[must_use]
    pub fn with_addresses(&self, resolve: &impl Fn(&str) -> Option<Vec<IpAddr>>) -> Plan {
        let mut hops = Vec::with_capacity(self.hops.len());
        // A hop that was split is covered by the first of its parts from now on.
        let mut renamed: HashMap<&str, String> = HashMap::new();
        let mut answers: HashMap<String, Vec<IpAddr>> = HashMap::new();
        for hop in &self.hops {
            let Host::Named { name, .. } = &hop.to.host else {
                hops.push(hop.clone());
                continue;
            };
            if hop.address.is_some() || hop.proxy.is_some() {
                hops.push(hop.clone());
                continue;
            }
            let addresses = answers
                .entry(name.clone())
                .or_insert_with(|| distinct(resolve(name).unwrap_or_default()));
            match addresses.as_slice() {
                [] => hops.push(hop.clone()),
                [one] => hops.push(Hop { address: Some(*one), ..hop.clone() }),
                several => {
                    let parts = several.iter().map(|a| Hop {
                        id: id_with_address(&hop.id, *a),
                        address: Some(*a),
                        ..hop.clone()
                    });
                    let before = hops.len();
                    hops.extend(parts);
                    renamed.insert(&hop.id, hops[before].id.clone());
                }
            }
        }
        let mut unplanned = self.unplanned.clone();
        for entry in &mut unplanned {
            if let Why::CoveredBy { hop } = &mut entry.why
                && let Some(new) = renamed.get(hop.as_str())
            {
                hop.clone_from(new);
            }
        }
        Plan {
            site: self.site.clone(),
            hops,
            inside: self.inside.clone(),
            unplanned,
            roles: self.roles.clone(),
            controls: self.controls.clone(),
            missing: self.missing.clone(),
        }
    }

    /// Names that have to be looked up before the plan can be probed: each once, in the order of
    /// the hops.
    pub fn names_to_resolve(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let names =
            self.hops.iter().filter(|hop| hop.address.is_none() && hop.proxy.is_none()).filter_map(
                |hop| match &hop.to.host {
                    Host::Named { name, .. } => Some(name.as_str()),
                    _ => None,
                },
            );
        names.filter(|name| seen.insert(*name)).collect()
    }
}

/// The id that a hop had before its name was looked up: `…/name[address]:port` → `…/name:port`.
pub fn without_address(id: &str) -> String {
    match (id.rfind('['), id.rfind("]:")) {
        (Some(open), Some(close)) if open < close && !id[..open].ends_with('/') => {
            format!("{}{}", &id[..open], &id[close + 1..])
        }
        _ => id.to_owned(),
    }
}

fn distinct(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let mut seen = HashSet::new();
    addresses.into_iter().filter(|address| seen.insert(*address)).collect()
}

/// `…/name:port` → `…/name[address]:port`. A name has no colon, so the last one is the port's.
fn id_with_address(id: &str, address: IpAddr) -> String {
    match id.rfind(':') {
        Some(at) => format!("{}[{address}]{}", &id[..at], &id[at..]),
        None => format!("{id}[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_loses_the_address_that_it_was_given() {
        for id in ["m/f/a/srv.example:443", "m/f/10.0.0.0_8/srv:1"] {
            for address in ["192.0.2.1", "2001:db8::1"] {
                let address = address.parse().expect("an address");
                assert_eq!(without_address(&id_with_address(id, address)), id);
            }
            assert_eq!(without_address(id), id, "there is none to lose");
        }
        for odd in ["", "[", "]:", "]:[", "x]:1[y", "[é]:", "m/f/a/[::1]:443"] {
            let _ = without_address(odd);
        }
        assert_eq!(
            without_address("m/f/a/[::1]:443"),
            "m/f/a/[::1]:443",
            "an address without a name stays"
        );
    }
}
