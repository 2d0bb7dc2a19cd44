//! What the hops of a run tell about each other's directories: who holds the PDC emulator role, and
//! which directories this host is near to.

use super::judged::Judged;
use super::probed::Probed;
use crate::matrix::model::{Expect, Locate};
use crate::net::resolve::Resolver;
use crate::observation::{PdcRole, StepKind};
use crate::plan::model::{Hop, PlannedRole};
use crate::result::{DirectoryGroup, Nearer, Nearness};
use crate::site::model::locator_name;
use std::collections::{BTreeMap, BTreeSet};

/// Domains that DNS is asked about.
const MAX_DOMAINS: usize = 16;

/// Notes for every hop to a PDC emulator whether it is one: by what the host itself said on another
/// hop of this run that spoke LDAP with it. Nothing is sent for it that is not in the plan. Where
/// the role is elsewhere, the holder is looked for among the other hosts of the run, then in DNS.
pub(super) async fn verify_pdcs(probed: &mut [Probed], resolver: &Resolver) {
    let told: Vec<Described> = probed.iter().filter_map(Described::of).collect();
    let mut holders: BTreeMap<String, Option<String>> = BTreeMap::new();
    for this in probed
        .iter_mut()
        .filter(|p| p.hop.flow.locate == Some(Locate::Pdc) && p.hop.flow.expect == Expect::Allow)
    {
        let Some(seen) = &mut this.seen else { continue };
        let of_host = told
            .iter()
            .filter(|t| t.is_of(&this.hop))
            .max_by_key(|t| t.address == this.hop.address);
        seen.pdc = Some(match of_host {
            None => PdcRole::NotVerified,
            Some(Described { pdc: true, .. }) => PdcRole::Held,
            Some(Described { domain, .. }) => {
                if !holders.contains_key(domain) && holders.len() < MAX_DOMAINS {
                    holders.insert(domain.clone(), holder(domain, &told, resolver).await);
                }
                // DNS may still name the host that says no: then nobody knows.
                let other = holders
                    .get(domain)
                    .cloned()
                    .flatten()
                    .filter(|holder| *holder != this.hop.to.host.label());
                PdcRole::HeldByAnother { domain: domain.clone(), holder: other }
            }
        });
    }
}

async fn holder(domain: &str, told: &[Described], resolver: &Resolver) -> Option<String> {
    if let Some(other) = told.iter().find(|t| t.pdc && t.domain == domain) {
        return Some(other.name.clone());
    }
    resolver.targets(&locator_name(domain, None, Locate::Pdc)).await.ok()?.names.into_iter().next()
}

/// What a domain controller said of itself.
struct Described {
    host: String,
    address: Option<std::net::IpAddr>,
    pdc: bool,
    domain: String,
    name: String,
}

impl Described {
    fn of(probed: &Probed) -> Option<Self> {
        let steps = &probed.seen.as_ref()?.steps;
        let step = steps.iter().find(|s| s.is_climbed() && s.step == StepKind::Directory)?;
        let (hop, told) = (&probed.hop, &step.facts.directory);
        Some(Described {
            host: hop.to.host.label(),
            address: hop.address,
            pdc: told.pdc?,
            domain: told.domain.as_ref()?.to_lowercase(),
            name: told.host.as_ref()?.to_lowercase(),
        })
    }

    fn is_of(&self, hop: &Hop) -> bool {
        self.host == hop.to.host.label() || (self.address.is_some() && self.address == hop.address)
    }
}

/// A group is nearer when the other one is farther than so much, and by so many milliseconds.
const CLEARLY: f64 = 1.25;
const CLEARLY_MS: f64 = 0.5;

/// For each role of this host that belongs nearer to some directories than to others: which ones it
/// is nearer to. Nothing where those of one group were not measured.
pub fn nearness(roles: &[PlannedRole], hops: &[Judged]) -> Vec<Nearness> {
    let from: BTreeSet<(&str, String)> =
        hops.iter().map(|j| (j.hop.from.role.as_str(), j.hop.from.host.label())).collect();
    let mut all = Vec::new();
    for (role, host) in from {
        let Some(planned) = roles.iter().find(|r| r.id == role && !r.nearer_to.is_empty()) else {
            continue;
        };
        let mine: Vec<&Judged> = hops
            .iter()
            .filter(|j| j.hop.from.role == role && j.hop.from.host.label() == host)
            .collect();
        let (near, far) = (hosts(roles, &planned.nearer_to), hosts(roles, &planned.than_to));
        // A host of both groups tells nothing about either.
        let (Some(wanted), Some(other)) = (
            group(&planned.nearer_to, &(&near - &far), &mine),
            group(&planned.than_to, &(&far - &near), &mine),
        ) else {
            continue;
        };
        let nearer = nearer(wanted.median_ms, other.median_ms);
        all.push(Nearness { role: role.to_owned(), host, wanted, other, nearer });
    }
    all
}

fn nearer(wanted: f64, other: f64) -> Nearer {
    let clearly = |less: f64, more: f64| more > less * CLEARLY && more - less > CLEARLY_MS;
    if clearly(wanted, other) {
        Nearer::Wanted
    } else if clearly(other, wanted) {
        Nearer::Other
    } else {
        Nearer::Neither
    }
}

fn hosts(roles: &[PlannedRole], ids: &[String]) -> BTreeSet<String> {
    roles
        .iter()
        .filter(|r| ids.contains(&r.id))
        .flat_map(|r| &r.hosts)
        .map(crate::site::model::Host::label)
        .collect()
}

/// The nearest of some hosts, by the median of their answers.
fn group(roles: &[String], hosts: &BTreeSet<String>, hops: &[&Judged]) -> Option<DirectoryGroup> {
    let measured = hops
        .iter()
        .map(|j| (j.hop.to.host.label(), j.seen.as_ref().and_then(|seen| seen.latency)))
        .filter(|(host, _)| hosts.contains(host))
        .filter_map(|(host, latency)| Some((host, latency?.request?.median_ms)));
    let (nearest, median_ms) = measured.min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(DirectoryGroup { roles: roles.to_vec(), nearest, median_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearer_is_what_is_clearly_nearer() {
        assert_eq!(nearer(1.0, 20.0), Nearer::Wanted);
        assert_eq!(nearer(20.0, 1.0), Nearer::Other);
        assert_eq!(nearer(0.1, 0.3), Nearer::Neither, "a fraction of a millisecond is nothing");
        assert_eq!(nearer(20.0, 22.0), Nearer::Neither);
    }
}
