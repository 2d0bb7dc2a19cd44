//! What a port table says, as values. Made only by [`crate::matrix::load`], which checks every rule
//! named here.

use super::endpoints::Origin;
use super::port_set::PortSet;
use crate::protocol::greeting::list::Greeting;
pub use crate::protocol::list::Protocol;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// A role of a host in the deployment, such as `target-pdc`.
pub type RoleId = String;

/// One port table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Matrix {
    /// `product/name`, e.g. `acme-sync/direct`.
    pub id: String,
    /// The product whose roles, features and named ports this table uses: the part of `id` before
    /// the slash, unless the file says otherwise.
    pub product: String,
    /// One line for `matrix list`.
    pub title: String,
    /// Only for this topology of the site; `None` is for every topology.
    pub topology: Option<String>,
    /// Where the table comes from.
    pub source: Source,
    /// Roles declared in this file.
    pub roles: Vec<Role>,
    /// Features declared in this file.
    pub features: Vec<Feature>,
    /// Named ports, which a site may override.
    pub ports: BTreeMap<String, u16>,
    /// Named port ranges (`rpc-dynamic`), which a site may override.
    pub ranges: BTreeMap<String, PortSet>,
    /// RPC interfaces, by the name that flows use.
    pub interfaces: Vec<Interface>,
    /// The rows.
    pub flows: Vec<Flow>,
}

/// What the files of one product declare together.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Product {
    /// Identifier, used in sites.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Roles, those of the product's own file first.
    pub roles: Vec<Role>,
    /// Features, in the same order.
    pub features: Vec<Feature>,
    /// Named ports.
    pub ports: BTreeMap<String, u16>,
    /// Named port ranges.
    pub ranges: BTreeMap<String, PortSet>,
    /// RPC interfaces.
    pub interfaces: Vec<Interface>,
    /// Ids of its matrices.
    pub matrices: Vec<String>,
    /// Topologies that its matrices are for, sorted: a site chooses one of them.
    pub topologies: Vec<String>,
}

impl Product {
    /// A role by its id.
    pub fn role(&self, id: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.id == id)
    }

    /// A feature by its id.
    pub fn feature(&self, id: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.id == id)
    }

    /// The role itself and every role that it includes, directly or through others: hosts of all of
    /// these have the role.
    pub fn included<'p>(&'p self, id: &'p str) -> Vec<&'p str> {
        let mut all = vec![id];
        let mut known = HashSet::from([id]);
        let mut next = 0;
        while let Some(role) = all.get(next).and_then(|id| self.role(id)) {
            all.extend(role.includes.iter().map(String::as_str).filter(|id| known.insert(id)));
            next += 1;
        }
        all
    }
}

/// The document that a table was read from.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Source {
    /// Title of the document.
    pub document: String,
    /// Date of its last update, `YYYY-MM-DD`.
    pub updated: Option<String>,
    /// Section of the document; a flow may name a finer one.
    pub section: Option<String>,
}

/// Which controllers of a domain a role stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Locate {
    /// All of them.
    #[default]
    Dc,
    /// The one that holds the PDC emulator role.
    Pdc,
    /// The global catalogs of the forest.
    Gc,
}

/// What a role is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Role {
    /// Identifier, used in sites and flows.
    pub id: RoleId,
    /// Short name for tables.
    pub title: String,
    /// One or two sentences for `init` and docs.
    pub description: Option<String>,
    /// An example host for `init`.
    pub example: Option<String>,
    /// For domain controllers: which of a domain's are meant. A site may have them looked up
    /// through DNS, and what answers LDAP there must be one.
    pub locate: Option<Locate>,
    /// Hosts with this role belong closer, in time, to hosts of these roles than to those of
    /// [`Role::than_to`].
    pub nearer_to: Vec<RoleId>,
    /// See [`Role::nearer_to`].
    pub than_to: Vec<RoleId>,
    /// Hosts of these roles also have this role (a source DC is a domain controller).
    pub includes: Vec<RoleId>,
    /// For a role that is the same everywhere (a cloud service): its host names, wildcards
    /// included.
    pub names: Vec<String>,
    /// Of these names, those without which nothing works.
    pub core: Vec<String>,
    /// Of these names, those of services that were retired: that one of them is not there is
    /// information, not a fault.
    pub legacy: Vec<String>,
    /// For wildcards among the names: names under them that are known, and can be tried.
    pub concrete: BTreeMap<String, Vec<String>>,
    /// The published list that names and ranges were taken from.
    pub endpoints: Option<Origin>,
    /// For such a role: the published address ranges.
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<IpNet>,
}

/// How much a published name matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NameClass {
    /// Without it nothing works.
    Core,
    /// Something needs it.
    Ordinary,
    /// Its service was retired: that it is not there is information, not a fault.
    Legacy,
}

