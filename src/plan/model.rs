//! The plan: flows bound to the hosts of one site.

use super::options::Options;
use crate::matrix::model::{Expect, Locate, NameClass, Protocol, Role, RoleId};
use crate::protocol::list::Transport;
use crate::site::model::Host;
use crate::site::proxy::{NoProxy, Proxy, Route};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// All hops of a site, and every flow that was not planned, with the reason.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name of the site.
    pub site: String,
    /// Hops, in the order of the matrices and of the site's hosts.
    pub hops: Vec<Hop>,
    /// What a front passes on to a service on its own machine, where both are one: nothing that
    /// can be connected to from elsewhere, and a listener must have it all the same. None of these
    /// is in `hops`.
    pub inside: Vec<Hop>,
    /// What was left out, and why.
    pub unplanned: Vec<Unplanned>,
    /// Every role of the product's tables, with the hosts that the site gives it: for finding out
    /// whose hops are whose.
    pub roles: Vec<PlannedRole>,
    /// Ports that the site file says are open from everywhere.
    pub controls: Vec<Control>,
    /// Roles without a host that many of the flows which the product needs go from or to.
    pub missing: Vec<MissingRole>,
}

/// A role without a host, without which little of the plan is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingRole {
    /// The role.
    pub role: RoleId,
    /// How many required flows fall away, or lose the front that they go through.
    pub flows: usize,
    /// How many required flows apply at this site.
    pub of: usize,
}

impl std::fmt::Display for MissingRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let MissingRole { role, flows, of } = self;
        let what = if *of == 1 {
            "the only required flow needs it and is".to_owned()
        } else {
            format!("{flows} of {of} required flows need it and are")
        };
        write!(
            f,
            "no host has the role {role}: {what} not tested as the tables have {}",
            if *of == 1 { "it" } else { "them" }
        )
    }
}

/// A port that is known to be open: what the site file has in `[controls]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The host, as [`Host::label`] calls it.
    pub host: String,
    /// The port as it is; the site's offset is not added.
    pub port: u16,
}

/// A role and who has it at this site.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRole {
    /// The role.
    pub id: RoleId,
    /// Its own hosts and those of the roles that it includes, each once. Empty for a role that this
    /// site does not use.
    pub hosts: Vec<Host>,
    /// Roles whose hosts have this role too, directly and through others.
    pub includes: Vec<RoleId>,
    /// Roles to which its hosts belong closer, in time, than to those of `than_to`.
    pub nearer_to: Vec<RoleId>,
    /// See `nearer_to`.
    pub than_to: Vec<RoleId>,
    /// The role's declaration, where it publishes names.
    pub published: Option<Arc<Role>>,
}

/// One From host, one To endpoint, and what must (or must not) be possible between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Stable identifier: `matrix/flow/from/to:port`, and `[address]` after the name when a name
    /// has several addresses.
    pub id: String,
    /// What all hops of one flow have in common.
    pub flow: Arc<PlannedFlow>,
    /// The From side.
    pub from: HopEnd,
    /// The To side: the host that is connected to.
    pub to: HopEnd,
    /// Address to connect to; `None` until the name has been resolved.
    pub address: Option<IpAddr>,
    /// Port to connect to, after overrides and offset.
    pub port: u16,
    /// For a published name of a cloud service: how much it matters.
    pub class: Option<NameClass>,
    /// The outbound proxy on the way to it; `address` is not looked up then.
    pub proxy: Option<Arc<Proxy>>,
    /// Full ids of flows of the plan that ask for the very same thing, and were folded into this
    /// hop.
    pub also: Vec<String>,
    /// Whether the site file says that both addresses are changed on the way (`[nat]`).
    pub translated: bool,
}

/// The id of a hop: flow, From host, To host with the port. TCP is not named in it.
pub fn hop_id(flow: &PlannedFlow, from: &str, to: &str, port: u16) -> String {
    let from = from.replace('/', "_");
    let transport = match flow.protocol.transport() {
        Transport::Tcp => String::new(),
        other => format!("/{}", other.name()),
    };
    format!("{}/{from}/{to}:{port}{transport}", flow.id)
}

