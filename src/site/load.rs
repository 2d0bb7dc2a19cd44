//! Reads a site file and checks it against the port tables of its product: every mistake at once,
//! each with its place.

mod controls;
mod nat;
mod roles;
mod tables;

use super::model::Site;
use super::proxy::Route;
use crate::input::{self, At, Document, Mistake, Span, TableReader, ValueReader, choices};
use crate::matrix::Registry;
use crate::matrix::model::{Port, Product};
use roles::Roles;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tables::{certificate_subjects, cloud_networks, named_ports, named_ranges};

/// Folders of port tables of one site.
const MOST_FOLDERS: usize = 100;

/// Reads a site file, adds the matrices of its own folders to `registry`, and checks it against all
/// of them.
///
/// # Errors
/// Every mistake of the site file; or, when the folders that it names hold wrong matrices, every
/// mistake of these.
pub fn load(path: &Path, registry: &mut Registry) -> Result<Site, Vec<Mistake>> {
    let text = input::read(path).map_err(|mistake| vec![mistake])?;
    let name = path.display().to_string();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut mistakes = Vec::new();
    let directories = directories(&Document::parse(&name, &text)?, folder);
    if directories.len() > MOST_FOLDERS {
        let words = format!("{name} names more than {MOST_FOLDERS} folders of port tables");
        return Err(vec![Mistake::without_place(words)]);
    }
    for directory in directories {
        if let Err(found) = registry.with_directory(&directory) {
            mistakes.extend(found);
        }
    }
    // Without these tables, every name of them would be called unknown.
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    parse(&name, &text, folder, registry)
}

/// The folders of matrices that a site file names. What is wrong there is reported by [`parse`].
fn directories(document: &Document, folder: &Path) -> Vec<PathBuf> {
    let root = document.root();
    let entries = root
        .value("site")
        .filter(ValueReader::is_table)
        .and_then(|site| site.table())
        .and_then(|site| site.value("matrices"));
    let entries = entries.filter(ValueReader::is_list).and_then(|list| list.list());
    let written = entries.into_iter().flatten().filter(|entry| !entry.is_not_as_written());
    written
        .filter_map(|entry| entry.text())
        .filter(|text| !text.trim().is_empty())
        .map(|text| folder.join(text))
        .collect()
}

/// Checks the text of a site file. `name` is the file's name for messages; relative paths in it are
/// taken from `folder`.
///
/// # Errors
/// Every mistake, in the order of the file.
pub fn parse(
    name: &str,
    text: &str,
    folder: &Path,
    registry: &Registry,
) -> Result<Site, Vec<Mistake>> {
    let document = Document::parse(name, text)?;
    let root = document.root();
    let head = root.required_table("site").map(|table| head(table, folder, registry));
    let (ports, ranges, roles) =
        (root.table("ports"), root.table("ranges"), root.required_table("roles"));
    let certificates = root.table("certificates");
    let networks = root.table("networks");
    let controlled = root.table("controls");
    let nat = root.table("nat");
    root.finish();
    let product = head.as_ref().and_then(|head| head.product);
    let ports = ports.map(|table| named_ports(table, product, registry)).unwrap_or_default();
    let ranges = ranges.map(|table| named_ranges(table, product)).unwrap_or_default();
    let roles = roles.map(|table| Roles::read(table, product)).unwrap_or_default();
    let certificates =
        certificates.map(|table| certificate_subjects(table, product)).unwrap_or_default();
    let networks = networks.map(|table| cloud_networks(table, product)).unwrap_or_default();
    let controls = controlled.map(|table| controls::controls(table, &roles)).unwrap_or_default();
    let nat = nat.map(|table| nat::ways(table, &roles)).unwrap_or_default();
    let site = head.and_then(|head| {
        let (product, topology) = (head.product?, head.topology?);
        let site = Site {
            name: head.name?,
            product: product.id.clone(),
            topology,
            features: head.features,
            ports,
            ranges,
            roles,
            certificates,
            networks,
            port_offset: head.port_offset.as_ref().map_or(0, |offset| offset.value),
            matrices: head.matrices,
            key: head.key,
            routes: head.routes,
            controls,
            nat,
        };
        if let Some(offset) = head.port_offset {
            offset_fits(&document, &offset.span, &site, product, registry);
        }
        Some(site)
    });
    let mistakes = document.mistakes();
    match site {
        Some(site) if mistakes.is_empty() => Ok(site),
        // A part is missing only where a mistake says so; an empty list would be taken for success.
        None if mistakes.is_empty() => {
            Err(vec![Mistake::without_place(format!("{name} is not a complete site file"))])
        }
        _ => Err(mistakes),
    }
}

