//! Binds the flows of a product's tables to the hosts of one site.

use crate::matrix::model::{
    Expect, Flow, Interface, Matrix, NameClass, Product, Protocol, RoleId, covers,
};
use crate::matrix::port_set::PortSet;
use crate::plan::model::{
    Control, Hop, HopEnd, MissingRole, Plan, PlannedFlow, RelayedTo, Unplanned, Why, hop_id,
};
use crate::plan::options::Options;
use crate::plan::size::{self, TooLarge};
use crate::plan::words::Words;
use crate::protocol::list::Application;
use crate::site::model::{Host, Site};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Plans a site: every flow of the product's tables that applies, for every pair of hosts, and the
/// reason for whatever gave no hop.
///
/// `matrices` may hold other products' tables and other topologies': they are passed over. Names
/// are not looked up: a hop to a host without fixed addresses has no address yet (see
/// [`Plan::with_addresses`]).
///
/// # Errors
/// When there would be more hops than can be looked after.
pub fn build<'m>(
    product: &Product,
    matrices: impl IntoIterator<Item = &'m Matrix>,
    site: &Site,
) -> Result<Plan, TooLarge> {
    size::hosts(product, site)?;
    let words = Words::new(product, site);
    let matrices: Vec<&Matrix> =
        matrices.into_iter().filter(|matrix| words.applies(matrix)).collect();
    size::pairs(&words, &matrices)?;
    let mut builder = Builder {
        words: &words,
        matrices: &matrices,
        hops: Vec::new(),
        inside: Vec::new(),
        unplanned: Vec::new(),
        first: HashMap::new(),
        taken: HashSet::new(),
        required: HashMap::new(),
        needed: 0,
        lost: BTreeMap::new(),
    };
    for matrix in &matrices {
        for flow in &matrix.flows {
            builder.flow(matrix, flow);
        }
    }
    let missing = builder.missing();
    Ok(Plan {
        site: site.name.clone(),
        hops: builder.hops,
        inside: builder.inside,
        unplanned: builder.unplanned,
        roles: words.planned_roles(),
        controls: controls(site),
        missing,
    })
}

fn controls(site: &Site) -> Vec<Control> {
    let of_host = |(host, ports): (&String, &Vec<u16>)| {
        ports.iter().map(|port| Control { host: host.clone(), port: *port }).collect::<Vec<_>>()
    };
    site.controls.iter().flat_map(of_host).collect()
}

/// What makes two hops the very same request. The RPC interfaces count: a flow that needs others is
/// not proved by the first. So does the role behind a relay.
#[derive(PartialEq, Eq, Hash)]
struct Request {
    from: Host,
    to: Host,
    address: Option<IpAddr>,
    port: u16,
    protocol: Protocol,
    path: Option<String>,
    expect: Expect,
    starttls: bool,
    interfaces: Vec<String>,
    range: Option<PortSet>,
    relayed_to: Option<RoleId>,
}

struct Builder<'w, 'a> {
    words: &'w Words<'a>,
    /// The tables that apply at this site.
    matrices: &'w [&'w Matrix],
    hops: Vec<Hop>,
    inside: Vec<Hop>,
    unplanned: Vec<Unplanned>,
    /// Place in `hops` of the first hop of each request.
    first: HashMap<Request, usize>,
    /// Ids of `hops`.
    taken: HashSet<String>,
    /// By flow: the same with `required` set, because a flow that the product needs was folded into
    /// one that it does not.
    required: HashMap<String, Arc<PlannedFlow>>,
    /// How many flows the product needs at this site.
    needed: usize,
    /// By role without a host: how many of these it has a part in.
    lost: BTreeMap<RoleId, usize>,
}

/// One side of a flow: the role connected to or from, and its hosts.
struct Side<'w> {
    role: RoleId,
    /// Of all flows of the role together: there may be many.
    hosts: Cow<'w, [Host]>,
}

