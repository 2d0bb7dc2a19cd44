//! What a host must accept: the ports to open, and what each stands in for.

use crate::matrix::model::{Expect, Interface, Protocol};
use crate::matrix::port_set::PortSet;
use crate::plan::model::{Hop, Plan};
use crate::plan::select::{NotFound, Selection, Who};
use crate::protocol::greeting::list::Greeting;
use crate::protocol::list::ProofPlace;
use crate::site::model::Host;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// The ports that one host, or the hosts of one role, must open.
#[derive(Debug, Clone)]
pub struct Listening<'p> {
    /// Who listens.
    pub selection: Selection<'p>,
    /// One per host and port, in the order of the plan.
    pub endpoints: Vec<Endpoint<'p>>,
    /// Flows that one port cannot serve together with what `endpoints` says of it.
    pub conflicts: Vec<Conflict<'p>>,
}

/// One open port of one host.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint<'p> {
    /// The host, as the site file names it.
    pub host: Host,
    /// The port, after overrides and offset.
    pub port: u16,
    /// What is spoken: one protocol, or HTTP and gRPC together.
    pub protocols: Vec<Protocol>,
    /// Hops that end here. Those with `expect = deny` too: only where somebody listens can it be
    /// shown that a way is shut.
    pub hops: Vec<&'p Hop>,
    /// HTTP paths that hops with `expect = allow` ask for, each once.
    pub paths: Vec<String>,
    /// RPC interfaces that the hops need, each once.
    pub interfaces: Vec<Interface>,
    /// RPC dynamic range.
    pub range: Option<PortSet>,
    /// Addresses that the site fixes for the host; empty means all of this machine's.
    pub addresses: Vec<IpAddr>,
    /// TLS begins with the first octet.
    pub tls: bool,
    /// A certificate is needed for StartTLS.
    pub starttls: bool,
    /// The greeting that is answered.
    pub greeting: Option<Greeting>,
}

/// Two protocols that cannot share a port, asked for on the same one.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict<'p> {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// What the endpoint speaks.
    pub speaks: Protocol,
    /// What this hop would need instead.
    pub needs: Protocol,
    /// The hop that cannot be served.
    pub hop: &'p Hop,
}

impl std::fmt::Display for Conflict<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Conflict { host, port, speaks, needs, hop } = self;
        write!(
            f,
            "port {port} of {} speaks {speaks} and cannot speak {needs} for {}",
            host.label(),
            hop.id
        )
    }
}

/// The ports that a host or role must open.
///
/// # Errors
/// As [`Plan::for_host`].
pub fn listen_endpoints<'p>(plan: &'p Plan, who: &Who) -> Result<Listening<'p>, NotFound> {
    Ok(listening(plan.for_host(who)?))
}

/// The ports that everybody of a selection must open.
pub fn listening(selection: Selection<'_>) -> Listening<'_> {
    let (endpoints, conflicts) = endpoints(&selection.listen);
    Listening { selection, endpoints, conflicts }
}

impl Plan {
    /// The fronts that pass on to this port of a host, with the ports at which they themselves are
    /// reached: what is sent to them may come there.
    pub fn fronts_of(&self, host: &str, port: u16) -> Vec<(String, u16)> {
        let leads_here = |hop: &&Hop| {
            hop.flow.relayed_to.as_ref().is_some_and(|behind| {
                behind.hosts.iter().any(|label| label == host)
                    && (behind.ports.is_empty() || behind.ports.contains(&port))
            })
        };
        let hops = self.hops.iter().chain(&self.inside).filter(leads_here);
        let fronts: BTreeSet<(String, u16)> =
            hops.map(|hop| (hop.to.host.label(), hop.port)).collect();
        fronts.into_iter().collect()
    }
}

/// Groups hops by the port that they end at.
pub fn endpoints<'p>(hops: &[&'p Hop]) -> (Vec<Endpoint<'p>>, Vec<Conflict<'p>>) {
    let mut open: Vec<Endpoint<'p>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let mut conflicts = Vec::new();
    // What must be open decides what a port speaks; what must be shut only needs somebody there.
    let (allowed, denied): (Vec<&Hop>, Vec<&Hop>) =
        hops.iter().partition(|hop| hop.flow.expect == Expect::Allow);
    for hop in allowed.into_iter().chain(denied) {
        let place = *places
            .entry((&hop.to.host, hop.flow.protocol.transport(), hop.port))
            .or_insert_with(|| {
                open.push(Endpoint::new(hop));
                open.len() - 1
            });
        let endpoint = &mut open[place];
        match endpoint.protocols.iter().find(|spoken| !may_share(**spoken, hop.flow.protocol)) {
            None => endpoint.add(hop),
            Some(spoken) => {
                let (speaks, needs) = (*spoken, hop.flow.protocol);
                conflicts.push(Conflict {
                    host: hop.to.host.clone(),
                    port: hop.port,
                    speaks,
                    needs,
                    hop,
                });
            }
        }
    }
    for endpoint in &mut open {
        endpoint.greeting = greeting(&endpoint.hops);
    }
    (open, conflicts)
}