/// The table `[site]`. What could not be read is `None`, and was reported.
struct Head<'r> {
    name: Option<String>,
    product: Option<&'r Product>,
    topology: Option<String>,
    features: BTreeMap<String, bool>,
    port_offset: Option<At<u16>>,
    matrices: Vec<PathBuf>,
    key: Option<PathBuf>,
    routes: Vec<Route>,
}

fn head<'r>(table: TableReader<'_>, folder: &Path, registry: &'r Registry) -> Head<'r> {
    let name = table.required_string("name");
    if let Some(name) = name.as_ref().filter(|name| name.value.chars().any(char::is_control)) {
        table.report(
            table
                .mistake(&name.span, "`name` must be one line of plain text")
                .label("a control character is in it"),
        );
    }
    let named = table.string("product");
    let topology = table.string("topology");
    let product = product(&table, named.as_ref(), topology.as_ref(), registry);
    let topology = product.and_then(|product| check_topology(&table, product, topology));
    let features = table.strings("features");
    let features =
        product.map(|product| check_features(&table, product, &features)).unwrap_or_default();
    let paths = table.paths("matrices");
    let key = table.path("key");
    let routes = routes(&table);
    let port_offset = table.integer("port-offset", 0, 65534);
    let port_offset =
        port_offset.and_then(|at| Some(At { value: u16::try_from(at.value).ok()?, span: at.span }));
    table.finish();
    Head {
        name: name.map(|name| name.value.trim().to_owned()),
        product,
        topology,
        features,
        port_offset,
        matrices: paths.iter().map(|path| folder.join(&path.value)).collect(),
        key: key.map(|path| folder.join(&path.value)),
        routes,
    }
}

/// `proxy`: one route to cloud services, or a list of them.
fn routes(table: &TableReader<'_>) -> Vec<Route> {
    let Some(value) = table.value("proxy") else { return Vec::new() };
    let route = |text: At<String>| match text.value.parse::<Route>() {
        Ok(route) => Some(route),
        Err(fault) => {
            table.report(
                table
                    .mistake(&text.span, "this is no proxy that can be used")
                    .label("here")
                    .help(fault.to_string()),
            );
            None
        }
    };
    value.each().filter_map(|one| one.string()).filter_map(route).collect()
}

/// The product that the site names, or the only one that has its topology.
fn product<'r>(
    table: &TableReader<'_>,
    named: Option<&At<String>>,
    topology: Option<&At<String>>,
    registry: &'r Registry,
) -> Option<&'r Product> {
    let known = || registry.products().map(|product| product.id.as_str());
    if let Some(named) = named {
        let found = registry.product(&named.value);
        if found.is_none() {
            let mistake = table
                .mistake(&named.span, format!("no product is called \"{}\"", named.value))
                .label("unknown product");
            let help = choices(&named.value, "products", known());
            table.report(
                mistake
                    .help(format!("{help}; tables of others come from `matrices` or --matrices")),
            );
        }
        return found;
    }
    // Wrong type: reported already.
    if table.has("product") {
        return None;
    }
    let all: Vec<&Product> = registry.products().collect();
    if let [only] = all.as_slice() {
        return Some(only);
    }
    let candidates: Vec<&Product> = match topology {
        Some(topology) => all
            .iter()
            .copied()
            .filter(|product| product.topologies.contains(&topology.value))
            .collect(),
        None => Vec::new(),
    };
    match (candidates.as_slice(), topology) {
        ([only], _) => Some(only),
        ([], Some(topology)) => {
            let mistake = table.mistake(
                &topology.span,
                format!("no product has the topology \"{}\"", topology.value),
            );
            let every =
                all.iter().flat_map(|product| product.topologies.iter().map(String::as_str));
            table.report(mistake.label("unknown topology").help(choices(
                &topology.value,
                "topologies",
                every,
            )));
            None
        }
        _ => {
            let ids = known().collect::<Vec<_>>().join(", ");
            let mistake =
                table.mistake(table.span(), "`product` is missing in [site]").label("here");
            table.report(
                mistake
                    .help(format!("port tables of several products are known; say which: {ids}")),
            );
            None
        }
    }
}

