//! The smaller tables of a site file: named ports and ranges, ranges of cloud services, subjects of
//! certificates.

use crate::input::{At, Mistake, TableReader, choices};
use crate::matrix::Registry;
use crate::matrix::model::{Port, Product};
use crate::matrix::port_set::PortSet;
use ipnet::IpNet;
use std::collections::BTreeMap;

pub(super) fn named_ports(
    table: TableReader<'_>,
    product: Option<&Product>,
    registry: &Registry,
) -> BTreeMap<String, u16> {
    let mut ports = BTreeMap::new();
    for (key, value) in table.entries() {
        let port = value.port();
        let Some(product) = product else { continue };
        if product.ports.contains_key(&key.value) {
            ports.extend(port.map(|port| (key.value, port.value)));
            continue;
        }
        table.report(unknown_port(&table, &key, product, registry));
    }
    table.finish();
    ports
}

/// A key of `[ports]` that no table has: perhaps a port that the document fixes was to be changed.
fn unknown_port(
    table: &TableReader<'_>,
    key: &At<String>,
    product: &Product,
    registry: &Registry,
) -> Mistake {
    let names = || product.ports.keys().map(String::as_str);
    let flows = registry
        .matrices()
        .filter(|matrix| matrix.product == product.id)
        .flat_map(|matrix| &matrix.flows);
    let meant = flows.filter(|flow| {
        flow.id == key.value
            || matches!(flow.port, Port::Literal(port) if port.to_string() == key.value)
    });
    let fixed = "a port that the tables fix cannot be changed";
    match meant.map(|flow| (&flow.id, &flow.port)).next() {
        Some((id, Port::Named(name))) => table
            .mistake(&key.span, format!("`{id}` is a flow, not a named port"))
            .label("here")
            .help(format!("its port is called `{name}`")),
        Some((_, Port::Literal(port))) => {
            let known = names().collect::<Vec<_>>().join(", ");
            let help = format!("only named ports can be: {known}");
            table.mistake(&key.span, fixed).label(format!("port {port} is fixed")).help(help)
        }
        None => {
            let mistake = table.mistake(
                &key.span,
                format!("{} has no port called \"{}\"", product.title, key.value),
            );
            mistake.label("unknown port").help(choices(&key.value, "named ports", names()))
        }
    }
}

pub(super) fn named_ranges(
    table: TableReader<'_>,
    product: Option<&Product>,
) -> BTreeMap<String, PortSet> {
    let mut ranges = BTreeMap::new();
    for (key, value) in table.entries() {
        if let Some(product) = product.filter(|product| !product.ranges.contains_key(&key.value)) {
            let mistake = table.mistake(
                &key.span,
                format!("{} has no range called \"{}\"", product.title, key.value),
            );
            let known = product.ranges.keys().map(String::as_str);
            table.report(mistake.label("unknown range").help(choices(&key.value, "ranges", known)));
        }
        let Some(text) = value.string() else { continue };
        match text.value.parse::<PortSet>() {
            Ok(range) => {
                if range.iter().any(|port| port == ENDPOINT_MAPPER) {
                    let mistake = table.mistake(
                        &text.span,
                        format!(
                            "\"{}\" holds {ENDPOINT_MAPPER}, the endpoint mapper's own port",
                            text.value
                        ),
                    );
                    table.report(mistake.label("here").help(
                        "a dynamic range is what the mapper \
                        gives ports from: leave its own port out",
                    ));
                }
                ranges.insert(key.value, range);
            }
            Err(help) => table.report(
                table
                    .mistake(&text.span, format!("\"{}\" is not a range of ports", text.value))
                    .label("not a range")
                    .help(help),
            ),
        }
    }
    table.finish();
    ranges
}

/// The port of the RPC endpoint mapper (C706 appendix H).
const ENDPOINT_MAPPER: u16 = 135;

/// The table `[networks]`: by role of a cloud service, the ranges that its names have at this site.
pub(super) fn cloud_networks(
    table: TableReader<'_>,
    product: Option<&Product>,
) -> BTreeMap<String, Vec<IpNet>> {
    let mut networks = BTreeMap::new();
    for (key, value) in table.entries() {
        if let Some(product) = product
            .filter(|product| product.role(&key.value).is_none_or(|role| role.names.is_empty()))
        {
            let published = product
                .roles
                .iter()
                .filter(|role| !role.names.is_empty())
                .map(|role| role.id.as_str());
            let mistake = table
                .mistake(&key.span, format!("\"{}\" is no role that publishes names", key.value))
                .label("here");
            table.report(mistake.help(choices(&key.value, "roles", published)));
        }
        let mut ranges = Vec::new();
        for text in value.list().into_iter().flatten().filter_map(|one| one.string()) {
            match text.value.parse::<IpNet>() {
                Ok(network) if network == network.trunc() => ranges.push(network),
                _ => {
                    let mistake = table
                        .mistake(&text.span, format!("\"{}\" is not a network", text.value))
                        .label("here");
                    table.report(mistake.help(
                        "write the network and its prefix length: 192.0.2.0/24 or 2001:db8::/32",
                    ));
                }
            }
        }
        networks.insert(key.value, ranges);
    }
    table.finish();
    networks
}

/// The table `[certificates]`: by role, the subject that the certificate of its hosts must have.
pub(super) fn certificate_subjects(
    table: TableReader<'_>,
    product: Option<&Product>,
) -> BTreeMap<String, String> {
    let mut subjects = BTreeMap::new();
    for (key, value) in table.entries() {
        if let Some(product) = product.filter(|product| product.role(&key.value).is_none()) {
            table.report(unknown_role(&table, &key, product));
        }
        let Some(subject) = value.string() else { continue };
        if subject.value.trim().is_empty() {
            let mistake = table.mistake(&subject.span, "a subject must not be empty").label("here");
            table.report(mistake.help(
                "write the name as it stands in the product's settings, such \
                as \"CN=service.contoso.com\"",
            ));
        }
        subjects.insert(key.value, subject.value);
    }
    table.finish();
    subjects
}

pub(super) fn unknown_role(
    table: &TableReader<'_>,
    key: &At<String>,
    product: &Product,
) -> Mistake {
    let mistake = table
        .mistake(&key.span, format!("{} has no role \"{}\"", product.title, key.value))
        .label("unknown role");
    mistake.help(choices(&key.value, "roles", product.roles.iter().map(|role| role.id.as_str())))
}