/// The greeting of a port: none where its hops do not agree on one, or one of them sends first
/// octets of our own.
fn greeting(hops: &[&Hop]) -> Option<Greeting> {
    let greeting = hops.iter().find_map(|hop| hop.flow.options.greeting())?;
    let agree = hops.iter().all(|hop| {
        !hop.flow.options.first_bytes()
            && hop.flow.options.greeting().is_none_or(|other| other == greeting)
    });
    agree.then_some(greeting)
}

/// Whether one server on a port can speak both.
pub fn may_share(a: Protocol, b: Protocol) -> bool {
    let one_server = [[Protocol::Http, Protocol::GrpcH2c], [Protocol::Https, Protocol::Grpc]];
    // Whoever greets answers a challenge on a bare connection as well.
    let beside = |a: Protocol, b: Protocol| a.proof() == ProofPlace::Beside && a.bare() == b;
    a == b
        || beside(a, b)
        || beside(b, a)
        || one_server.iter().any(|pair| pair.contains(&a) && pair.contains(&b))
}

impl<'p> Endpoint<'p> {
    fn new(hop: &'p Hop) -> Self {
        let addresses = match &hop.to.host {
            Host::Named { addresses, .. } => addresses.clone(),
            Host::Address(address) => vec![*address],
            Host::Network(_) | Host::Discover { .. } => Vec::new(),
        };
        Endpoint {
            host: hop.to.host.clone(),
            port: hop.port,
            protocols: vec![hop.flow.protocol],
            hops: Vec::new(),
            paths: Vec::new(),
            interfaces: Vec::new(),
            range: None,
            addresses,
            tls: false,
            starttls: false,
            greeting: None,
        }
    }

    fn add(&mut self, hop: &'p Hop) {
        let flow = &hop.flow;
        // What stays on one machine may go over its loopback device.
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        if hop.from.host == hop.to.host
            && !self.addresses.is_empty()
            && !self.addresses.contains(&loopback)
        {
            self.addresses.push(loopback);
        }
        if !self.protocols.contains(&flow.protocol) {
            self.protocols.push(flow.protocol);
            // The first one is what the port speaks: an application before a bare connection.
            self.protocols.sort_by_key(|protocol| *protocol == protocol.bare());
        }
        if let (Expect::Allow, Some(path)) = (flow.expect, flow.options.path())
            && !self.paths.iter().any(|known| known == path)
        {
            self.paths.push(path.to_owned());
        }
        for interface in flow.options.interfaces() {
            if !self.interfaces.iter().any(|known| known.name == interface.name) {
                self.interfaces.push(interface.clone());
            }
        }
        // Ranges of several flows to one host: all of them, so that every port of each is open.
        self.range = match (self.range.take(), flow.options.range()) {
            (Some(a), Some(b)) => Some(a.union(b)),
            (a, b) => a.or_else(|| b.cloned()),
        };
        self.tls |= flow.protocol.is_tls();
        self.starttls |= flow.options.starttls();
        self.hops.push(hop);
    }
}

#[cfg(test)]
mod tests;
