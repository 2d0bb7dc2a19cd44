//! The words of one product at one site: roles with their hosts, features that are on, ports after
//! overrides and offset.

use crate::matrix::model::{Condition, Feature, Flow, Interface, Matrix, Port, Product, Role};
use crate::matrix::port_set::PortSet;
use crate::plan::model::{HopEnd, PlannedRole, Why};
use crate::site::model::{Host, Site};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What the site's product declares, with the site's own choices put in.
pub(super) struct Words<'a> {
    product: &'a Product,
    roles: HashMap<&'a str, &'a Role>,
    hosts: HashMap<&'a str, Vec<Host>>,
    features: HashSet<&'a str>,
    site: &'a Site,
}

impl<'a> Words<'a> {
    /// Whether the site file says that both addresses are changed on the way from one to the other.
    pub(super) fn is_translated(&self, from: &HopEnd, to: &HopEnd) -> bool {
        let is = |word: &str, end: &HopEnd| word == end.role || word == end.host.label();
        self.site.nat.iter().any(|way| is(&way.from, from) && is(&way.to, to))
    }

    pub(super) fn new(product: &'a Product, site: &'a Site) -> Self {
        let roles = product.roles.iter().map(|role| (role.id.as_str(), role)).collect();
        let mut words =
            Words { product, roles, hosts: HashMap::new(), features: HashSet::new(), site };
        words.hosts = product
            .roles
            .iter()
            .map(|role| (role.id.as_str(), words.site_hosts(&role.id)))
            .collect();
        words.features = product
            .features
            .iter()
            .filter(|feature| words.is_on(feature))
            .map(|feature| feature.id.as_str())
            .collect();
        words
    }

    /// Whether a table applies at this site.
    pub(super) fn applies(&self, matrix: &Matrix) -> bool {
        matrix.product == self.product.id
            && matrix.topology.as_ref().is_none_or(|topology| *topology == self.site.topology)
    }

    /// Every role, in the order of the product.
    pub(super) fn planned_roles(&self) -> Vec<PlannedRole> {
        let roles = self.product.roles.iter().map(|role| PlannedRole {
            id: role.id.clone(),
            hosts: self.hosts(&role.id).to_vec(),
            includes: self
                .product
                .included(&role.id)
                .into_iter()
                .skip(1)
                .map(str::to_owned)
                .collect(),
            nearer_to: role.nearer_to.clone(),
            than_to: role.than_to.clone(),
            published: (!role.names.is_empty())
                .then(|| Arc::new(Role { networks: self.networks(role), ..role.clone() })),
        });
        roles.collect()
    }

    /// The ranges of a cloud service: the site's own, or the published ones.
    pub(super) fn networks(&self, role: &Role) -> Vec<ipnet::IpNet> {
        self.site.networks.get(&role.id).unwrap_or(&role.networks).clone()
    }

    /// The role as its table declares it.
    pub(super) fn role(&self, id: &str) -> Option<&'a Role> {
        self.roles.get(id).copied()
    }

    /// Hosts that the site gives to a role, those of included roles too.
    pub(super) fn hosts(&self, role: &str) -> &[Host] {
        self.hosts.get(role).map_or(&[], Vec::as_slice)
    }

    /// The subject that the site wants the certificate of a role's hosts to have.
    pub(super) fn certificate(&self, role: &str) -> Option<String> {
        self.site.certificates.get(role).cloned()
    }

    /// The first condition that does not hold.
    pub(super) fn unmet<'f>(&self, flow: &'f Flow) -> Option<&'f Condition> {
        flow.when
            .iter()
            .find(|condition| self.features.contains(condition.feature.as_str()) != condition.on)
    }

    /// The flow's port, overridden by the site and shifted by its offset.
    pub(super) fn port(&self, port: &Port) -> Result<u16, Why> {
        let (found, shown) = match port {
            Port::Literal(number) => (Some(*number), number.to_string()),
            Port::Named(name) => (
                self.site.ports.get(name).or_else(|| self.product.ports.get(name)).copied(),
                name.clone(),
            ),
        };
        found.and_then(|number| self.site.shifted(number)).ok_or(Why::NoPort { port: shown })
    }

    /// The flow's range, overridden and shifted in the same way.
    pub(super) fn range(&self, name: &str) -> Result<PortSet, Why> {
        let found = self.site.ranges.get(name).or_else(|| self.product.ranges.get(name));
        let shown = found.map_or_else(|| name.to_owned(), ToString::to_string);
        found.and_then(|range| self.site.shifted_range(range)).ok_or(Why::NoPort { port: shown })
    }

    /// The interfaces of a flow. Names that no table declares are left out: the loader does not let
    /// such a table through.
    pub(super) fn interfaces(&self, flow: &Flow) -> Vec<Interface> {
        let find = |name: &String| {
            self.product.interfaces.iter().find(|interface| interface.name == *name)
        };
        flow.interfaces.iter().filter_map(find).cloned().collect()
    }

    fn is_on(&self, feature: &Feature) -> bool {
        match self.site.features.get(&feature.id) {
            Some(said) => *said,
            None => {
                feature.default
                    || feature.implied_by.as_ref().is_some_and(|role| !self.hosts(role).is_empty())
            }
        }
    }

    fn site_hosts(&self, role: &str) -> Vec<Host> {
        let mut seen: HashSet<&Host> = HashSet::new();
        let all = self
            .product
            .included(role)
            .into_iter()
            .filter_map(|id| self.site.roles.get(id))
            .flatten();
        all.filter(|host| seen.insert(host)).cloned().collect()
    }
}
