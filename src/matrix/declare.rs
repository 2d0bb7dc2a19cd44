//! What a file declares: roles, features, named ports and ranges, RPC interfaces.

use super::endpoints::{self, Instance, Origin};
use super::model::{Feature, Interface, Locate, Role, covers};
use super::names::{Kind, Use};
use super::port_set::PortSet;
use super::word_forms;
use crate::input::{At, Span, TableReader, suggest};
use ipnet::IpNet;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Declarations of one file, each with its place (of the id).
#[derive(Debug, Default)]
pub struct Declarations {
    /// `[[role]]`.
    pub roles: Vec<At<Role>>,
    /// `[[feature]]`.
    pub features: Vec<At<Feature>>,
    /// `[ports]`.
    pub ports: Vec<At<(String, u16)>>,
    /// `[ranges]`.
    pub ranges: Vec<At<(String, PortSet)>>,
    /// `[[interface]]`.
    pub interfaces: Vec<At<Interface>>,
}

/// Reads all declarations of a file; notes the roles that they use.
pub(super) fn read(root: &TableReader<'_>, uses: &mut Vec<Use>) -> Declarations {
    let mut all = Declarations::default();
    let mut seen = Declared(HashMap::new());
    for table in root.tables("role") {
        if let Some(role) = role(&table, uses)
            && seen.is_new(&table, Kind::Role, &role.id, &role.span)
        {
            all.roles.push(role);
        }
        table.finish();
    }
    for table in root.tables("feature") {
        if let Some(feature) = feature(&table, uses)
            && seen.is_new(&table, Kind::Feature, &feature.id, &feature.span)
        {
            all.features.push(feature);
        }
        table.finish();
    }
    for table in root.tables("interface") {
        if let Some(interface) = interface(&table)
            && seen.is_new(&table, Kind::Interface, &interface.name, &interface.span)
        {
            all.interfaces.push(interface);
        }
        table.finish();
    }
    if let Some(table) = root.table("ports") {
        for (key, value) in table.entries() {
            let port = value.port();
            if let (Some(key), Some(port)) =
                (word_forms::identifier(&table, "the name of a port", Some(key)), port)
            {
                all.ports.push(At { value: (key.value, port.value), span: key.span });
            }
        }
        table.finish();
    }
    if let Some(table) = root.table("ranges") {
        for (key, value) in table.entries() {
            let range = value.string().and_then(|text| range(&table, &text));
            if let (Some(key), Some(range)) =
                (word_forms::identifier(&table, "the name of a range", Some(key)), range)
            {
                all.ranges.push(At { value: (key.value, range), span: key.span });
            }
        }
        table.finish();
    }
    all
}

/// What was declared already, to catch the same id twice. (TOML itself refuses a key twice.)
struct Declared(HashMap<(Kind, String), Span>);

impl Declared {
    fn is_new(&mut self, table: &TableReader<'_>, kind: Kind, id: &str, span: &Span) -> bool {
        let known = self.0.entry((kind, id.to_owned()));
        if let Entry::Occupied(first) = &known {
            let mistake = table
                .mistake(span, format!("the {} `{id}` is declared twice", kind.name()))
                .label("again here");
            table.report(mistake.also(first.get(), "first here"));
            return false;
        }
        known.or_insert_with(|| span.clone());
        true
    }
}

