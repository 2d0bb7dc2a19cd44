//! The plan as a JSON document, `portmatrix/plan/1`.

use crate::matrix::model::{Expect, Protocol, RoleId};
use crate::plan::model::{Hop, MissingRole, Plan, Unplanned};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

/// Name and version of the format.
pub const SCHEMA: &str = "portmatrix/plan/1";

/// All hops of a site, and what was not planned.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanDocument<'p> {
    /// Always `portmatrix/plan/1`.
    pub schema: &'static str,
    /// Name of the site.
    pub site: &'p str,
    /// One entry per hop.
    pub hops: Vec<HopEntry<'p>>,
    /// Flows, or pairs of a flow, that gave no hop.
    pub unplanned: Vec<&'p Unplanned>,
    /// Roles without a host that many of the required flows go from or to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_roles: Vec<&'p MissingRole>,
}

/// One hop.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HopEntry<'p> {
    /// Identifier of the hop.
    pub hop: &'p str,
    /// Full id of the flow.
    pub flow: &'p str,
    /// Id of the matrix.
    pub matrix: &'p str,
    /// Who connects.
    pub from: FromEntry<'p>,
    /// What is connected to.
    pub to: ToEntry<'p>,
    /// Application protocol.
    pub protocol: Protocol,
    /// Open or shut.
    pub expect: Expect,
    /// Whether the product needs it.
    pub required: bool,
    /// HTTP path, or path of the gRPC endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'p str>,
    /// LDAP: StartTLS is tried too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub starttls: bool,
    /// RPC: names of the interfaces needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<&'p str>,
    /// RPC: the dynamic range, `first-last`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// The role and hosts behind the host that is connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relayed_to: Option<RelayedEntry<'p>>,
    /// Published address ranges that a resolved address should be in.
    #[serde(skip_serializing_if = "slice_is_empty")]
    #[schemars(with = "Vec<String>")]
    pub networks: &'p [IpNet],
    /// Section and row of the source.
    pub source: &'p str,
    /// The source's remark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<&'p str>,
    /// What is doubtful about the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<&'p str>,
    /// Why the row is here although no port table has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inferred: Option<&'p str>,
    /// Flows that ask for the very same, folded into this hop.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub also: &'p [String],
}

/// The From side.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FromEntry<'p> {
    /// Role in this flow.
    pub role: &'p RoleId,
    /// Host or network, as the site file names it.
    pub host: String,
}

/// The To side.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ToEntry<'p> {
    /// Role in this flow.
    pub role: &'p RoleId,
    /// Host, as the site file names it.
    pub host: String,
    /// Its address, where the site fixes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Port.
    pub port: u16,
}

/// What stands behind the To host.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RelayedEntry<'p> {
    /// Role reached in the end.
    pub role: &'p RoleId,
    /// Its hosts.
    pub hosts: &'p [String],
}

fn slice_is_empty<T>(slice: &&[T]) -> bool {
    slice.is_empty()
}

impl<'p> HopEntry<'p> {
    /// A hop as it stands in the document.
    pub fn new(hop: &'p Hop) -> Self {
        let flow = &hop.flow;
        HopEntry {
            hop: &hop.id,
            flow: &flow.id,
            matrix: &flow.matrix,
            from: FromEntry { role: &hop.from.role, host: hop.from.host.label() },
            to: ToEntry {
                role: &hop.to.role,
                host: hop.to.host.label(),
                address: hop.address,
                port: hop.port,
            },
            protocol: flow.protocol,
            expect: flow.expect,
            required: flow.required,
            path: flow.options.path(),
            starttls: flow.options.starttls(),
            interfaces: flow
                .options
                .interfaces()
                .iter()
                .map(|interface| interface.name.as_str())
                .collect(),
            range: flow.options.range().map(ToString::to_string),
            relayed_to: flow
                .relayed_to
                .as_ref()
                .map(|relayed| RelayedEntry { role: &relayed.role, hosts: &relayed.hosts }),
            networks: &flow.networks,
            source: &flow.source,
            remark: flow.remark.as_deref(),
            doubt: flow.doubt.as_deref(),
            inferred: flow.inferred.as_deref(),
            also: &hop.also,
        }
    }
}

impl<'p> PlanDocument<'p> {
    /// Some hops of a plan, with everything that was not planned.
    pub fn new(plan: &'p Plan, hops: &[&'p Hop], unplanned: &[&'p Unplanned]) -> Self {
        let hops = hops.iter().map(|hop| HopEntry::new(hop)).collect();
        PlanDocument {
            schema: SCHEMA,
            site: &plan.site,
            hops,
            unplanned: unplanned.to_vec(),
            missing_roles: plan.missing.iter().collect(),
        }
    }
}