impl NameClass {
    /// The word used in tables.
    pub fn name(self) -> &'static str {
        match self {
            NameClass::Core => "core",
            NameClass::Ordinary => "ordinary",
            NameClass::Legacy => "legacy",
        }
    }
}

impl Role {
    /// How much a name of this role matters; `None` for a name that it does not publish.
    pub fn class(&self, name: &str) -> Option<NameClass> {
        let among = |names: &[String]| names.iter().any(|pattern| covers(pattern, name));
        match () {
            () if !among(&self.names) => None,
            () if among(&self.legacy) => Some(NameClass::Legacy),
            () if among(&self.core) => Some(NameClass::Core),
            () => Some(NameClass::Ordinary),
        }
    }

    /// Every name that can be looked at, wildcards included: each wildcard is followed by what is
    /// known under it.
    pub fn all_names(&self) -> impl Iterator<Item = &String> {
        self.names.iter().flat_map(|name| {
            std::iter::once(name).chain(self.concrete.get(name).into_iter().flatten())
        })
    }
}

/// Whether a published name, perhaps a wildcard, stands for this host name.
pub fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(_) if pattern == name => true,
        Some(domain) => {
            let (name, domain) = (name.to_lowercase(), domain.to_lowercase());
            name.strip_suffix(&domain).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// A switch that conditions can ask for.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Feature {
    /// Identifier, used in a site's `features` and a flow's `when`.
    pub id: String,
    /// One line that says what switching it on means.
    pub title: String,
    /// On by itself when the site gives a host to this role (unless the site says `!id`).
    pub implied_by: Option<RoleId>,
    /// On unless the site says `!id`.
    pub default: bool,
}

/// An RPC interface that a flow needs (MS-RPCE 2.2.2; C706).
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Interface {
    /// Name used by flows and in results, e.g. `drsuapi`.
    pub name: String,
    /// UUID; in its usual text form, lower case, in files.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Major and minor version.
    pub version: (u16, u16),
    /// What it is used for.
    pub title: Option<String>,
    /// What to do when the mapper does not know it (a setting to change).
    pub hint: Option<String>,
}

/// Where a flow's port comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// Fixed by the document; a site cannot change it.
    Literal(u16),
    /// A named port of the matrix, which a site may override.
    Named(String),
}

/// What a flow is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// The way must be open.
    #[default]
    Allow,
    /// The way must be shut.
    Deny,
}

impl std::fmt::Display for Expect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Expect::Allow => "allow",
            Expect::Deny => "deny",
        })
    }
}

/// A condition of `when`: a feature that must be on, or off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Condition {
    /// The feature.
    pub feature: String,
    /// `false` for `!feature`.
    pub on: bool,
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.on { "" } else { "!" }, self.feature)
    }
}

/// One row of a port table.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Flow {
    /// Identifier, unique in its matrix. The full id is `name/id`, `name` being the last part of
    /// the matrix id.
    pub id: String,
    /// Role that opens the connection.
    pub from: RoleId,
    /// Role that is reached in the end.
    pub to: RoleId,
    /// Role that stands in front of `to`: when the site gives it a host, that host is the one
    /// connected to.
    pub via: Option<RoleId>,
    /// Port on the To side.
    pub port: Port,
    /// Application protocol.
    pub protocol: Protocol,
    /// HTTP path, or the path under which gRPC is published.
    pub path: Option<String>,
    /// LDAP: also climb the StartTLS step.
    pub starttls: bool,
    /// RPC: names of the interfaces that the flow needs.
    pub interfaces: Vec<String>,
    /// RPC: name of the dynamic range.
    pub range: Option<String>,
    /// TCP and TLS: whether a stranger's first octets may be sent. `false` unless the row says that
    /// no real protocol is known: a known service would log or choke on them.
    pub first_bytes: bool,
    /// TCP and TLS: the greeting by which the service is recognised.
    pub greeting: Option<Greeting>,
    /// All must hold for the flow to be planned.
    pub when: Vec<Condition>,
    /// Whether the product needs it to work.
    pub required: bool,
    /// Open or shut.
    pub expect: Expect,
    /// Section of the source, where finer than the matrix's.
    pub section: Option<String>,
    /// Row number in the source table, from 1.
    pub row: Option<u32>,
    /// The document's remark, in our words.
    pub remark: Option<String>,
    /// Where the document contradicts itself: what is doubtful, and the reading taken.
    pub doubt: Option<String>,
    /// Not in a port table: why it is here all the same.
    pub inferred: Option<String>,
    /// What may still fail although the way is open: shown with a hop that passes, too.
    pub caution: Option<String>,
}
