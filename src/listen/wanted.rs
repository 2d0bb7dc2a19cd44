//! What is opened: the ports that the plan wants on this host, and what they share.

use super::gate::Gate;
use crate::matrix::model::{Interface, Protocol};
use crate::matrix::port_set::PortSet;
use crate::net::identity::Identity;
use crate::plan::listening::Endpoint;
use crate::plan::model::Plan;
use crate::protocol::greeting::list::Greeting;
use crate::stand_in::memory::journal::Journal;
use crate::stand_in::memory::receipts::Receipts;
use crate::stand_in::memory::sightings::Sightings;
use crate::wire::challenge::SiteKey;
use std::net::IpAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// One port that the plan wants on this host.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// This host, as the site file names it.
    pub host: String,
    /// Other names of this machine whose hops lead to the same port.
    pub also: Vec<String>,
    /// Fronts that pass on to this port, with their own ports.
    pub fronts: Vec<(String, u16)>,
    /// Addresses to open it on; empty means all of this machine.
    pub addresses: Vec<IpAddr>,
    /// The port.
    pub port: u16,
    /// What it speaks.
    pub protocol: Protocol,
    /// HTTP paths of the allowed flows.
    pub paths: Vec<String>,
    /// RPC interfaces to offer behind the mapper.
    pub interfaces: Vec<Interface>,
    /// RPC: the range for the interfaces' own ports.
    pub range: Option<PortSet>,
    /// Full ids of the flows that want it.
    pub flows: Vec<String>,
    /// TCP and TLS: the greeting that is answered.
    pub greeting: Option<Greeting>,
}

impl Wanted {
    /// The port of an endpoint, with the fronts that the plan knows before it.
    pub fn of(endpoint: &Endpoint<'_>, plan: &Plan) -> Self {
        let mut flows: Vec<String> = endpoint.hops.iter().map(|h| h.flow.id.clone()).collect();
        flows.dedup();
        Wanted {
            host: endpoint.host.label(),
            also: Vec::new(),
            fronts: plan.fronts_of(&endpoint.host.label(), endpoint.port),
            addresses: endpoint.addresses.clone(),
            port: endpoint.port,
            // HTTP and gRPC flows of one port are served alike.
            protocol: endpoint.protocols.first().copied().unwrap_or(Protocol::Tcp),
            paths: endpoint.paths.clone(),
            interfaces: endpoint.interfaces.clone(),
            range: endpoint.range.clone(),
            flows,
            greeting: endpoint.greeting,
        }
    }
}

/// What all ports of a listener share.
pub struct Shared {
    /// The site key.
    pub key: Option<SiteKey>,
    /// Certificate for TLS.
    pub identity: Arc<Identity>,
    /// Limits, used up by all ports together.
    pub gate: Arc<Gate>,
    /// What came lately, from where.
    pub sightings: Arc<Sightings>,
    /// Sweeps of a range, and which of its ports they reached.
    pub receipts: Arc<Receipts>,
    /// Whether dynamic ranges are opened as a whole, or only the ports of the interfaces.
    pub whole_ranges: bool,
    /// Descriptors that may be used for the ports of ranges; none is no limit.
    pub descriptors: Option<usize>,
    /// What is seen.
    pub journal: Arc<Journal>,
    /// Ends every port.
    pub stop: CancellationToken,
}