impl<'w> Builder<'w, '_> {
    /// Counts a flow that the product needs, and its roles that have no host.
    fn count(&mut self, flow: &Flow) {
        if !flow.required || self.words.unmet(flow).is_some() {
            return;
        }
        self.needed += 1;
        let ends: BTreeSet<&RoleId> =
            [Some(&flow.from), Some(&flow.to), flow.via.as_ref()].into_iter().flatten().collect();
        for role in
            ends.into_iter().filter(|role| self.side(role).is_err()).cloned().collect::<Vec<_>>()
        {
            *self.lost.entry(role).or_default() += 1;
        }
    }

    /// The roles without which a third of what the product needs falls away. Others are a choice of
    /// the site: nobody has every agent.
    fn missing(&self) -> Vec<MissingRole> {
        let many = self.lost.iter().filter(|(_, flows)| **flows * 3 >= self.needed);
        many.map(|(role, flows)| MissingRole { role: role.clone(), flows: *flows, of: self.needed })
            .collect()
    }

    fn flow(&mut self, matrix: &Matrix, flow: &Flow) {
        self.count(flow);
        let id = format!("{}/{}", short_name(&matrix.id), flow.id);
        let unplanned =
            |why| Unplanned { flow: id.clone(), from: flow.from.clone(), to: flow.to.clone(), why };
        let (planned, port, from, to) = match self.prepare(matrix, flow, &id) {
            Ok(prepared) => prepared,
            Err(why) => {
                self.unplanned.push(unplanned(why));
                return;
            }
        };
        let planned = Arc::new(planned);
        let mut connectable = Vec::new();
        for host in to.hosts.iter() {
            match cannot_connect_to(host) {
                Some(why) => self.unplanned.push(unplanned(why)),
                None => connectable.push(host),
            }
        }
        let is_wildcard =
            |host: &Host| matches!(host, Host::Named { name, .. } if name.contains('*'));
        if to.hosts.iter().all(is_wildcard) {
            self.unplanned.push(unplanned(Why::OnlyWildcards { role: to.role.clone() }));
        }
        let is_inside = self.is_behind_front(flow);
        for from_host in from.hosts.iter() {
            if let Host::Discover { domain, .. } = from_host {
                self.unplanned
                    .push(unplanned(Why::NotDiscovered { domain: domain.clone(), because: None }));
                continue;
            }
            for to_host in &connectable {
                let is_same = is_same(from_host, to_host);
                if is_same {
                    self.unplanned.push(unplanned(Why::SameHost { host: to_host.label() }));
                }
                for (target, address) in targets(to_host) {
                    let from = HopEnd { role: from.role.clone(), host: from_host.clone() };
                    let end = HopEnd { role: to.role.clone(), host: (*to_host).clone() };
                    let hop = Hop {
                        id: hop_id(&planned, &from.host.label(), &target, port),
                        class: self.class(&to.role, to_host),
                        translated: self.words.is_translated(&from, &end),
                        ..Hop::new(planned.clone(), from, end, address, port)
                    };
                    match is_same {
                        false => self.add(hop, flow),
                        true if is_inside => self.inside.push(hop),
                        true => {}
                    }
                }
            }
        }
    }

    /// Whether a flow is what a front makes of another one.
    fn is_behind_front(&self, flow: &Flow) -> bool {
        let mut all = self.matrices.iter().flat_map(|matrix| &matrix.flows);
        flow.via.is_none()
            && flow.expect == Expect::Allow
            && all.any(|other| other.via.as_ref() == Some(&flow.from) && other.to == flow.to)
    }

    /// Everything about a flow that does not depend on the pair of hosts, or why there is no pair.
    fn prepare(
        &self,
        matrix: &Matrix,
        flow: &Flow,
        id: &str,
    ) -> Result<(PlannedFlow, u16, Side<'w>, Side<'w>), Why> {
        if let Some(condition) = self.words.unmet(flow) {
            return Err(Why::ConditionFalse { condition: condition.to_string() });
        }
        if flow.protocol == Protocol::Udp {
            return Err(Why::ProtocolNotProbed { protocol: flow.protocol });
        }
        let from = self.side(&flow.from)?;
        let behind = self.side(&flow.to)?;
        let front = flow.via.as_ref().and_then(|via| self.side(via).ok());
        let (to, relayed_to) = match front {
            Some(front) => {
                let (ports, paths) = self.behind(flow, &front.role);
                (
                    front,
                    Some(RelayedTo {
                        hosts: behind.hosts.iter().map(Host::label).collect(),
                        role: behind.role,
                        ports,
                        paths,
                    }),
                )
            }
            None => (behind, None),
        };
        let port = self.words.port(&flow.port)?;
        let planned = PlannedFlow {
            id: id.to_owned(),
            matrix: matrix.id.clone(),
            protocol: flow.protocol,
            relayed_to,
            options: self.options(flow)?,
            expect: flow.expect,
            required: flow.required,
            source: source(matrix, flow),
            remark: flow.remark.clone(),
            doubt: flow.doubt.clone(),
            inferred: flow.inferred.clone(),
            certificate: self.words.certificate(&to.role),
            networks: self.published_networks(&to),
            locate: self.words.role(&to.role).and_then(|role| role.locate),
            caution: flow.caution.clone(),
        };
        Ok((planned, port, from, to))
    }

    /// What the flow's protocol needs beyond its port.
    fn options(&self, flow: &Flow) -> Result<Options, Why> {
        let range = flow.range.as_ref().map(|name| self.words.range(name)).transpose()?;
        Ok(match flow.protocol.application() {
            Application::Raw => {
                Options::Raw { first_bytes: flow.first_bytes, greeting: flow.greeting }
            }
            Application::Http | Application::Grpc => Options::Web { path: flow.path.clone() },
            Application::Ldap => Options::Ldap { starttls: flow.starttls },
            Application::Rpc => Options::Rpc { interfaces: self.words.interfaces(flow), range },
            _ => Options::None,
        })
    }

    /// The ports and paths of the flows from a front to the role behind it: those of the same path
    /// where there are any.
    fn behind(&self, flow: &Flow, front: &RoleId) -> (Vec<u16>, Vec<String>) {
        let all = self.matrices.iter().flat_map(|matrix| &matrix.flows);
        let onward: Vec<&Flow> = all
            .filter(|f| {
                f.from == *front && f.to == flow.to && f.via.is_none() && f.expect == Expect::Allow
            })
            .filter(|f| {
                f.protocol.is_web() == flow.protocol.is_web() && self.words.unmet(f).is_none()
            })
            .collect();
        let same_path = onward.iter().any(|f| f.path == flow.path);
        let onward = onward.into_iter().filter(|f| !same_path || f.path == flow.path);
        let (mut ports, mut paths) = (Vec::new(), Vec::new());
        for flow in onward {
            ports.extend(self.words.port(&flow.port).ok().filter(|port| !ports.contains(port)));
            paths.extend(flow.path.clone().filter(|path| !paths.contains(path)));
        }
        (ports, paths)
    }

    /// The site's hosts of a role; the published names of a cloud role where the site gives none.
    fn side(&self, role: &RoleId) -> Result<Side<'w>, Why> {
        let words: &'w Words<'_> = self.words;
        let given = words.hosts(role);
        let hosts = if given.is_empty() {
            let published = self.words.role(role).into_iter().flat_map(|role| role.all_names());
            published
                .map(|name| Host::Named { name: name.to_lowercase(), addresses: Vec::new() })
                .collect()
        } else {
            Cow::Borrowed(given)
        };
        if hosts.is_empty() {
            Err(Why::RoleWithoutHost { role: role.clone() })
        } else {
            Ok(Side { role: role.clone(), hosts })
        }
    }

    /// How much a published name matters, where the site does not say itself where it is.
    fn class(&self, role: &RoleId, host: &Host) -> Option<NameClass> {
        match host {
            Host::Named { name, addresses } if addresses.is_empty() => {
                self.words.role(role)?.class(name)
            }
            _ => None,
        }
    }

    /// The published ranges of a cloud role, unless the site itself says where one of its hosts is:
    /// then the site knows better.
    fn published_networks(&self, to: &Side<'_>) -> Vec<ipnet::IpNet> {
        let Some(role) = self.words.role(&to.role) else { return Vec::new() };
        let published = |host: &Host| match host {
            Host::Named { name, addresses } => {
                addresses.is_empty() && role.names.iter().any(|pattern| covers(pattern, name))
            }
            _ => false,
        };
        if to.hosts.iter().all(published) { self.words.networks(role) } else { Vec::new() }
    }

    /// Adds a hop, or folds it into the first one that asks for the same.
    fn add(&mut self, mut hop: Hop, flow: &Flow) {
        let request = Request {
            from: hop.from.host.clone(),
            to: hop.to.host.clone(),
            address: hop.address,
            port: hop.port,
            protocol: hop.flow.protocol,
            path: hop.flow.options.path().map(str::to_owned),
            expect: hop.flow.expect,
            starttls: hop.flow.options.starttls(),
            interfaces: interface_names(hop.flow.options.interfaces()),
            range: hop.flow.options.range().cloned(),
            relayed_to: hop.flow.relayed_to.as_ref().map(|r| r.role.clone()),
        };
        let Some(place) = self.first.get(&request) else {
            self.first.insert(request, self.hops.len());
            hop.id = self.unique(hop.id);
            self.hops.push(hop);
            return;
        };
        let first = &mut self.hops[*place];
        if hop.flow.required && !first.flow.required {
            let same = self.required.entry(first.flow.id.clone());
            first.flow = same
                .or_insert_with(|| {
                    Arc::new(PlannedFlow { required: true, ..(*first.flow).clone() })
                })
                .clone();
        }
        if !first.also.contains(&hop.flow.id) {
            first.also.push(hop.flow.id.clone());
        }
        let why = Why::CoveredBy { hop: first.id.clone() };
        self.unplanned.push(Unplanned {
            flow: hop.flow.id.clone(),
            from: flow.from.clone(),
            to: flow.to.clone(),
            why,
        });
    }
}

