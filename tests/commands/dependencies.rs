//! What this project may depend on: licences, sources, and the same crate in two versions, by the
//! lists of `deny.toml`. Reads `cargo metadata` for both systems that the program is built for, so
//! that the lists hold also where there is no cargo-deny. (Known vulnerabilities are not looked up:
//! their list is not part of the repository.)

use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// `deny.toml`, as far as it is read here.
#[derive(Deserialize)]
struct Rules {
    graph: Graph,
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Graph {
    targets: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Banned>,
    skip: Vec<Twice>,
}

/// A crate that must not come in, except with one that its interface names.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Banned {
    #[serde(rename = "crate")]
    name: String,
    use_instead: String,
    #[serde(default)]
    wrappers: BTreeSet<String>,
}

/// A crate that reaches the program in two versions.
#[derive(Deserialize)]
struct Twice {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

fn rules() -> Rules {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    let text = std::fs::read_to_string(path).expect("deny.toml is there");
    toml::from_str(&text).expect("deny.toml has its lists")
}

/// One package of the resolved graph.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
    /// Whether it reaches the program, not only its tests.
    ships: bool,
    /// The packages that depend on it, by name.
    brought_by: BTreeSet<String>,
}

fn packages(target: &str) -> Vec<Package> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", target])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    read(&serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON"))
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is a text in {value:.200}")).to_owned()
}

/// Packages of the resolved graph, and which of them are reached without a dev-dependency.
fn read(metadata: &Value) -> Vec<Package> {
    let nodes: BTreeMap<String, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("the graph is resolved")
        .iter()
        .map(|n| (text(n, "id"), n))
        .collect();
    let mut shipped = BTreeSet::new();
    let mut waiting = vec![text(&metadata["resolve"], "root")];
    while let Some(id) = waiting.pop() {
        if shipped.contains(&id) {
            continue;
        }
        for dependency in nodes[&id]["deps"].as_array().expect("a node has dependencies") {
            if dependency["dep_kinds"]
                .as_array()
                .expect("a dependency has kinds")
                .iter()
                .any(|k| k["kind"] != "dev")
            {
                waiting.push(text(dependency, "pkg"));
            }
        }
        shipped.insert(id);
    }
    let packages = metadata["packages"].as_array().expect("there are packages");
    let name_of: BTreeMap<String, String> =
        packages.iter().map(|p| (text(p, "id"), text(p, "name"))).collect();
    let mut brought: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, node) in &nodes {
        for dependency in node["deps"].as_array().expect("a node has dependencies") {
            let by = brought.entry(text(dependency, "pkg")).or_default();
            by.insert(name_of[id].clone());
        }
    }
    let of_graph = packages.iter().filter(|p| nodes.contains_key(&text(p, "id")));
    of_graph
        .map(|p| Package {
            name: text(p, "name"),
            version: text(p, "version"),
            licence: p["license"].as_str().map(str::to_owned),
            source: p["source"].as_str().map(str::to_owned),
            ships: shipped.contains(&text(p, "id")),
            brought_by: brought.get(&text(p, "id")).cloned().unwrap_or_default(),
        })
        .collect()
}

/// Whether an SPDX expression can be satisfied with allowed licences alone. `/` is the old way to
/// write `OR`; `AND` binds more tightly.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "\u{1}");
    let words: Vec<String> =
        spaced.split_whitespace().map(|w| w.replace('\u{1}', " WITH ")).collect();
    let mut at = 0;
    let outcome = any(&words, &mut at, licences);
    outcome && at == words.len()
}

fn any(words: &[String], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut outcome = all(words, at, licences);
    while words.get(*at).is_some_and(|w| w == "OR") {
        *at += 1;
        outcome |= all(words, at, licences);
    }
    outcome
}

fn all(words: &[String], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut outcome = one(words, at, licences);
    while words.get(*at).is_some_and(|w| w == "AND") {
        *at += 1;
        outcome &= one(words, at, licences);
    }
    outcome
}

fn one(words: &[String], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let word = words.get(*at).map(String::as_str);
    *at += 1;
    if word != Some("(") {
        return word.is_some_and(|w| licences.contains(w));
    }
    let outcome = any(words, at, licences);
    let closed = words.get(*at).is_some_and(|w| w == ")");
    *at += 1;
    outcome && closed
}

#[test]
fn licences_sources_and_banned_crates() {
    let (rules, mut wrong) = (rules(), Vec::new());
    for target in &rules.graph.targets {
        for package in packages(target) {
            let shown = format!("{} {} ({target})", package.name, package.version);
            match &package.licence {
                Some(licence) if allowed(licence, &rules.licenses.allow) => {}
                other => wrong.push(format!("{shown}: licence {other:?}")),
            }
            match package.source.as_deref() {
                None if package.name == env!("CARGO_PKG_NAME") => {}
                Some(source)
                    if source.starts_with("registry+")
                        && source.ends_with("/rust-lang/crates.io-index") => {}
                other => wrong.push(format!("{shown}: comes from {other:?}, not from crates.io")),
            }
            let banned = rules.bans.deny.iter().find(|b| package.ships && b.name == package.name);
            if let Some(banned) = banned.filter(|b| !package.brought_by.is_subset(&b.wrappers)) {
                wrong.push(format!("{shown}: is banned; use {}", banned.use_instead));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_crate_twice_without_a_reason() {
    let rules = rules();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for target in &rules.graph.targets {
        versions.clear();
        for package in packages(target).into_iter().filter(|p| p.ships) {
            versions.entry(package.name).or_default().insert(package.version);
        }
        assert!(
            versions.contains_key("rustls") && versions.len() > 100,
            "the graph for {target} is read: {} crates",
            versions.len()
        );
        twice.extend(
            versions.iter().filter(|(_, v)| v.len() > 1).map(|(n, v)| (n.clone(), v.clone())),
        );
    }
    assert!(rules.bans.skip.iter().all(|row| !row.reason.is_empty()));
    let known: BTreeSet<&str> = rules.bans.skip.iter().map(|row| row.name.as_str()).collect();
    let found: BTreeSet<&str> = twice.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        found, known,
        "left: in the graph twice ({twice:?}); right: with a reason in deny.toml"
    );
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    let licences = rules().licenses.allow;
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
    ] {
        assert!(allowed(good, &licences), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 OR MIT AND GPL-2.0",
        "(MIT",
        "MIT ISC",
        "MIT OR ISC)",
        "GPL-2.0 WITH LLVM-exception",
    ] {
        assert!(!allowed(bad, &licences), "{bad}");
    }
}
