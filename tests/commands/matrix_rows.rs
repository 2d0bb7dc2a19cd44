//! The built-in tables against the vendor's document: every row, with its ends and its port, and
//! nothing that is not one of them.

use portmatrix::matrix::Registry;
use portmatrix::matrix::model::{Expect, Flow, Matrix, Port, Product, Protocol};
use std::collections::BTreeSet;

/// Matrix, row, from, to, port: the document's tables, row by row.
const ROWS: &[(&str, u32, &str, &str, u16)] = &[
    ("reverse-proxy", 1, "psp-service", "domain-controller", 389),
    ("reverse-proxy", 2, "psp-service", "domain-controller", 636),
    ("reverse-proxy", 3, "migration-agent", "psp-service", 443),
    ("reverse-proxy", 4, "proxy-agent", "psp-service", 5001),
    ("reverse-proxy", 5, "sync-agent", "proxy-agent", 5001),
    ("reverse-proxy", 6, "password-agent", "proxy-agent", 5001),
    ("direct", 1, "psp-service", "domain-controller", 389),
    ("direct", 2, "psp-service", "domain-controller", 636),
    ("direct", 3, "migration-agent", "psp-service", 5000),
    ("direct", 4, "sync-agent", "psp-service", 5001),
    ("direct", 5, "password-agent", "psp-service", 5001),
    ("direct", 6, "proxy-agent", "psp-service", 5001),
    ("direct", 7, "sync-agent", "proxy-agent", 5001),
    ("direct", 8, "password-agent", "proxy-agent", 5001),
    ("directory-sync", 1, "psp-service", "source-dc", 389),
    ("directory-sync", 2, "psp-service", "source-dc", 636),
    ("directory-sync", 3, "psp-service", "target-dc", 389),
    ("directory-sync", 4, "psp-service", "target-dc", 636),
    ("directory-sync", 5, "sync-agent", "source-dc", 389),
    ("directory-sync", 6, "sync-agent", "source-dc", 636),
    ("directory-sync", 7, "sync-agent", "target-dc", 389),
    ("directory-sync", 8, "sync-agent", "target-dc", 636),
    ("password-sync", 1, "psp-service", "target-pdc", 135),
    ("sid-history", 1, "psp-service", "target-pdc", 135),
    ("sid-history", 2, "target-pdc", "source-pdc", 135),
    ("sid-history", 3, "sync-agent", "target-pdc", 135),
    ("sid-history", 4, "target-pdc", "source-pdc", 135),
    ("entra-id", 1, "psp-service", "entra-id", 443),
];

/// Our reading of the two rows that contradict themselves, kept under the same row numbers.
const READINGS: &[(&str, u32, &str, &str, u16)] = &[
    ("reverse-proxy", 5, "sync-agent", "psp-service", 5001),
    ("reverse-proxy", 6, "password-agent", "psp-service", 5001),
];

fn registry() -> Registry {
    Registry::embedded().expect("the built-in tables have no mistakes")
}

fn product(registry: &Registry) -> &Product {
    registry.product("powersyncpro").expect("it is built in")
}

fn matrix<'r>(registry: &'r Registry, name: &str) -> &'r Matrix {
    registry.matrix(&format!("powersyncpro/{name}")).expect("it is built in")
}

fn number(product: &Product, flow: &Flow) -> u16 {
    match &flow.port {
        Port::Literal(port) => *port,
        Port::Named(name) => product.ports[name],
    }
}

#[test]
fn every_row_of_the_document_is_there_and_no_other() {
    let registry = registry();
    let product = product(&registry);
    let mut wanted: Vec<_> = ROWS.iter().chain(READINGS).copied().collect();
    let mut found = Vec::new();
    for matrix in registry.matrices().filter(|m| m.id.starts_with("powersyncpro/")) {
        let name = matrix.id.trim_start_matches("powersyncpro/");
        assert_eq!(matrix.source.updated.as_deref(), Some("2025-11-07"), "{name}");
        assert!(matrix.source.section.is_some(), "{name} cites its section");
        for flow in &matrix.flows {
            if let Some(row) = flow.row {
                found.push((
                    name,
                    row,
                    flow.from.as_str(),
                    flow.to.as_str(),
                    number(product, flow),
                ));
            }
        }
    }
    wanted.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, wanted);
}