fn role(table: &TableReader<'_>, uses: &mut Vec<Use>) -> Option<At<Role>> {
    let id = word_forms::required_identifier(table, "id");
    let title = table.required_string("title");
    let (description, example) = (table.string("description"), table.string("example"));
    let locate = table.string("locate").and_then(|text| locate(table, &text));
    let mut roles = |key: &str| {
        let roles = table.strings(key);
        uses.extend(roles.iter().map(|name| Use { kind: Kind::Role, name: name.clone() }));
        roles
    };
    let (includes, nearer_to, than_to) = (roles("includes"), roles("nearer_to"), roles("than_to"));
    if nearer_to.is_empty() != than_to.is_empty() {
        let (there, missing) =
            if than_to.is_empty() { ("nearer_to", "than_to") } else { ("than_to", "nearer_to") };
        let span =
            table.value(there).map_or_else(|| table.span().clone(), |value| value.span().clone());
        let mistake = table
            .mistake(&span, format!("`{there}` says nothing without `{missing}`"))
            .label("here");
        table.report(mistake.help(
            "a role belongs nearer to some roles than to others: nearer_to = \
                [\"target-dc\"] and than_to = [\"source-dc\"]",
        ));
    }
    let names = table.strings("names");
    for name in &names {
        if let Some(fault) = word_forms::host_name_fault(name) {
            table.report(
                table
                    .mistake(&name.span, format!("\"{}\" is not a host name", name.value))
                    .label("here")
                    .help(fault),
            );
        }
    }
    let core = published(table, "core", &names);
    let legacy = published(table, "legacy", &names);
    let concrete = concrete(table, &names);
    let endpoints = table.table("endpoints").and_then(origin);
    let networks =
        table.strings("networks").into_iter().filter_map(|text| network(table, &text)).collect();
    let id = id?;
    let role = Role {
        id: id.value,
        title: title?.value,
        description: description.map(At::into_inner),
        example: example.map(At::into_inner),
        locate,
        includes: includes.into_iter().map(At::into_inner).collect(),
        nearer_to: nearer_to.into_iter().map(At::into_inner).collect(),
        than_to: than_to.into_iter().map(At::into_inner).collect(),
        names: names.into_iter().map(At::into_inner).collect(),
        core,
        legacy,
        concrete,
        endpoints,
        networks,
    };
    Some(At { value: role, span: id.span })
}

/// Names that must be among the published ones.
fn published(table: &TableReader<'_>, key: &str, names: &[At<String>]) -> Vec<String> {
    let said = table.strings(key);
    let known: HashSet<&str> = names.iter().map(|name| name.value.as_str()).collect();
    for name in table.parts(said.iter().filter(|said| !known.contains(said.as_str())).collect()) {
        let mistake = table
            .mistake(
                &name.span,
                format!("\"{}\" is not among the `names` of this role", name.value),
            )
            .label("here");
        let near = suggest(&name.value, names.iter().map(|n| n.value.as_str()))
            .map(|near| format!("did you mean \"{near}\"?"));
        table.report(mistake.help(
            near.unwrap_or_else(|| {
                format!("`{key}` says of some of the names how much they matter")
            }),
        ));
    }
    said.into_iter().map(At::into_inner).collect()
}

/// `[role.concrete]`: names under the wildcards.
fn concrete(table: &TableReader<'_>, names: &[At<String>]) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    let Some(wildcards) = table.table("concrete") else { return all };
    let known: HashSet<&str> = names.iter().map(|name| name.value.as_str()).collect();
    for (wildcard, value) in wildcards.entries() {
        if !wildcard.value.starts_with("*.") || !known.contains(wildcard.value.as_str()) {
            let mistake = table.mistake(
                &wildcard.span,
                format!("\"{}\" is no wildcard among the `names` of this role", wildcard.value),
            );
            table.report(mistake.label("here").help(
                "write the names that are known under a \
                    wildcard: \"*.example.com\" = [\"a.example.com\"]",
            ));
        }
        let under: Vec<At<String>> =
            value.list().into_iter().flatten().filter_map(|item| item.string()).collect();
        for name in under.iter().filter(|name| {
            !covers(&wildcard.value, &name.value) || word_forms::host_name_fault(name).is_some()
        }) {
            let mistake = table.mistake(
                &name.span,
                format!("\"{}\" is no host name under {}", name.value, wildcard.value),
            );
            table.report(mistake.label("here"));
        }
        all.insert(
            wildcard.value,
            under.into_iter().map(|name| name.value.to_lowercase()).collect(),
        );
    }
    wildcards.finish();
    all
}

