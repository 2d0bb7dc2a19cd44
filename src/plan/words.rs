//! The words of one product at one site: roles with their hosts, features that are on, ports after overrides and offset.

use crate::matrix::model::{Condition, Feature, Flow, Interface, Matrix, Port, PortRange, Role, RoleId};
use crate::plan::model::{PlannedRole, Why};
use crate::site::model::{Host, Site};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The tables of the site's product, read together: a flow may use a role or a port that another file of the product declares.
pub(super) struct Words<'a> {
    /// Every table of the product, those of other topologies too.
    tables: Vec<&'a Matrix>,
    roles: HashMap<&'a str, &'a Role>,
    hosts: HashMap<&'a str, Vec<Host>>,
    features: HashSet<&'a str>,
    site: &'a Site,
}

impl<'a> Words<'a> {
    pub(super) fn new(matrices: &[&'a Matrix], site: &'a Site) -> Self {
        let tables: Vec<&Matrix> = matrices.iter().copied().filter(|m| m.product == site.product).collect();
        let mut roles: HashMap<&str, &Role> = HashMap::new();
        for role in tables.iter().flat_map(|m| &m.roles) {
            roles.entry(&role.id).or_insert(role);
        }
        let mut words = Words { tables, roles, hosts: HashMap::new(), features: HashSet::new(), site };
        words.hosts = words.roles.keys().map(|id| (*id, words.site_hosts(id))).collect();
        words.features =
            words.tables.iter().flat_map(|m| &m.features).filter(|f| words.is_on(f)).map(|feature| feature.id.as_str()).collect();
        words
    }

    /// The tables that apply at this site's topology, in the order in which they were given.
    pub(super) fn applicable(&self) -> impl Iterator<Item = &'a Matrix> {
        self.tables.iter().copied().filter(|m| m.topology.as_ref().is_none_or(|t| *t == self.site.topology))
    }

    /// Every role, by its identifier.
    pub(super) fn planned_roles(&self) -> Vec<PlannedRole> {
        let mut ids: Vec<&str> = self.roles.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter()
            .map(|id| PlannedRole {
                id: id.to_owned(),
                hosts: self.hosts.get(id).cloned().unwrap_or_default(),
                includes: self.included(id).into_iter().filter(|other| *other != id).map(str::to_owned).collect(),
            })
            .collect()
    }

    /// The role as its table declares it.
    pub(super) fn role(&self, id: &str) -> Option<&'a Role> {
        self.roles.get(id).copied()
    }

    /// Hosts that the site gives to a role, those of included roles too.
    pub(super) fn hosts(&self, role: &str) -> &[Host] {
        self.hosts.get(role).map_or(&[], Vec::as_slice)
    }

    /// The first condition that does not hold.
    pub(super) fn unmet<'f>(&self, flow: &'f Flow) -> Option<&'f Condition> {
        flow.when.iter().find(|condition| self.features.contains(condition.feature.as_str()) != condition.on)
    }

    /// The flow's port, overridden by the site and shifted by its offset. A table's own default goes before another table's.
    pub(super) fn port(&self, matrix: &Matrix, port: &Port) -> Result<u16, Why> {
        let (found, shown) = match port {
            Port::Literal(number) => (Some(*number), number.to_string()),
            Port::Named(name) => {
                let default = || matrix.ports.get(name).or_else(|| self.tables.iter().find_map(|m| m.ports.get(name)));
                (self.site.ports.get(name).or_else(default).copied(), name.clone())
            }
        };
        found.and_then(|number| self.site.shifted(number)).ok_or(Why::NoPort { port: shown })
    }

    /// The flow's range, overridden and shifted in the same way.
    pub(super) fn range(&self, matrix: &Matrix, name: &str) -> Result<PortRange, Why> {
        let default = || matrix.ranges.get(name).or_else(|| self.tables.iter().find_map(|m| m.ranges.get(name)));
        let found = self.site.ranges.get(name).or_else(default).copied();
        let shown = found.map_or_else(|| name.to_owned(), |range| range.to_string());
        found.and_then(|range| self.site.shifted_range(range)).ok_or(Why::NoPort { port: shown })
    }

    /// The interfaces of a flow. Names that no table declares are left out: the loader does not let such a table through.
    pub(super) fn interfaces(&self, matrix: &Matrix, flow: &Flow) -> Vec<Interface> {
        let find = |name: &String| {
            matrix.interfaces.iter().chain(self.tables.iter().flat_map(|m| &m.interfaces)).find(|interface| interface.name == *name)
        };
        flow.interfaces.iter().filter_map(find).cloned().collect()
    }

    fn is_on(&self, feature: &Feature) -> bool {
        match self.site.features.get(&feature.id) {
            Some(said) => *said,
            None => feature.default || feature.implied_by.as_ref().is_some_and(|role| !self.hosts(role).is_empty()),
        }
    }

    fn site_hosts(&self, role: &str) -> Vec<Host> {
        let mut seen: HashSet<&Host> = HashSet::new();
        let all = self.included(role).into_iter().filter_map(|id| self.site.roles.get(id)).flatten();
        all.filter(|host| seen.insert(host)).cloned().collect()
    }

    /// A role and all that it includes, itself first, each once; a circle of inclusions ends.
    fn included(&self, role: &str) -> Vec<&'a str> {
        let mut order = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut waiting: Vec<&RoleId> = Vec::new();
        let Some(start) = self.roles.get(role) else { return order };
        waiting.push(&start.id);
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                order.push(id.as_str());
                waiting.extend(self.roles.get(id.as_str()).iter().flat_map(|r| r.includes.iter().rev()));
            }
        }
        order
    }
}
