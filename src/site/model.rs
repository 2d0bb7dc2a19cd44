//! One deployment, as values. Made only by [`crate::site::load`].

use super::proxy::Route;
use crate::matrix::model::{Locate, RoleId};
use crate::matrix::port_set::PortSet;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A site file after every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Name for titles and result files.
    pub name: String,
    /// Product whose matrices apply.
    pub product: String,
    /// Topology: which of the product's alternative tables applies.
    pub topology: String,
    /// Features switched on (`true`) or off (`false`) by the site.
    pub features: BTreeMap<String, bool>,
    /// Overridden named ports.
    pub ports: BTreeMap<String, u16>,
    /// Overridden named ranges.
    pub ranges: BTreeMap<String, PortSet>,
    /// Hosts by role, in the order of the file.
    pub roles: BTreeMap<RoleId, Vec<Host>>,
    /// Ranges of a cloud service at this site, by role, in the place of the published ones: where a
    /// private link or a proxy gives it others.
    pub networks: BTreeMap<RoleId, Vec<IpNet>>,
    /// Subject that the certificate of a role's hosts must have, by role.
    pub certificates: BTreeMap<RoleId, String>,
    /// Lab only: added to every port of the plan, so that no port needs a privilege.
    pub port_offset: u16,
    /// Directories with more matrices, resolved against the site file's folder.
    pub matrices: Vec<std::path::PathBuf>,
    /// The site key's file, resolved against the site file's folder.
    pub key: Option<std::path::PathBuf>,
    /// How cloud services are reached, where the site says it.
    pub routes: Vec<Route>,
    /// By host, as [`Host::label`] calls it: ports that are known to be open there from everywhere.
    /// A way that must be shut is held against them.
    pub controls: BTreeMap<String, Vec<u16>>,
    /// Between whom both addresses are changed on the way.
    pub nat: Vec<Translated>,
}

/// A way on which both addresses are changed: what the site file has in `[nat]`. Both ends are a
/// role or a host, as [`Host::label`] calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// The From side.
    pub from: String,
    /// The To side.
    pub to: String,
}

impl Site {
    /// A port after the offset; `None` when it would be past 65535.
    pub fn shifted(&self, port: u16) -> Option<u16> {
        port.checked_add(self.port_offset)
    }

    /// A range after the offset; `None` when its end would be past 65535.
    pub fn shifted_range(&self, range: &PortSet) -> Option<PortSet> {
        range.shifted(self.port_offset)
    }
}

/// One entry of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A host by name; `addresses` fixes them in the file, so that DNS is not asked.
    Named {
        /// DNS name, lower case, without the final dot.
        name: String,
        /// Fixed addresses; empty means "ask DNS".
        addresses: Vec<IpAddr>,
    },
    /// A host by address alone.
    Address(IpAddr),
    /// Any host of a network: only on the From side.
    Network(IpNet),
    /// Domain controllers found through DNS SRV.
    Discover {
        /// DNS name of the domain.
        domain: String,
        /// Only those of this Active Directory site.
        site: Option<String>,
    },
}

/// The DNS name under which a domain controller announces itself (MS-ADTS section 6.3.2.3), for the
/// look-up of its SRV records.
pub fn locator_name(domain: &str, site: Option<&str>, locate: Locate) -> String {
    let place = site.map(|site| format!("{site}._sites.")).unwrap_or_default();
    match locate {
        // There is one in a domain, wherever it is.
        Locate::Pdc => format!("_ldap._tcp.pdc._msdcs.{domain}"),
        Locate::Gc => format!("_ldap._tcp.{place}gc._msdcs.{domain}"),
        Locate::Dc => format!("_ldap._tcp.{place}dc._msdcs.{domain}"),
    }
}

impl Host {
    /// What tables and hop ids call this entry: name, address, network, or `domain` of a discovery.
    pub fn label(&self) -> String {
        match self {
            Host::Named { name, .. } => name.clone(),
            Host::Address(a) => a.to_string(),
            Host::Network(n) => n.to_string(),
            Host::Discover { domain, site: None } => format!("discover:{domain}"),
            Host::Discover { domain, site: Some(site) } => format!("discover:{domain}/{site}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_announce_themselves_under_these_names() {
        assert_eq!(
            locator_name("contoso.com", None, Locate::Dc),
            "_ldap._tcp.dc._msdcs.contoso.com"
        );
        assert_eq!(
            locator_name("contoso.com", Some("London"), Locate::Dc),
            "_ldap._tcp.London._sites.dc._msdcs.contoso.com"
        );
        assert_eq!(
            locator_name("contoso.com", Some("London"), Locate::Pdc),
            "_ldap._tcp.pdc._msdcs.contoso.com",
            "there is one, wherever it is"
        );
        assert_eq!(
            locator_name("contoso.com", Some("London"), Locate::Gc),
            "_ldap._tcp.London._sites.gc._msdcs.contoso.com"
        );
    }
}
