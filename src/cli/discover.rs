//! Domain controllers that a site has looked up, put in the place of its `{ discover = "…" }`.

use crate::matrix::model::Product;
use crate::net::resolve::{Resolver, Targets};
use crate::observation::failure::Failure;
use crate::site::model::{Host, Site, locator_name};
use std::collections::BTreeMap;

/// Why a domain's controllers are not all in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// None was found, for this reason in words.
    All(String),
    /// So many more are announced than are tested.
    Some(usize),
}

/// Looks every domain of the site up, each kind of controller once. What was not found, or not all
/// of it taken, stays as it was beside what was, by the name that was asked for.
pub async fn discover(
    site: &mut Site,
    product: &Product,
    resolver: &Resolver,
) -> BTreeMap<String, Missing> {
    let mut found: BTreeMap<String, Result<Targets, Failure>> = BTreeMap::new();
    let mut problems = BTreeMap::new();
    for (role, hosts) in &mut site.roles {
        let locate = product.role(role).and_then(|role| role.locate).unwrap_or_default();
        let mut known = Vec::with_capacity(hosts.len());
        for host in hosts.drain(..) {
            let Host::Discover { domain, site } = &host else {
                known.push(host);
                continue;
            };
            let name = locator_name(domain, site.as_deref(), locate);
            if !found.contains_key(&name) {
                found.insert(name.clone(), resolver.targets(&name).await);
            }
            match found.get(&name) {
                Some(Ok(targets)) => {
                    let named = targets
                        .names
                        .iter()
                        .map(|name| Host::Named { name: name.clone(), addresses: Vec::new() });
                    known.extend(named.filter(|host| !known.contains(host)).collect::<Vec<_>>());
                    if targets.left_out > 0 {
                        problems.insert(name, Missing::Some(targets.left_out));
                        known.push(host);
                    }
                }
                Some(Err(failure)) => {
                    let words = format!("{}: {}", failure.reason, failure.reason.summary());
                    problems.insert(name, Missing::All(words));
                    known.push(host);
                }
                None => known.push(host),
            }
        }
        *hosts = known;
    }
    problems
}
