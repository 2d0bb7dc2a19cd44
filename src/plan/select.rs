//! Whose hops are whose: the part of a plan that one host has to execute.

use crate::input::suggest;
use crate::matrix::model::RoleId;
use crate::plan::model::{Hop, Plan, PlannedRole, Why};
use crate::site::model::Host;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// The host that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// What the user said with `--as`: a role, or a host as the site file names it.
    pub said: Option<String>,
    /// This machine's name, with or without its domain. Used when nothing was said.
    pub name: String,
    /// This machine's addresses. Used when nothing was said.
    pub addresses: Vec<IpAddr>,
}

impl Who {
    /// The role or host of `--as`.
    pub fn said(text: impl Into<String>) -> Self {
        Who { said: Some(text.into()), ..Who::default() }
    }

    /// This machine, to be found in the site by itself.
    pub fn here(name: impl Into<String>, addresses: Vec<IpAddr>) -> Self {
        Who { said: None, name: name.into(), addresses }
    }
}

/// The hops of one host or role, on both sides.
#[derive(Debug, Clone)]
pub struct Selection<'p> {
    /// The role that was said, or every role of the hosts found.
    pub roles: Vec<RoleId>,
    /// Entries of the site that this host is. For a role: all hosts of the role.
    pub hosts: Vec<Host>,
    /// Hops that begin here, in the order of the plan.
    pub connect: Vec<&'p Hop>,
    /// Hops that end here, in the order of the plan.
    pub listen: Vec<&'p Hop>,
}

/// Nobody in the plan is meant, or too many are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// Neither a role nor a host.
    #[error("\"{said}\" is neither a role nor a host of this site{}", did_you_mean(near.as_deref()))]
    Unknown {
        /// What was said.
        said: String,
        /// The nearest role or host.
        near: Option<String>,
    },
    /// A role of the tables that nobody has.
    #[error("the site gives no host to the role {role}")]
    RoleWithoutHost {
        /// The role.
        role: RoleId,
    },
    /// A name without its domain that several hosts share.
    #[error("\"{name}\" could be {}: say which with --as", candidates.join(" or "))]
    Ambiguous {
        /// The name.
        name: String,
        /// The hosts.
        candidates: Vec<String>,
    },
    /// This machine is not in the site.
    #[error("this machine ({}) is not in the site file: add it there, or say --as ROLE (the roles with hosts are: {})", known_as(name, addresses), roles.join(", "))]
    NotHere {
        /// Its name.
        name: String,
        /// Its addresses.
        addresses: Vec<IpAddr>,
        /// Roles that have hosts.
        roles: Vec<RoleId>,
    },
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(": did you mean \"{near}\"?")).unwrap_or_default()
}

