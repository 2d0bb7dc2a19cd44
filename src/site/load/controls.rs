//! The table `[controls]` of a site file: by host, one port or several that are known to be open there
//! from everywhere.

use crate::input::{At, TableReader, ValueReader, choices};
use crate::matrix::model::RoleId;
use crate::site::host;
use crate::site::model::Host;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Reads the table; what is wrong is reported.
pub(super) fn controls(
    table: TableReader<'_>,
    roles: &BTreeMap<RoleId, Vec<Host>>,
) -> BTreeMap<String, Vec<u16>> {
    let hosts = Listed::of(roles);
    let mut controls: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for (key, value) in table.entries() {
        if value.is_table() {
            let mistake =
                table.mistake(&key.span, "a host name with dots must be in quotes").label("here");
            table.report(mistake.help(format!(
                "write it as \"{}.example.com\" = 3389: without quotes, TOML \
                    takes each part for a table",
                key.value
            )));
            continue;
        }
        let ports = ports(&table, &key, &value);
        let Some(label) = hosts.meant(&table, &key) else { continue };
        match controls.get_mut(&label) {
            Some(_) => {
                let mistake = table
                    .mistake(&key.span, format!("{label} is listed twice"))
                    .label("again here");
                table.report(mistake.help("give a host all its ports in one list: [22, 3389]"));
            }
            None => drop(controls.insert(label, ports)),
        }
    }
    table.finish();
    controls
}

/// The ports of one host.
fn ports(table: &TableReader<'_>, key: &At<String>, value: &ValueReader<'_>) -> Vec<u16> {
    let (mut ports, mut known) = (Vec::new(), HashSet::new());
    let values = value.each();
    if values.first().is_none() {
        let mistake =
            table.mistake(&key.span, format!("no port is given for {}", key.value)).label("here");
        table.report(
            mistake.help(
                "write a port that is known to be open on this host, or a list of ports: 3389",
            ),
        );
    }
    for port in values.filter_map(|one| one.port()) {
        if known.insert(port.value) {
            ports.push(port.value);
            continue;
        }
        let words = format!("port {} is listed twice", port.value);
        table.report(table.mistake(&port.span, words).label("again here"));
    }
    ports
}

/// What the site says of its hosts elsewhere.
struct Listed<'s> {
    /// By [`Host::label`].
    labels: HashSet<String>,
    /// Controllers that are looked up have names of their domain, which the file does not list.
    domains: HashSet<&'s str>,
    /// The first host that has each address.
    owners: HashMap<IpAddr, &'s str>,
    /// What may be written.
    words: BTreeSet<String>,
}

impl<'s> Listed<'s> {
    fn of(roles: &'s BTreeMap<RoleId, Vec<Host>>) -> Self {
        let mut listed = Listed {
            labels: HashSet::new(),
            domains: HashSet::new(),
            owners: HashMap::new(),
            words: BTreeSet::new(),
        };
        for host in roles.values().flatten() {
            listed.labels.insert(host.label());
            match host {
                Host::Named { name, addresses } => {
                    for address in addresses {
                        listed.owners.entry(*address).or_insert(name);
                    }
                    listed.words.insert(host.label());
                }
                Host::Address(_) => drop(listed.words.insert(host.label())),
                Host::Discover { domain, .. } => drop(listed.domains.insert(domain)),
                Host::Network(_) => {}
            }
        }
        listed
    }

    /// The host that a key means, as [`Host::label`] calls it.
    fn meant(&self, table: &TableReader<'_>, key: &At<String>) -> Option<String> {
        let refuse = |message: String, help: String| {
            table.report(table.mistake(&key.span, message).label("here").help(help))
        };
        let said = match host::host(&key.value) {
            Ok(said) => said,
            Err(wrong) => {
                refuse(wrong.message, wrong.help);
                return None;
            }
        };
        let label = said.label();
        if matches!(said, Host::Network(_)) {
            let help =
                "a control is a port of one host: write the host as [roles] has it".to_owned();
            refuse(format!("\"{label}\" is a network, not a host"), help);
            return None;
        }
        let mut above = label.match_indices('.').map(|(dot, _)| &label[dot + 1..]);
        if self.labels.contains(&label) || above.any(|domain| self.domains.contains(domain)) {
            return Some(label);
        }
        let owner = match said {
            Host::Address(address) => self.owners.get(&address),
            _ => None,
        };
        let help = match owner {
            Some(owner) => format!("{label} is an address of {owner}: write its name"),
            None => choices(&label, "hosts", self.words.iter().map(String::as_str)),
        };
        refuse(format!("no role of this site has the host \"{label}\""), help);
        None
    }
}
