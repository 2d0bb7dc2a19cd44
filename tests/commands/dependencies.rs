//! What this project may depend on: licences, sources, and the same crate in two versions. Reads
//! `cargo metadata` for both systems that the program is built for. (Known vulnerabilities are not
//! looked up: their list is not part of the repository.)

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const TARGETS: &[&str] = &["x86_64-unknown-linux-gnu", "x86_64-pc-windows-gnu"];

/// Licences that ask for nothing but their own text, and MPL-2.0, which asks for the source of the
/// changed files alone (we change none).
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // For data: the list of public roots.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that reach the program in two versions, each with who is behind. A row that is no longer
/// needed must go.
const TWICE: &[(&str, &str)] = &[
    ("base64", "ldap3_proto is one release behind the others"),
    ("getrandom", "ring still has 0.2; uuid (in ldap3_proto) has 0.4"),
    ("syn", "build time only: the derive crates are moving from 2 to 3"),
    ("synstructure", "build time only: it follows syn"),
    ("unicode-width", "miette still has 0.1; the tables have 0.2"),
];

/// Crates that must never come in, each with what is used in its place.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "rustls"),
    ("openssl-sys", "rustls"),
    ("native-tls", "rustls"),
    ("aws-lc-rs", "ring: it cross-compiles to Windows with nothing but a C compiler"),
    ("aws-lc-sys", "ring"),
    ("trust-dns-resolver", "hickory-resolver, its present name"),
    ("chrono", "jiff"),
];

/// Banned crates that one other crate may bring, with which they stay: its interface names them.
const BROUGHT: &[(&str, &str)] = &[("chrono", "quick-junit")];

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
fn allowed(expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(" WITH ", "\u{1}");
    let words: Vec<String> =
        spaced.split_whitespace().map(|w| w.replace('\u{1}', " WITH ")).collect();
    let mut at = 0;
    let outcome = any(&words, &mut at);
    outcome && at == words.len()
}

fn any(words: &[String], at: &mut usize) -> bool {
    let mut outcome = all(words, at);
    while words.get(*at).is_some_and(|w| w == "OR") {
        *at += 1;
        outcome |= all(words, at);
    }
    outcome
}

fn all(words: &[String], at: &mut usize) -> bool {
    let mut outcome = one(words, at);
    while words.get(*at).is_some_and(|w| w == "AND") {
        *at += 1;
        outcome &= one(words, at);
    }
    outcome
}

fn one(words: &[String], at: &mut usize) -> bool {
    let word = words.get(*at).map(String::as_str);
    *at += 1;
    if word != Some("(") {
        return word.is_some_and(|w| LICENCES.contains(&w));
    }
    let outcome = any(words, at);
    let closed = words.get(*at).is_some_and(|w| w == ")");
    *at += 1;
    outcome && closed
}

#[test]
fn licences_sources_and_banned_crates() {
    let mut wrong = Vec::new();
    for target in TARGETS {
        for package in packages(target) {
            let shown = format!("{} {} ({target})", package.name, package.version);
            match &package.licence {
                Some(licence) if allowed(licence) => {}
                other => wrong.push(format!("{shown}: licence {other:?}")),
            }
            match package.source.as_deref() {
                None if package.name == env!("CARGO_PKG_NAME") => {}
                Some(source)
                    if source.starts_with("registry+")
                        && source.ends_with("/rust-lang/crates.io-index") => {}
                other => wrong.push(format!("{shown}: comes from {other:?}, not from crates.io")),
            }
            if let Some((_, instead)) =
                BANNED.iter().find(|(name, _)| package.ships && *name == package.name)
                && !BROUGHT.iter().any(|(name, by)| {
                    *name == package.name && package.brought_by.iter().all(|other| other == by)
                })
            {
                wrong.push(format!("{shown}: is banned; use {instead}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_crate_twice_without_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for target in TARGETS {
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
    let known: BTreeSet<&str> = TWICE.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = twice.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        found, known,
        "left: in the graph twice ({twice:?}); right: with a reason in this test"
    );
}

#[test]
fn licence_expressions_are_read_as_spdx_says() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
    ] {
        assert!(allowed(good), "{good}");
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
        assert!(!allowed(bad), "{bad}");
    }
}