fn known_as(name: &str, addresses: &[IpAddr]) -> String {
    let addresses = addresses.iter().filter(|a| !a.is_loopback()).map(IpAddr::to_string);
    std::iter::once(name.to_owned())
        .filter(|n| !n.is_empty())
        .chain(addresses)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Plan {
    /// The hops of a host or a role.
    ///
    /// # Errors
    /// When nobody in the plan is meant, or it cannot be told who is. A host that was found but has
    /// no hops is not an error.
    pub fn for_host(&self, who: &Who) -> Result<Selection<'_>, NotFound> {
        let Some(said) = &who.said else { return self.for_this_machine(who) };
        let said = said.trim().trim_end_matches('.').to_lowercase();
        if let Some(role) = self.roles.iter().find(|role| role.id == said) {
            return self.for_role(role);
        }
        let everybody = self.everybody();
        let mut found = matching(&everybody, |host| is_called(host, &said));
        if found.is_empty() {
            found = only_one(
                matching(&everybody, |host| first_label_of(host) == Some(said.as_str())),
                &said,
            )?;
        }
        if let (true, Ok(address)) = (found.is_empty(), said.parse::<IpAddr>()) {
            found = matching(
                &everybody,
                |host| matches!(host, Host::Network(network) if network.contains(&address)),
            );
        }
        if found.is_empty() {
            let labels: Vec<String> = everybody.iter().map(|host| host.label()).collect();
            let words =
                self.roles.iter().map(|r| r.id.as_str()).chain(labels.iter().map(String::as_str));
            return Err(NotFound::Unknown { near: suggest(&said, words).map(str::to_owned), said });
        }
        Ok(self.for_hosts(&found))
    }

    fn for_this_machine(&self, who: &Who) -> Result<Selection<'_>, NotFound> {
        let everybody = self.everybody();
        let name = who.name.trim_end_matches('.').to_lowercase();
        let by_address =
            |host: &Host| who.addresses.iter().any(|address| has_address(host, *address));
        let mut found = matching(&everybody, |host| is_called(host, &name) || by_address(host));
        // The name alone, without its domain, is weaker: a machine may be in another domain than
        // its namesake.
        if !found.iter().any(|host| matches!(host, Host::Named { .. })) && !name.is_empty() {
            let first = name.split('.').next().unwrap_or(&name);
            match only_one(matching(&everybody, |host| first_label_of(host) == Some(first)), &name)
            {
                Ok(more) => found.extend(more),
                // An address of this machine has decided already.
                Err(_) if !found.is_empty() => {}
                Err(ambiguous) => return Err(ambiguous),
            }
        }
        if found.is_empty() {
            let roles = self
                .roles
                .iter()
                .filter(|role| !role.hosts.is_empty())
                .map(|role| role.id.clone())
                .collect();
            return Err(NotFound::NotHere { name, addresses: who.addresses.clone(), roles });
        }
        Ok(self.for_hosts(&found))
    }

    fn for_role(&self, role: &PlannedRole) -> Result<Selection<'_>, NotFound> {
        let id = &role.id;
        let hosts: HashSet<&Host> = role.hosts.iter().collect();
        // A table may speak of a wider role: what holds for every domain controller holds for the
        // target's.
        let wider: HashSet<&RoleId> = self
            .roles
            .iter()
            .filter(|other| other.includes.contains(id))
            .map(|other| &other.id)
            .collect();
        let (mut from_folded, mut to_folded) = (HashSet::new(), HashSet::new());
        for entry in &self.unplanned {
            if let Why::CoveredBy { hop } = &entry.why {
                if entry.from == *id {
                    from_folded.insert(hop.as_str());
                }
                if entry.to == *id {
                    to_folded.insert(hop.as_str());
                }
            }
        }
        let is_end = |end: &crate::plan::model::HopEnd| {
            end.role == *id || (wider.contains(&end.role) && hosts.contains(&end.host))
        };
        let connect: Vec<&Hop> = self
            .hops
            .iter()
            .filter(|hop| is_end(&hop.from) || from_folded.contains(hop.id.as_str()))
            .collect();
        let listen: Vec<&Hop> = self
            .hops
            .iter()
            .chain(&self.inside)
            .filter(|hop| is_end(&hop.to) || to_folded.contains(hop.id.as_str()))
            .collect();
        if role.hosts.is_empty() && connect.is_empty() && listen.is_empty() {
            return Err(NotFound::RoleWithoutHost { role: id.clone() });
        }
        Ok(Selection { roles: vec![id.clone()], hosts: role.hosts.clone(), connect, listen })
    }

    fn for_hosts(&self, hosts: &[&Host]) -> Selection<'_> {
        let wanted: HashSet<&Host> = hosts.iter().copied().collect();
        let roles = self
            .roles
            .iter()
            .filter(|role| role.hosts.iter().any(|host| wanted.contains(host)))
            .map(|role| role.id.clone());
        let selection = Selection {
            roles: roles.collect(),
            hosts: hosts.iter().map(|host| (*host).clone()).collect(),
            connect: self.hops.iter().filter(|hop| wanted.contains(&hop.from.host)).collect(),
            listen: self
                .hops
                .iter()
                .chain(&self.inside)
                .filter(|hop| wanted.contains(&hop.to.host))
                .collect(),
        };
        Selection { connect: selection.connect_once(), ..selection }
    }

    /// Every host of the site and of the hops, each once.
    fn everybody(&self) -> Vec<&Host> {
        let mut seen = HashSet::new();
        let of_roles = self.roles.iter().flat_map(|role| &role.hosts);
        let of_hops = self.hops.iter().flat_map(|hop| [&hop.from.host, &hop.to.host]);
        of_roles.chain(of_hops).filter(|host| seen.insert(*host)).collect()
    }
}

