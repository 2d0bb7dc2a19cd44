//! Port tables as text for a terminal, for any width from 60 columns.

use super::Registry;
use super::model::{Expect, Flow, Matrix, NameClass, Port, Product};
use crate::text::sanitise;
use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde_json::Value;
use std::collections::BTreeSet;

/// From this width on, conditions have a column of their own.
const WIDE: u16 = 110;

/// A rule under the header, and nothing else.
const RULE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Longest text of a file that is shown in one piece.
const TEXT: usize = 2000;

/// All matrices, a line each.
pub fn list(registry: &Registry, width: u16) -> String {
    let mut table = table(RULE, width);
    table.set_header(["Matrix", "Title", "Topology", "Flows", "From"]);
    for matrix in registry.matrices() {
        table.add_row([
            matrix.id.clone(),
            sanitise(&matrix.title, TEXT),
            matrix.topology.clone().unwrap_or_else(|| "every".to_owned()),
            matrix.flows.len().to_string(),
            sanitise(registry.file(&matrix.id).unwrap_or("built in"), TEXT),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

/// One matrix: every row with everything that the file says about it.
pub fn matrix(matrix: &Matrix, product: &Product, width: u16) -> String {
    let source = &matrix.source;
    let origin = [Some(&source.document), source.section.as_ref()]
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let mut head = table(NOTHING, width);
    head.add_row([format!("{}:", matrix.id), sanitise(&matrix.title, TEXT)]);
    head.add_row(["Product:", &sanitise(&product.title, TEXT)]);
    head.add_row(["Topology:", matrix.topology.as_deref().unwrap_or("every")]);
    head.add_row(["Source:", &sanitise(&origin, TEXT)]);
    if let Some(updated) = &source.updated {
        head.add_row(["Updated:", updated]);
    }
    let wide = width >= WIDE;
    let mut rows = table(UTF8_HORIZONTAL_ONLY, width);
    let mut header = vec!["#", "Flow", "Port and protocol", "Expected"];
    if wide {
        header.push("When");
    }
    rows.set_header(header);
    for (index, flow) in matrix.flows.iter().enumerate() {
        let mut row = vec![
            (index + 1).to_string(),
            ends(flow),
            port(flow, product),
            expected(flow).to_owned(),
        ];
        if wide {
            row.push(conditions(flow, "\n"));
        }
        rows.add_row(row);
    }
    let mut text = format!("{}\n\n{}\n\n", head.trim_fmt(), rows.trim_fmt());
    for (index, flow) in matrix.flows.iter().enumerate() {
        text.push_str(&notes(index + 1, flow, wide, width));
    }
    for role in
        matrix.roles.iter().filter(|role| !role.names.is_empty() || !role.networks.is_empty())
    {
        let networks = role.networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut published = table(NOTHING, width);
        let class = |name: &String| match role.class(name) {
            Some(NameClass::Ordinary) | None => name.clone(),
            Some(class) => format!("{name} ({})", class.name()),
        };
        published
            .add_row(["   Names", &role.names.iter().map(class).collect::<Vec<_>>().join(", ")]);
        for (wildcard, names) in &role.concrete {
            published.add_row(["   Tried for", &format!("{wildcard}: {}", names.join(", "))]);
        }
        published.add_row(["   Networks", &networks]);
        text.push_str(&format!("{}\n{}\n", role.id, published.trim_fmt()));
    }
    text
}

/// One matrix as JSON: what its file says, each named port and range with its numbers beside it,
/// and the roles that its flows use.
///
/// # Errors
/// None that a table can cause; serde's signature has one.
pub fn document(matrix: &Matrix, product: &Product) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(matrix)?;
    let flows = document.get_mut("flows").and_then(Value::as_array_mut);
    for (shown, flow) in flows.into_iter().flatten().zip(&matrix.flows) {
        let Some(shown) = shown.as_object_mut() else { continue };
        if let Port::Named(name) = &flow.port {
            shown.insert("port_number".to_owned(), product.ports.get(name).copied().into());
        }
        if let Some(range) = flow.range.as_ref().and_then(|name| product.ranges.get(name)) {
            shown.insert("range_ports".to_owned(), range.to_string().into());
        }
    }
    let ends: BTreeSet<&str> = matrix
        .flows
        .iter()
        .flat_map(|flow| [Some(&flow.from), Some(&flow.to), flow.via.as_ref()])
        .flatten()
        .map(String::as_str)
        .collect();
    let used = product.roles.iter().filter(|role| ends.contains(role.id.as_str()));
    let used = used.map(serde_json::to_value).collect::<Result<Vec<Value>, _>>()?;
    if let Some(document) = document.as_object_mut() {
        document.insert("used_roles".to_owned(), used.into());
    }
    Ok(document)
}

fn ends(flow: &Flow) -> String {
    let via = flow.via.as_ref().map(|via| format!("\nvia {via}")).unwrap_or_default();
    format!("{}\n{} →\n{}{via}", flow.id, flow.from, flow.to)
}

fn port(flow: &Flow, product: &Product) -> String {
    let mut lines = match &flow.port {
        Port::Literal(port) => vec![format!("{port} {}", flow.protocol)],
        Port::Named(name) => {
            let number = product.ports.get(name).map(|port| port.to_string()).unwrap_or_default();
            vec![format!("{number} {}", flow.protocol), format!("port {name}")]
        }
    };
    lines.extend(flow.path.as_ref().map(|path| sanitise(path, TEXT)));
    lines.extend(flow.starttls.then(|| "StartTLS".to_owned()));
    lines.extend(flow.greeting.map(|greeting| format!("greeting {}", greeting.name())));
    lines.extend(flow.first_bytes.then(|| "first bytes are sent".to_owned()));
    if !flow.interfaces.is_empty() {
        lines.push(flow.interfaces.join(", "));
    }
    if let Some(name) = &flow.range {
        let range = product.ranges.get(name).map(|range| format!(" {range}")).unwrap_or_default();
        lines.push(format!("{name}{range}"));
    }
    lines.join("\n")
}

fn expected(flow: &Flow) -> &'static str {
    match (flow.expect, flow.required) {
        (Expect::Deny, _) => "deny",
        (Expect::Allow, true) => "required",
        (Expect::Allow, false) => "optional",
    }
}

fn conditions(flow: &Flow, between: &str) -> String {
    flow.when.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

/// What is said about a row, under its number.
fn notes(number: usize, flow: &Flow, wide: bool, width: u16) -> String {
    let cited = flow.row.map(|row| format!("row {row}"));
    let cited = [flow.section.clone(), cited].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let when = if wide { String::new() } else { conditions(flow, ", ") };
    let mut table = table(NOTHING, width);
    for (what, text) in [
        ("When", Some(when.as_str())),
        ("Source", Some(cited.as_str())),
        ("Remark", flow.remark.as_deref()),
        ("Doubt", flow.doubt.as_deref()),
        ("Inferred", flow.inferred.as_deref()),
        ("Caution", flow.caution.as_deref()),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            table.add_row([format!("   {what}"), sanitise(text, TEXT)]);
        }
    }
    format!("{number}. {}\n{}\n", flow.id, table.trim_fmt())
}

/// A product: what a site file may name.
pub fn product(product: &Product, width: u16) -> String {
    let mut roles = table(UTF8_HORIZONTAL_ONLY, width);
    roles.set_header(["Role", "What it is"]);
    for role in &product.roles {
        let mut text = sanitise(&role.title, TEXT);
        if let Some(description) = &role.description {
            text.push_str(&format!("\n{}", sanitise(description, TEXT)));
        }
        if !role.includes.is_empty() {
            text.push_str(&format!("\nIncludes {}", role.includes.join(", ")));
        }
        if !role.nearer_to.is_empty() {
            text.push_str(&format!(
                "\nBelongs nearer to {} than to {}",
                role.nearer_to.join(", "),
                role.than_to.join(", ")
            ));
        }
        if !role.names.is_empty() || !role.networks.is_empty() {
            text.push_str(&format!(
                "\n{} published names, {} networks",
                role.names.len(),
                role.networks.len()
            ));
        }
        roles.add_row([role.id.clone(), text]);
    }
    let mut features = table(UTF8_HORIZONTAL_ONLY, width);
    features.set_header(["Feature", "On", "What it means"]);
    for feature in &product.features {
        let on = match (&feature.implied_by, feature.default) {
            (_, true) => "by default".to_owned(),
            (Some(role), false) => format!("with a host for {role}"),
            (None, false) => "when the site says so".to_owned(),
        };
        features.add_row([feature.id.clone(), on, sanitise(&feature.title, TEXT)]);
    }
    let mut ports = table(UTF8_HORIZONTAL_ONLY, width);
    ports.set_header(["Port or range", "Unless the site says otherwise"]);
    for (name, port) in &product.ports {
        ports.add_row([name.clone(), port.to_string()]);
    }
    for (name, range) in &product.ranges {
        ports.add_row([name.clone(), range.to_string()]);
    }
    let mut interfaces = table(UTF8_HORIZONTAL_ONLY, width);
    interfaces.set_header(["RPC interface", "UUID and version", "What it is for"]);
    for interface in &product.interfaces {
        let uuid = format!("{}\n{}.{}", interface.uuid, interface.version.0, interface.version.1);
        interfaces.add_row([
            interface.name.clone(),
            uuid,
            sanitise(interface.title.as_deref().unwrap_or_default(), TEXT),
        ]);
    }
    let mut head = table(NOTHING, width);
    head.add_row([format!("{}:", product.id), sanitise(&product.title, TEXT)]);
    head.add_row(["Topologies:", &product.topologies.join(", ")]);
    head.add_row(["Matrices:", &product.matrices.join(", ")]);
    let mut text = format!("{}\n", head.trim_fmt());
    for table in [roles, features, ports, interfaces].into_iter().filter(|table| !table.is_empty())
    {
        text.push_str(&format!("\n{}\n", table.trim_fmt()));
    }
    text
}

fn table(style: TableStyle, width: u16) -> Table {
    let mut table = Table::new();
    table
        .load_style(style)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty();
    table
}
