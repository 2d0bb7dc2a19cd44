//! Domain controllers that a site has looked up, put in the place of its `{ discover = "…" }`.

use crate::matrix::model::Product;
use crate::net::resolve::Resolver;
use crate::observation::failure::Failure;
use crate::site::model::{Host, Site, locator_name};
use std::collections::BTreeMap;

/// Looks every domain of the site up, each kind of controller once. What was not found stays as it
/// was, with the reason in words.
pub async fn discover(
    site: &mut Site,
    product: &Product,
    resolver: &Resolver,
) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, Result<Vec<String>, Failure>> = BTreeMap::new();
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
                        .iter()
                        .map(|name| Host::Named { name: name.clone(), addresses: Vec::new() });
                    known.extend(named.filter(|host| !known.contains(host)).collect::<Vec<_>>());
                }
                Some(Err(failure)) => {
                    problems
                        .insert(name, format!("{}: {}", failure.reason, failure.reason.summary()));
                    known.push(host);
                }
                None => known.push(host),
            }
        }
        *hosts = known;
    }
    problems
}