fn check_topology(
    table: &TableReader<'_>,
    product: &Product,
    topology: Option<At<String>>,
) -> Option<String> {
    let known = || product.topologies.iter().map(String::as_str);
    match topology {
        Some(topology) if product.topologies.contains(&topology.value) => Some(topology.value),
        Some(topology) => {
            let message = format!("{} has no topology \"{}\"", product.title, topology.value);
            let mistake = table.mistake(&topology.span, message).label("unknown topology");
            table.report(mistake.help(choices(&topology.value, "topologies", known())));
            None
        }
        // A product whose tables are for every topology has nothing to choose.
        None if product.topologies.is_empty() => Some(String::new()),
        None => {
            if !table.has("topology") {
                let mistake =
                    table.mistake(table.span(), "`topology` is missing in [site]").label("here");
                table.report(mistake.help(format!(
                    "the topologies are: {}",
                    known().collect::<Vec<_>>().join(", ")
                )));
            }
            None
        }
    }
}

fn check_features(
    table: &TableReader<'_>,
    product: &Product,
    said: &[At<String>],
) -> BTreeMap<String, bool> {
    let mut features: BTreeMap<String, bool> = BTreeMap::new();
    let mut places: BTreeMap<&str, &Span> = BTreeMap::new();
    for feature in said {
        let (id, on) = match feature.value.strip_prefix('!') {
            Some(id) => (id.trim(), false),
            None => (feature.value.as_str(), true),
        };
        if product.feature(id).is_none() {
            let mistake = table
                .mistake(&feature.span, format!("{} has no feature \"{id}\"", product.title))
                .label("unknown feature");
            table.report(mistake.help(choices(
                id,
                "features",
                product.features.iter().map(|feature| feature.id.as_str()),
            )));
            continue;
        }
        if let Some(first) = places.insert(id, &feature.span) {
            let contrary = features.get(id) != Some(&on);
            let message = if contrary {
                format!("the feature `{id}` is both on and off")
            } else {
                format!("the feature `{id}` is listed twice")
            };
            table.report(
                table.mistake(&feature.span, message).label("again here").also(first, "first here"),
            );
        }
        features.insert(id.to_owned(), on);
    }
    features
}

/// Every port that a flow of this site uses must stay a port after the offset.
fn offset_fits(
    document: &Document,
    span: &Span,
    site: &Site,
    product: &Product,
    registry: &Registry,
) {
    let mut beyond: Vec<String> = Vec::new();
    for flow in
        registry.matrices_for(&site.product, &site.topology).flat_map(|matrix| &matrix.flows)
    {
        let port = match &flow.port {
            Port::Literal(port) => Some(*port),
            Port::Named(name) => site.ports.get(name).or_else(|| product.ports.get(name)).copied(),
        };
        if let Some(port) = port.filter(|port| site.shifted(*port).is_none()) {
            beyond.push(format!("port {port}"));
        }
        let range = flow.range.as_ref().and_then(|name| {
            Some((name, site.ranges.get(name).or_else(|| product.ranges.get(name))?))
        });
        if let Some((name, range)) = range.filter(|(_, range)| site.shifted_range(range).is_none())
        {
            beyond.push(format!("the range `{name}` ({range})"));
        }
    }
    beyond.sort();
    beyond.dedup();
    if !beyond.is_empty() {
        let message = format!("`port-offset` carries {} past 65535", beyond.join(" and "));
        let mistake = document.source().mistake(span, message).label("too large");
        document.report(mistake.help(
            "take a smaller offset, or narrow the ranges in [ranges]: \
                rpc-dynamic = \"49152-49251\", for example",
        ));
    }
}

#[cfg(test)]
mod tests;