impl Builder<'_, '_> {
    /// Two tables of one product may have the same last part of their id and a flow of the same
    /// name: their hops are told apart by `#2`.
    fn unique(&mut self, id: String) -> String {
        let mut candidate = id.clone();
        let mut number = 1;
        while !self.taken.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{id}#{number}");
        }
        candidate
    }
}

/// The last part of a matrix id, which begins the ids of its flows.
pub fn short_name(matrix: &str) -> &str {
    matrix.rsplit('/').next().unwrap_or(matrix)
}

fn interface_names(interfaces: &[Interface]) -> Vec<String> {
    let mut names: Vec<String> = interfaces.iter().map(|i| i.name.clone()).collect();
    names.sort_unstable();
    names
}

/// "Section, row n" of the source, for citing.
fn source(matrix: &Matrix, flow: &Flow) -> String {
    let section =
        flow.section.as_ref().or(matrix.source.section.as_ref()).unwrap_or(&matrix.source.document);
    match flow.row {
        Some(row) => format!("{section}, row {row}"),
        None => section.clone(),
    }
}

fn cannot_connect_to(host: &Host) -> Option<Why> {
    match host {
        Host::Network(network) => Some(Why::NetworkOnToSide { network: network.to_string() }),
        Host::Discover { domain, .. } => {
            Some(Why::NotDiscovered { domain: domain.clone(), because: None })
        }
        Host::Named { name, .. } if name.contains('*') => {
            Some(Why::Wildcard { name: name.clone() })
        }
        Host::Named { .. } | Host::Address(_) => None,
    }
}

/// Whether two entries of the site file are one machine, as far as the file tells.
fn is_same(a: &Host, b: &Host) -> bool {
    match (a, b) {
        (Host::Named { name: a, .. }, Host::Named { name: b, .. }) => a == b,
        (Host::Named { addresses, .. }, Host::Address(address))
        | (Host::Address(address), Host::Named { addresses, .. }) => addresses.contains(address),
        _ => a == b,
    }
}

/// How hop ids call the addresses of a To host: the name is followed by its address where it has
/// several.
fn targets(host: &Host) -> Vec<(String, Option<IpAddr>)> {
    match host {
        Host::Address(address @ IpAddr::V6(_)) => vec![(format!("[{address}]"), Some(*address))],
        Host::Address(address) => vec![(address.to_string(), Some(*address))],
        Host::Named { name, addresses } if addresses.len() > 1 => {
            addresses.iter().map(|a| (format!("{name}[{a}]"), Some(*a))).collect()
        }
        _ => vec![(host.label(), host_address(host))],
    }
}

fn host_address(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Named { addresses, .. } => addresses.first().copied(),
        Host::Address(address) => Some(*address),
        Host::Network(_) | Host::Discover { .. } => None,
    }
}

#[cfg(test)]
mod tests;