impl<'p> Selection<'p> {
    /// Several selections as one, of a machine that is all of them: everything once, hops in the
    /// order of the plan.
    pub fn together(plan: &'p Plan, parts: &[Selection<'p>]) -> Self {
        let hops = |of_parts: Vec<&Vec<&'p Hop>>| {
            let wanted: HashSet<&str> =
                of_parts.into_iter().flatten().map(|hop| hop.id.as_str()).collect();
            plan.hops
                .iter()
                .chain(&plan.inside)
                .filter(|hop| wanted.contains(hop.id.as_str()))
                .collect()
        };
        let connect = hops(parts.iter().map(|part| &part.connect).collect());
        let listen = hops(parts.iter().map(|part| &part.listen).collect());
        let (mut roles, mut hosts) = (Vec::new(), Vec::new());
        for role in parts.iter().flat_map(|part| &part.roles) {
            if !roles.contains(role) {
                roles.push(role.clone());
            }
        }
        for host in parts.iter().flat_map(|part| &part.hosts) {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        Selection { roles, hosts, connect, listen }
    }

    /// The hops to connect when one machine stands for all hosts found: of the hops that differ in
    /// the From host alone, the one whose host is told most exactly (a name before an address, an
    /// address before a network), in the order of the plan.
    pub fn connect_once(&self) -> Vec<&'p Hop> {
        let mut best: HashMap<_, usize> = HashMap::new();
        for (place, hop) in self.connect.iter().enumerate() {
            let target =
                (&hop.flow.matrix, &hop.flow.id, &hop.to.host, hop.address, hop.port, &hop.proxy);
            let kept = best.entry(target).or_insert(place);
            if vagueness(&hop.from.host) < vagueness(&self.connect[*kept].from.host) {
                *kept = place;
            }
        }
        let places: BTreeSet<usize> = best.into_values().collect();
        places.into_iter().map(|place| self.connect[place]).collect()
    }
}

fn vagueness(host: &Host) -> u16 {
    match host {
        Host::Named { .. } => 0,
        Host::Address(_) => 1,
        Host::Network(network) => 200 - u16::from(network.prefix_len()),
        Host::Discover { .. } => 300,
    }
}

fn matching<'h>(hosts: &[&'h Host], wanted: impl Fn(&Host) -> bool) -> Vec<&'h Host> {
    hosts.iter().copied().filter(|host| wanted(host)).collect()
}

fn is_called(host: &Host, name: &str) -> bool {
    match host {
        Host::Named { name: own, .. } if own == name => true,
        Host::Named { addresses, .. } => {
            name.parse().is_ok_and(|address: IpAddr| addresses.contains(&address))
        }
        Host::Address(own) => name.parse() == Ok(*own),
        Host::Network(_) | Host::Discover { .. } => host.label() == name,
    }
}

fn has_address(host: &Host, address: IpAddr) -> bool {
    match host {
        Host::Named { addresses, .. } => addresses.contains(&address),
        Host::Address(own) => *own == address,
        Host::Network(network) => network.contains(&address),
        Host::Discover { .. } => false,
    }
}

fn first_label_of(host: &Host) -> Option<&str> {
    match host {
        Host::Named { name, .. } => name.split('.').next(),
        _ => None,
    }
}

/// Hosts of one name; an error where they have different ones.
fn only_one<'h>(found: Vec<&'h Host>, name: &str) -> Result<Vec<&'h Host>, NotFound> {
    let candidates: BTreeSet<String> = found.iter().map(|host| host.label()).collect();
    if candidates.len() > 1 {
        return Err(NotFound::Ambiguous {
            name: name.to_owned(),
            candidates: candidates.into_iter().collect(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