#[test]
fn the_contradiction_is_recorded_as_data() {
    let registry = registry();
    let doubtful: BTreeSet<_> = registry
        .matrices()
        .flat_map(|m| &m.flows)
        .filter(|f| f.doubt.is_some())
        .map(|f| f.id.as_str())
        .collect();
    let wanted = [
        "password-agent-to-proxy-agent",
        "password-agent-to-service",
        "sync-agent-to-proxy-agent",
        "sync-agent-to-service",
    ];
    assert_eq!(doubtful.into_iter().collect::<Vec<_>>(), wanted);
    // With a Proxy Agent exactly one half of each pair applies, and with none the other half.
    for flow in matrix(&registry, "reverse-proxy").flows.iter().filter(|f| f.doubt.is_some()) {
        let condition = flow
            .when
            .iter()
            .find(|c| c.feature == "proxy-agent")
            .expect("it depends on the Proxy Agent");
        assert_eq!(condition.on, flow.to == "proxy-agent", "{}", flow.id);
    }
}

#[test]
fn protocols_follow_from_the_ports() {
    let registry = registry();
    let product = product(&registry);
    for flow in
        registry.matrices().filter(|m| m.id.starts_with("powersyncpro/")).flat_map(|m| &m.flows)
    {
        let wanted = match number(product, flow) {
            389 => Protocol::Ldap,
            636 => Protocol::Ldaps,
            443 => Protocol::Https,
            5000 => Protocol::Http,
            5001 => Protocol::Grpc,
            135 => Protocol::Rpc,
            other => panic!("no table has port {other}"),
        };
        assert_eq!(flow.protocol, wanted, "{}", flow.id);
        assert_eq!(
            flow.path.as_deref() == Some("/Agent"),
            matches!(wanted, Protocol::Grpc | Protocol::Http)
                || flow.row == Some(3) && wanted == Protocol::Https,
            "{}",
            flow.id
        );
    }
}

#[test]
fn named_ports_and_the_rpc_range_can_be_overridden_and_fixed_ones_cannot() {
    let registry = registry();
    let product = product(&registry);
    assert_eq!((product.ports["migration-agents"], product.ports["remote-agents"]), (5000, 5001));
    assert_eq!(product.ranges["rpc-dynamic"].to_string(), "49152-65535");
    for flow in
        registry.matrices().filter(|m| m.id.starts_with("powersyncpro/")).flat_map(|m| &m.flows)
    {
        assert_eq!(
            matches!(flow.port, Port::Named(_)),
            [5000, 5001].contains(&number(product, flow)),
            "{}",
            flow.id
        );
        assert_eq!(
            flow.range.as_deref(),
            (flow.protocol == Protocol::Rpc).then_some("rpc-dynamic"),
            "{}",
            flow.id
        );
    }
}

