//! The table `[roles]`: which hosts have which roles.

use super::tables::unknown_role;
use crate::input::{At, Span, TableReader, ValueReader};
use crate::matrix::model::Product;
use crate::site::host::{self, BadHost};
use crate::site::model::Host;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Addresses of one host: more has no machine.
const MOST_ADDRESSES: usize = 256;

/// The table `[roles]` while it is read.
pub(super) struct Roles<'t, 'd> {
    table: &'t TableReader<'d>,
    /// Fixed addresses by name, and where they were said first.
    fixed: BTreeMap<String, (Vec<std::net::IpAddr>, Span)>,
}

impl Roles<'_, '_> {
    /// Every role of the table with its hosts; what is wrong is reported.
    pub(super) fn read(
        table: TableReader<'_>,
        product: Option<&Product>,
    ) -> BTreeMap<String, Vec<Host>> {
        let mut reader = Roles { table: &table, fixed: BTreeMap::new() };
        let mut roles: BTreeMap<String, Vec<Host>> = BTreeMap::new();
        for (key, value) in table.entries() {
            if let Some(product) = product.filter(|product| product.role(&key.value).is_none()) {
                table.report(unknown_role(&table, &key, product));
            }
            let hosts = reader.role(&value);
            let declared = product.and_then(|product| product.role(&key.value));
            if hosts.iter().any(|host| matches!(host, Host::Discover { .. }))
                && declared.is_some_and(|role| role.locate.is_none())
            {
                let mistake = table.mistake(
                    value.span(),
                    format!(
                        "{} is no role of domain controllers: nothing can be discovered for it",
                        key.value
                    ),
                );
                table.report(mistake.label("here").help(
                    "list its hosts: { name = \"srv01.contoso.com\", addresses = [\"10.1.2.3\"] }",
                ));
            }
            roles.insert(key.value, hosts);
        }
        // Addresses fixed at one place hold wherever the host is named.
        for host in roles.values_mut().flatten() {
            if let Host::Named { name, addresses } = host
                && let Some((known, _)) = reader.fixed.get(name.as_str())
            {
                addresses.clone_from(known);
            }
        }
        table.finish();
        roles
    }

    fn role(&mut self, value: &ValueReader<'_>) -> Vec<Host> {
        let mut hosts: Vec<Host> = Vec::new();
        let mut places: HashMap<String, Span> = HashMap::new();
        for value in value.each() {
            let Some(host) = self.host(&value) else { continue };
            let label = host.label();
            match places.get(&label) {
                Some(first) => {
                    let mistake = self
                        .table
                        .mistake(value.span(), format!("{label} is listed twice"))
                        .label("again here");
                    self.table.report(
                        mistake
                            .also(first, "first here")
                            .help("a host has a role once; remove one of the two"),
                    );
                }
                None => {
                    places.insert(label, value.span().clone());
                    hosts.push(host);
                }
            }
        }
        hosts
    }

    /// Reports what is wrong with a host, at its place.
    fn checked<T>(&self, span: &Span, outcome: Result<T, BadHost>) -> Option<T> {
        outcome
            .map_err(|BadHost { message, help }| {
                self.table.report(self.table.mistake(span, message).label("here").help(help))
            })
            .ok()
    }

    fn host(&mut self, value: &ValueReader<'_>) -> Option<Host> {
        if let Some(text) = value.text() {
            return self.checked(value.span(), host::host(text));
        }
        if !value.is_table() {
            value.wrong(
                "a host, a list of hosts or a table such as { name \
                = \"srv01.contoso.com\", addresses = [\"10.1.2.3\"] }",
            );
            return None;
        }
        let table = value.table()?;
        let (name, addresses, discover) =
            (table.string("name"), table.strings("addresses"), table.string("discover"));
        let site = table.string("site");
        if let Some(site) = &site
            && (discover.is_none()
                || site.value.is_empty()
                || !site.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        {
            let mistake = table
                .mistake(&site.span, "this is not the site of a domain that is looked up")
                .label("here");
            table.report(mistake.help(
                "write { discover = \"contoso.com\", site = \"London\" }: \
                the name of an Active Directory site",
            ));
        }
        let host = match (name, discover) {
            (Some(name), None) => {
                let all: Vec<_> = addresses
                    .iter()
                    .filter_map(|at| self.checked(&at.span, host::address(&at.value)))
                    .collect();
                self.checked(&name.span, host::name(&name.value))
                    .and_then(|known| self.fix(known, &addresses, all, &name.span))
            }
            (None, Some(domain)) => {
                if let Some(address) = addresses.first() {
                    let mistake = table
                        .mistake(&address.span, "hosts that are discovered have no fixed addresses")
                        .label("here");
                    table.report(mistake.help("remove `addresses`, or list the hosts by name"));
                }
                self.checked(&domain.span, host::name(&domain.value))
                    .map(|domain| Host::Discover { domain, site: site.map(At::into_inner) })
            }
            (Some(_), Some(domain)) => {
                let mistake = table
                    .mistake(&domain.span, "a host is either named or discovered")
                    .label("`name` is there too");
                table.report(mistake.help("remove `name` or `discover`"));
                None
            }
            (None, None) => {
                if !table.has("name") && !table.has("discover") {
                    let help = "write { name = \"srv01.contoso.com\", addresses = [\"10.1.2.3\"] } \
                        or { discover = \"contoso.com\" }";
                    table.report(
                        table
                            .mistake(value.span(), "a host needs `name` or `discover`")
                            .label("here")
                            .help(help),
                    );
                }
                None
            }
        };
        table.finish();
        host
    }

    /// A named host, unless its addresses contradict what the file said of it before.
    fn fix(
        &mut self,
        name: String,
        said: &[At<String>],
        addresses: Vec<std::net::IpAddr>,
        span: &Span,
    ) -> Option<Host> {
        if addresses.len() > MOST_ADDRESSES {
            let words = format!("{name} has more than {MOST_ADDRESSES} addresses");
            self.table.report(self.table.mistake(span, words).label("here"));
            return None;
        }
        let mut known = HashSet::new();
        for (place, address) in addresses.iter().enumerate() {
            if !known.insert(address) {
                let again = said.get(place).map_or(span, |at| &at.span);
                self.table.report(
                    self.table
                        .mistake(again, format!("the address {address} is listed twice"))
                        .label("again here"),
                );
            }
        }
        match self.fixed.get(&name) {
            Some((known, first)) if !addresses.is_empty() && *known != addresses => {
                let line = |span: &Span| {
                    self.table.mistake(span, "").position().map_or(0, |(line, _)| line)
                };
                let words = format!(
                    "{name} is given different addresses on lines {} and {}",
                    line(first),
                    line(span)
                );
                let mistake = self.table.mistake(span, words).label("here");
                self.table.report(
                    mistake
                        .also(first, "first here")
                        .help("fix the addresses of a host once; they hold for all its roles"),
                );
                return None;
            }
            None if !addresses.is_empty() => {
                self.fixed.insert(name.clone(), (addresses.clone(), span.clone()));
            }
            _ => {}
        }
        Some(Host::Named { name, addresses })
    }
}
