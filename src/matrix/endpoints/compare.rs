//! What one list has and the other has not. Ranges are compared as sets of addresses: a /19 inside
//! a /18 is covered.

use crate::matrix::model::covers;
use ipnet::IpNet;
use serde::Serialize;

/// Both directions of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Names of the port table that the service does not publish in these sets.
    pub names_only_in_table: Vec<Name>,
    /// Names that the service publishes and the table has not.
    pub names_only_in_service: Vec<Name>,
    /// Addresses of the table's ranges that the service does not publish in these sets.
    pub networks_only_in_table: Vec<IpNet>,
    /// Addresses that the service publishes and the table has not.
    pub networks_only_in_service: Vec<IpNet>,
}

/// One name that is missing on the other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Name {
    /// The name.
    pub name: String,
    /// The set of the service that has it instead, where one has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<u32>,
}

impl Difference {
    /// Between a table and a service. `elsewhere` tells in which other set of the service a name
    /// is.
    pub fn between(
        (names, networks): (&[String], &[IpNet]),
        (published, ranges): (&[String], &[IpNet]),
        elsewhere: impl Fn(&str) -> Option<u32>,
    ) -> Self {
        let missing = |from: &[String], there: &[String]| -> Vec<String> {
            from.iter()
                .filter(|name| !there.iter().any(|other| covers(other, name)))
                .cloned()
                .collect()
        };
        Difference {
            names_only_in_table: missing(names, published)
                .into_iter()
                .map(|name| Name { set: elsewhere(&name), name })
                .collect(),
            names_only_in_service: missing(published, names)
                .into_iter()
                .map(|name| Name { set: None, name })
                .collect(),
            networks_only_in_table: minus(networks, ranges),
            networks_only_in_service: minus(ranges, networks),
        }
    }

    /// Whether both have the same.
    pub fn is_empty(&self) -> bool {
        *self == Difference::default()
    }
}

/// The addresses of `networks` that no network of `others` has, as the fewest networks.
pub fn minus(networks: &[IpNet], others: &[IpNet]) -> Vec<IpNet> {
    let others = IpNet::aggregate(&others.to_vec());
    let mut left = Vec::new();
    for network in IpNet::aggregate(&networks.to_vec()) {
        rest(network, &others, &mut left);
    }
    let mut left = IpNet::aggregate(&left);
    left.sort();
    left
}

/// Halves a network until each part is inside of the others or apart from them. Each of the others
/// ends at most 128 halvings.
fn rest(network: IpNet, others: &[IpNet], left: &mut Vec<IpNet>) {
    if others.iter().any(|other| other.contains(&network)) {
        return;
    }
    let within: Vec<IpNet> =
        others.iter().copied().filter(|other| network.contains(other)).collect();
    if within.is_empty() {
        left.push(network);
        return;
    }
    match network.subnets(network.prefix_len() + 1) {
        Ok(halves) => halves.for_each(|half| rest(half, &within, left)),
        // A single address contains no smaller one.
        Err(_) => left.push(network),
    }
}