impl Hop {
    /// A hop of that flow from one host to another, straight to an address.
    pub fn new(
        flow: Arc<PlannedFlow>,
        from: HopEnd,
        to: HopEnd,
        address: Option<IpAddr>,
        port: u16,
    ) -> Self {
        let id = hop_id(&flow, &from.host.label(), &to.host.label(), port);
        Hop {
            id,
            flow,
            from,
            to,
            address,
            port,
            class: None,
            proxy: None,
            also: Vec::new(),
            translated: false,
        }
    }

    /// The name that has to be looked up before the hop can be probed: the host's, or its proxy's.
    pub fn name_to_look_up(&self) -> Option<&str> {
        match (&self.proxy, &self.to.host) {
            (Some(proxy), _) => Some(proxy.host.as_str()).filter(|_| proxy.addresses.is_empty()),
            (None, Host::Named { name, .. }) => {
                Some(name.as_str()).filter(|_| self.address.is_none())
            }
            _ => None,
        }
    }

    /// The address that is connected to: the host's, or its proxy's.
    pub fn peer_address(&self) -> Option<IpAddr> {
        self.proxy.as_ref().map_or(self.address, |proxy| proxy.addresses.first().copied())
    }
}

impl Plan {
    /// The same plan with the published names of cloud services reached on each of these routes;
    /// `direct` stands for all names of `except`, and for what is no HTTPS: a proxy of the web is
    /// for nothing else.
    #[must_use]
    pub fn through(mut self, routes: &[Route], except: &NoProxy) -> Plan {
        let mut hops = Vec::with_capacity(self.hops.len());
        for hop in self.hops {
            let name = hop.to.host.label();
            let routed = hop.class.is_some() && hop.flow.protocol == Protocol::Https;
            let mut direct = !routed;
            for route in routes.iter().filter(|_| routed) {
                match route {
                    Route::Proxy(proxy) if !except.covers(&name) => {
                        let id = format!("{}@{}", hop.id, proxy.label());
                        hops.push(Hop {
                            id,
                            proxy: Some(proxy.clone()),
                            address: None,
                            ..hop.clone()
                        });
                    }
                    _ => direct = true,
                }
            }
            if direct {
                hops.push(hop);
            }
        }
        self.hops = hops;
        self
    }
}

/// One side of a hop.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HopEnd {
    /// Role in this flow.
    pub role: RoleId,
    /// Entry of the site file.
    pub host: Host,
}

/// A flow after the site's ports and ranges were put in.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedFlow {
    /// Full id, `matrix/flow`.
    pub id: String,
    /// Id of the matrix.
    pub matrix: String,
    /// Application protocol.
    pub protocol: Protocol,
    /// Role reached in the end, where the To host only stands in front of it (`via`).
    pub relayed_to: Option<RelayedTo>,
    /// What the protocol needs beyond a port.
    pub options: Options,
    /// Open or shut.
    pub expect: Expect,
    /// Whether the product needs it.
    pub required: bool,
    /// "Section, row n", for citing.
    pub source: String,
    /// The document's remark.
    pub remark: Option<String>,
    /// What is doubtful about the row.
    pub doubt: Option<String>,
    /// Why the row is here although no port table has it.
    pub inferred: Option<String>,
    /// Subject that the certificate of the To host must have, where the site names one.
    pub certificate: Option<String>,
    /// Published address ranges of the To role (cloud services), to check resolved addresses
    /// against.
    pub networks: Vec<IpNet>,
    /// Which domain controllers the To role stands for, where it stands for any.
    pub locate: Option<Locate>,
    /// What may still fail although the way is open.
    pub caution: Option<String>,
}

impl PlannedFlow {
    /// A flow that is open, needed, and nothing else.
    pub fn new(id: &str, protocol: Protocol) -> Self {
        PlannedFlow {
            id: id.to_owned(),
            matrix: String::new(),
            protocol,
            relayed_to: None,
            options: Options::None,
            expect: Expect::Allow,
            required: true,
            source: String::new(),
            remark: None,
            doubt: None,
            inferred: None,
            certificate: None,
            networks: Vec::new(),
            locate: None,
            caution: None,
        }
    }
}

/// The host behind the one that is connected to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelayedTo {
    /// Role behind.
    pub role: RoleId,
    /// Labels of its hosts: a proof from one of these is a proof that the relay works.
    pub hosts: Vec<String>,
    /// The ports to which the tables lead the front's own connections; empty where they do not say.
    pub ports: Vec<u16>,
    /// The paths that they ask for there.
    pub paths: Vec<String>,
}

