//! How large a plan may be. A site file and a port table of 1 MiB each could ask for a thousand
//! million hops: that is told at once, and not after hours.

use super::words::Words;
use crate::matrix::model::{Flow, Matrix, Product, RoleId};
use crate::site::model::{Host, Site};

/// Hops of one plan. Ten thousand hosts with ten rows each have as many.
pub const MOST_HOPS: usize = 100_000;

/// Hosts of all roles together, those of included roles counted with each that includes them.
const MOST_HOSTS: usize = 200_000;

/// A plan that would have more than can be looked after.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLarge {
    /// There are too many pairs of hosts.
    #[error(
        "the site and its port tables make {pairs} pairs of hosts to test, and a plan has {MOST_HOPS} \
         at most: the flow {flow} alone has {from} x {to}. List fewer hosts for its roles, write a \
         network in the place of the hosts in it, or make several sites of this one"
    )]
    Pairs {
        /// How many, in all flows.
        pairs: usize,
        /// The flow that has most of them.
        flow: String,
        /// Hosts on its From side.
        from: usize,
        /// Addresses on its To side, and behind it.
        to: usize,
    },
    /// Roles have too many hosts by way of others.
    #[error(
        "the roles of this site have more than {MOST_HOSTS} hosts together, those of included roles \
         counted with each that includes them: list fewer hosts for the role {role}, or make several \
         sites of this one"
    )]
    Hosts {
        /// The role that has most of them.
        role: RoleId,
    },
}

/// Holds that no list of hosts is copied into more roles than is bearable.
pub(super) fn hosts(product: &Product, site: &Site) -> Result<(), TooLarge> {
    let mut all = 0_usize;
    let mut largest = (0, String::new());
    for role in &product.roles {
        let listed = product.included(&role.id).into_iter().filter_map(|id| site.roles.get(id));
        let own = listed.map(Vec::len).sum();
        all += own;
        if own > largest.0 {
            largest = (own, role.id.clone());
        }
        if all > MOST_HOSTS {
            return Err(TooLarge::Hosts { role: largest.1 });
        }
    }
    Ok(())
}

/// Holds that there are no more pairs of hosts than may be hops.
pub(super) fn pairs(words: &Words<'_>, matrices: &[&Matrix]) -> Result<(), TooLarge> {
    let mut all = 0_usize;
    let mut largest: Option<(usize, &Matrix, &Flow)> = None;
    let rows = matrices.iter().flat_map(|matrix| matrix.flows.iter().map(|flow| (*matrix, flow)));
    for (matrix, flow) in rows.filter(|(_, flow)| words.unmet(flow).is_none()) {
        let own = from(words, flow).saturating_mul(to(words, flow));
        all = all.saturating_add(own);
        if largest.is_none_or(|(most, ..)| own > most) {
            largest = Some((own, matrix, flow));
        }
    }
    match largest {
        Some((_, matrix, flow)) if all > MOST_HOPS => Err(TooLarge::Pairs {
            pairs: all,
            flow: format!("{}/{}", matrix.id, flow.id),
            from: from(words, flow),
            to: to(words, flow),
        }),
        _ => Ok(()),
    }
}

fn from(words: &Words<'_>, flow: &Flow) -> usize {
    count(words, &flow.from, |_| 1)
}

/// Where a front stands in between, a row names the hosts behind it as well.
fn to(words: &Words<'_>, flow: &Flow) -> usize {
    let addresses = |host: &Host| match host {
        Host::Named { addresses, .. } => addresses.len().max(1),
        _ => 1,
    };
    let front = flow.via.as_ref().map_or(0, |via| count(words, via, addresses));
    front.max(count(words, &flow.to, addresses))
}

/// A role's hosts, or its published names.
fn count(words: &Words<'_>, role: &RoleId, of: impl Fn(&Host) -> usize) -> usize {
    match words.hosts(role) {
        [] => words.role(role).map_or(0, |role| role.all_names().count()),
        hosts => hosts.iter().map(of).sum(),
    }
}