/// `[role.endpoints]`: the published list.
fn origin(table: TableReader<'_>) -> Option<Origin> {
    let instance = table.one_of("instance", "cloud", Instance::WORDS);
    if !table.has("instance") {
        table.missing("instance");
    }
    let version = table.string("version");
    if let Some(version) =
        version.as_ref().filter(|version| endpoints::day(&version.value).is_none())
    {
        let mistake = table
            .mistake(&version.span, format!("\"{}\" is no version of a list", version.value))
            .label("here");
        table.report(mistake.help("ten digits, YYYYMMDDNN, as the web service gives them"));
    }
    let numbers = match table.value("sets") {
        Some(value) => value
            .list()
            .into_iter()
            .flatten()
            .filter_map(|item| item.integer(1, 1_000_000))
            .collect(),
        None => {
            table.missing("sets");
            Vec::new()
        }
    };
    table.finish();
    let sets = numbers.into_iter().filter_map(|number| u32::try_from(number.value).ok()).collect();
    Some(Origin { instance: instance?.value, sets, version: version.map(At::into_inner) })
}

fn locate(table: &TableReader<'_>, text: &At<String>) -> Option<Locate> {
    let found = match text.value.as_str() {
        "dc" => Some(Locate::Dc),
        "pdc" => Some(Locate::Pdc),
        "gc" => Some(Locate::Gc),
        _ => None,
    };
    if found.is_none() {
        let mistake = table
            .mistake(&text.span, format!("\"{}\" is no kind of domain controller", text.value))
            .label("here");
        table.report(mistake.help(
            "write \"dc\" for all of them, \"pdc\" for the PDC \
            emulator, \"gc\" for global catalogs",
        ));
    }
    found
}

fn network(table: &TableReader<'_>, text: &At<String>) -> Option<IpNet> {
    let Ok(network) = text.parse::<IpNet>() else {
        let mistake =
            table.mistake(&text.span, format!("\"{}\" is not a network", text.value)).label("here");
        table.report(
            mistake.help("write the network and its prefix length: 192.0.2.0/24 or 2001:db8::/32"),
        );
        return None;
    };
    if network != network.trunc() {
        let mistake = table
            .mistake(&text.span, format!("\"{}\" has bits set after its prefix", text.value))
            .label("here");
        table.report(mistake.help(format!("did you mean `{}`?", network.trunc())));
        return None;
    }
    Some(network)
}

fn feature(table: &TableReader<'_>, uses: &mut Vec<Use>) -> Option<At<Feature>> {
    let id = word_forms::required_identifier(table, "id");
    let title = table.required_string("title");
    let implied_by = table.string("implied_by");
    uses.extend(implied_by.iter().map(|name| Use { kind: Kind::Role, name: name.clone() }));
    let default = table.boolean("default").is_some_and(At::into_inner);
    let id = id?;
    let feature = Feature {
        id: id.value,
        title: title?.value,
        implied_by: implied_by.map(At::into_inner),
        default,
    };
    Some(At { value: feature, span: id.span })
}

fn interface(table: &TableReader<'_>) -> Option<At<Interface>> {
    let name = word_forms::required_identifier(table, "name");
    let uuid = table.required_string("uuid").and_then(|text| {
        let uuid = word_forms::uuid(&text);
        if uuid.is_none() {
            let mistake = table
                .mistake(&text.span, format!("\"{}\" is not a UUID", text.value))
                .label("here");
            table.report(mistake.help(
                "32 hexadecimal digits in groups of 8-4-4-4-12: \
                12345778-1234-abcd-ef00-0123456789ac",
            ));
        }
        uuid
    });
    let version = table.required_string("version").and_then(|text| {
        let version = word_forms::version(&text);
        if version.is_none() {
            let mistake = table
                .mistake(
                    &text.span,
                    format!("\"{}\" is not the version of an interface", text.value),
                )
                .label("here");
            table.report(mistake.help("write major.minor: \"1.0\""));
        }
        version
    });
    let (title, hint) =
        (table.string("title").map(At::into_inner), table.string("hint").map(At::into_inner));
    let name = name?;
    Some(At {
        span: name.span.clone(),
        value: Interface { name: name.value, uuid: uuid?, version: version?, title, hint },
    })
}

fn range(table: &TableReader<'_>, text: &At<String>) -> Option<PortSet> {
    match text.parse() {
        Ok(range) => Some(range),
        Err(fault) => {
            table.report(
                table
                    .mistake(&text.span, format!("\"{}\" is not a range of ports", text.value))
                    .label("here")
                    .help(fault),
            );
            None
        }
    }
}