/// A flow, or one of its pairs, that gave no hop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unplanned {
    /// Full flow id.
    pub flow: String,
    /// Role it would come from.
    pub from: RoleId,
    /// Role it would go to.
    pub to: RoleId,
    /// Why.
    pub why: Why,
}

/// Why a flow was not planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Why {
    /// A condition of `when` does not hold at this site.
    ConditionFalse {
        /// The first condition that does not hold.
        condition: String,
    },
    /// The site gives no host to a role that the flow needs.
    RoleWithoutHost {
        /// The role.
        role: RoleId,
    },
    /// The To side is a network: nobody can connect to a whole network.
    NetworkOnToSide {
        /// The network.
        network: String,
    },
    /// The To side is a wildcard name: an entry for an allow list, not a host.
    Wildcard {
        /// The name.
        name: String,
    },
    /// Every name of the role is a wildcard: there is nothing to connect to, and the flow is not
    /// tested.
    OnlyWildcards {
        /// The role.
        role: RoleId,
    },
    /// From and To are the same host.
    SameHost {
        /// The host.
        host: String,
    },
    /// The same connection is already asked for by another flow.
    CoveredBy {
        /// The hop that covers it.
        hop: String,
    },
    /// The protocol is not probed by this version.
    ProtocolNotProbed {
        /// The protocol.
        protocol: Protocol,
    },
    /// The hosts are to be found through DNS, and were not (yet).
    NotDiscovered {
        /// The domain.
        domain: String,
        /// Why not, where they were looked up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// The hosts were found through DNS, and they are too many to test them all.
    NotAllDiscovered {
        /// The domain.
        domain: String,
        /// How many more are announced.
        more: usize,
    },
    /// The flow has no port that could be connected to: the offset carries it past 65535, or the
    /// table does not declare its name.
    NoPort {
        /// The port, range or name, before the offset.
        port: String,
    },
}

impl Why {
    /// Whether something that ought to work is left untested: the flow applies at this site, and
    /// only this program cannot look.
    pub fn leaves_untested(&self) -> bool {
        matches!(
            self,
            Why::ProtocolNotProbed { .. }
                | Why::NotDiscovered { .. }
                | Why::NotAllDiscovered { .. }
                | Why::NoPort { .. }
                | Why::NetworkOnToSide { .. }
                | Why::OnlyWildcards { .. }
        )
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::ConditionFalse { condition } => match condition.strip_prefix('!') {
                Some(feature) => write!(f, "feature {feature} is on at this site"),
                None => write!(f, "feature {condition} is off at this site"),
            },
            Why::RoleWithoutHost { role } => write!(f, "the site gives no host to the role {role}"),
            Why::NetworkOnToSide { network } => {
                write!(f, "{network} is a network: list the hosts to connect to")
            }
            Why::Wildcard { name } => {
                write!(f, "{name} is a wildcard: an entry for an allow list, not a host")
            }
            Why::OnlyWildcards { role } => {
                write!(
                    f,
                    "all names of {role} are wildcards: give the role a host, or names under \
                        `[role.concrete]`"
                )
            }
            Why::SameHost { host } => write!(f, "both sides are {host}"),
            Why::CoveredBy { hop } => write!(f, "covered by {hop}"),
            Why::ProtocolNotProbed { protocol } => write!(f, "{protocol} is not probed"),
            Why::NotDiscovered { domain, because: None } => {
                write!(f, "the domain controllers of {domain} are looked up by `connect`")
            }
            Why::NotDiscovered { domain, because: Some(because) } => {
                write!(
                    f,
                    "the domain controllers of {domain} were not found ({because}): mend DNS, ask \
                        another server with --dns, or list them as hosts"
                )
            }
            Why::NotAllDiscovered { domain, more } => {
                write!(
                    f,
                    "{more} more domain controllers of {domain} are announced than are tested: list \
                        those that matter as hosts, or name a `site`"
                )
            }
            Why::NoPort { port } => write!(f, "port {port} cannot be used at this site"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_a_transport_that_is_not_tcp() {
        let id = |protocol| hop_id(&PlannedFlow::new("m/dns", protocol), "10.0.0.0/8", "dc", 53);
        assert_eq!(id(Protocol::Tcp), "m/dns/10.0.0.0_8/dc:53");
        assert_eq!(id(Protocol::Udp), "m/dns/10.0.0.0_8/dc:53/udp");
    }
}
