//! A small made-up product for the tests of this folder.

use crate::matrix::model::*;
use crate::matrix::port_set::PortSet;
use crate::plan::build::build;
use crate::plan::model::{Plan, Unplanned, Why};
use crate::site::model::{Host, Site};
use std::collections::BTreeMap;

/// `web` → `db` and so on; change the parts with struct update.
pub fn flow(id: &str, from: &str, to: &str, port: u16, protocol: Protocol) -> Flow {
    Flow {
        id: id.into(),
        from: from.into(),
        to: to.into(),
        via: None,
        port: Port::Literal(port),
        protocol,
        path: None,
        starttls: false,
        interfaces: Vec::new(),
        range: None,
        first_bytes: false,
        greeting: None,
        when: Vec::new(),
        required: true,
        expect: Expect::Allow,
        section: None,
        row: None,
        remark: None,
        doubt: None,
        inferred: None,
        caution: None,
    }
}

pub fn role(id: &str) -> Role {
    Role {
        id: id.into(),
        title: id.into(),
        description: None,
        example: None,
        locate: None,
        includes: Vec::new(),
        nearer_to: Vec::new(),
        than_to: Vec::new(),
        names: Vec::new(),
        core: Vec::new(),
        legacy: Vec::new(),
        concrete: std::collections::BTreeMap::new(),
        endpoints: None,
        networks: Vec::new(),
    }
}

pub fn interface(name: &str) -> Interface {
    Interface {
        name: name.into(),
        uuid: uuid::Uuid::nil(),
        version: (1, 0),
        title: None,
        hint: None,
    }
}

pub fn feature(id: &str) -> Feature {
    Feature { id: id.into(), title: id.into(), implied_by: None, default: false }
}

pub fn when(text: &str) -> Condition {
    Condition { feature: text.trim_start_matches('!').into(), on: !text.starts_with('!') }
}

/// Roles: web, db, cache (in front of db), store (includes db and cache), agent, cloud (published
/// names). Named port `db` 5432, range `rpc`.
pub fn product() -> Product {
    let store = Role { includes: vec!["db".into(), "cache".into()], ..role("store") };
    let cloud = Role {
        names: vec!["*.cloud.example".into(), "login.cloud.example".into()],
        networks: vec!["203.0.113.0/24".parse().expect("a network")],
        ..role("cloud")
    };
    Product {
        id: "shop".into(),
        title: "Shop".into(),
        roles: vec![role("web"), role("db"), role("cache"), store, role("agent"), cloud],
        features: vec![
            feature("audit"),
            Feature { implied_by: Some("cache".into()), ..feature("caching") },
            Feature { default: true, ..feature("search") },
        ],
        ports: BTreeMap::from([("db".into(), 5432)]),
        ranges: BTreeMap::from([("rpc".into(), PortSet::run(49152, 65535))]),
        interfaces: vec![interface("drs"), interface("samr")],
        matrices: vec!["shop/base".into()],
        topologies: vec!["direct".into(), "proxied".into()],
    }
}

pub fn matrix(id: &str, flows: Vec<Flow>) -> Matrix {
    Matrix {
        id: id.into(),
        product: "shop".into(),
        title: id.into(),
        topology: None,
        source: Source { document: "Handbook".into(), updated: None, section: None },
        roles: Vec::new(),
        features: Vec::new(),
        ports: BTreeMap::new(),
        ranges: BTreeMap::new(),
        interfaces: Vec::new(),
        flows,
    }
}

/// `10.0.0.1`, `10.0.0.0/8`, `name`, `name=10.0.0.1,10.0.0.2` or `discover:domain`.
pub fn host(text: &str) -> Host {
    if let Some(domain) = text.strip_prefix("discover:") {
        return Host::Discover { domain: domain.into(), site: None };
    }
    if let Some((name, addresses)) = text.split_once('=') {
        let addresses = addresses.split(',').map(|a| a.parse().expect("an address")).collect();
        return Host::Named { name: name.into(), addresses };
    }
    match (text.parse(), text.parse()) {
        (Ok(address), _) => Host::Address(address),
        (_, Ok(network)) => Host::Network(network),
        _ => Host::Named { name: text.into(), addresses: Vec::new() },
    }
}

pub fn site(roles: &[(&str, &[&str])]) -> Site {
    Site {
        name: "test".into(),
        product: "shop".into(),
        topology: "direct".into(),
        features: BTreeMap::new(),
        ports: BTreeMap::new(),
        ranges: BTreeMap::new(),
        roles: roles
            .iter()
            .map(|(role, hosts)| ((*role).into(), hosts.iter().map(|h| host(h)).collect()))
            .collect(),
        certificates: BTreeMap::new(),
        networks: BTreeMap::new(),
        port_offset: 0,
        matrices: Vec::new(),
        key: None,
        routes: Vec::new(),
        controls: BTreeMap::new(),
        nat: Vec::new(),
    }
}

/// The plan of these flows in one table, `shop/base`.
pub fn plan(flows: Vec<Flow>, site: &Site) -> Plan {
    build(&product(), &[matrix("shop/base", flows)], site).expect("a small plan")
}

pub fn ids(plan: &Plan) -> Vec<&str> {
    plan.hops.iter().map(|hop| hop.id.as_str()).collect()
}

pub fn whys(plan: &Plan) -> Vec<&Why> {
    plan.unplanned.iter().map(|Unplanned { why, .. }| why).collect()
}