#[test]
fn names_and_networks_of_the_cloud_directory() {
    let registry = registry();
    let role = product(&registry).role("entra-id").expect("it is declared");
    assert_eq!(role.names.iter().collect::<BTreeSet<_>>().len(), 25);
    let wildcards: Vec<_> = role.names.iter().filter(|n| n.starts_with("*.")).collect();
    assert_eq!(wildcards, ["*.auth.microsoft.com", "*.msftidentity.com", "*.msidentity.com"]);
    for name in [
        "login.microsoftonline.com",
        "graph.microsoft.com",
        "login-us.microsoftonline.com",
        "clientconfig.microsoftonline-p.net",
    ] {
        assert!(role.names.iter().any(|n| n == name), "{name}");
    }
    let (v4, v6): (Vec<ipnet::IpNet>, Vec<ipnet::IpNet>) =
        role.networks.iter().copied().partition(|n| matches!(n, ipnet::IpNet::V4(_)));
    let v4: Vec<String> = v4.iter().map(ToString::to_string).collect();
    assert_eq!(v4, ["20.20.32.0/19", "20.190.128.0/18", "20.231.128.0/19", "40.126.0.0/18"]);
    let v6: Vec<String> = v6.iter().map(ToString::to_string).collect();
    assert_eq!(
        v6,
        [
            "2603:1006:2000::/48",
            "2603:1007:200::/48",
            "2603:1016:1400::/48",
            "2603:1017::/48",
            "2603:1026:3000::/48",
            "2603:1027:1::/48",
            "2603:1036:3000::/48",
            "2603:1037:1::/48",
            "2603:1046:2000::/48",
            "2603:1047:1::/48",
            "2603:1056:2000::/48",
            "2603:1057:2::/48",
        ]
    );
}

#[test]
fn what_must_be_shut_is_said() {
    let registry = registry();
    let denied: Vec<_> = registry
        .matrices()
        .flat_map(|m| m.flows.iter().map(move |f| (m.topology.as_deref(), f)))
        .filter(|(_, f)| f.expect == Expect::Deny)
        .map(|(topology, f)| (topology, f.from.as_str(), f.via.as_deref(), f.path.as_deref()))
        .collect();
    assert_eq!(
        denied,
        [
            (Some("reverse-proxy"), "migration-agent", Some("reverse-proxy"), Some("/")),
            (Some("reverse-proxy"), "migration-agent", Some("reverse-proxy"), Some("/redirect")),
            (Some("reverse-proxy"), "migration-agent", None, Some("/Agent")),
        ]
    );
}

#[test]
fn supplementary_tables_say_why_they_are_there_and_are_off_by_default() {
    let registry = registry();
    let product = product(&registry);
    let mut count = 0;
    for matrix in registry.matrices().filter(|m| m.id.starts_with("supplementary/")) {
        assert_eq!(matrix.product, "powersyncpro");
        for flow in &matrix.flows {
            count += 1;
            assert!(flow.inferred.is_some() && flow.row.is_none(), "{}", flow.id);
            let off = |c: &portmatrix::matrix::model::Condition| {
                let feature = product.feature(&c.feature).expect("declared");
                c.on && !feature.default && feature.implied_by.is_none()
            };
            assert!(flow.when.iter().any(off), "{} would be on by itself", flow.id);
        }
    }
    assert!(count >= 20, "{count} flows");
}

#[test]
fn every_built_in_file_satisfies_the_schema_and_an_unknown_key_does_not() {
    let schema =
        serde_json::to_value(portmatrix::matrix::schema::schema()).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = Registry::files_of(&root.join("matrices")).expect("files");
    let more = Registry::files_of(&root.join("tests/data/second-product")).expect("files");
    assert!(files.len() >= 12);
    for path in files.iter().chain(&more) {
        let text = std::fs::read_to_string(path).expect("readable");
        let value = json(&text.parse::<toml::Table>().expect("TOML").into());
        let mistakes: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(mistakes.is_empty(), "{}: {mistakes:#?}", path.display());
    }
    let text = std::fs::read_to_string(&files[0]).expect("readable");
    for damage in [
        ("protocol = ", "prtocol = "),
        ("protocol = \"ldap\"", "protocol = \"ladp\""),
        ("row = 1", "row = 0"),
        ("port = 389", "port = 70000"),
        ("[[flow]]", "[[row]]"),
    ] {
        assert!(text.contains(damage.0), "{}", damage.0);
        let value =
            json(&text.replace(damage.0, damage.1).parse::<toml::Table>().expect("TOML").into());
        assert!(!validator.is_valid(&value), "{damage:?} goes unnoticed");
    }
}

/// TOML as JSON; dates are strings.
fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
        other => serde_json::to_value(other).expect("plain values are JSON"),
    }
}
