//! Which file of the crate names which other one, and what is left of that when everything has been
//! taken away that is in no circle.

use super::source::File;
use std::collections::{BTreeMap, BTreeSet};

/// A module by its names from the crate's root.
pub type Module = Vec<String>;

/// Which module names which others.
pub type Graph = BTreeMap<Module, BTreeSet<Module>>;

/// `net/dial/mod.rs` and `net/dial.rs` are both `net::dial`.
pub fn module_of(path: &str) -> Module {
    let mut names: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if names.last().is_some_and(|last| last == "mod") {
        names.pop();
    }
    names
}

/// Every file but the two roots, with the files that it names: by `use`, or by a path in its code.
/// That a module declares another one (`mod x;`) is no such naming, and neither is how far
/// something can be seen (`pub(in crate::x)`).
pub fn graph(files: &[File]) -> Graph {
    let modules: BTreeSet<Module> = files
        .iter()
        .map(|f| module_of(&f.path))
        .filter(|m| *m != ["lib"] && *m != ["main"])
        .collect();
    let named = |file: &File| {
        let own = module_of(&file.path);
        let paths = file.paths();
        let found =
            paths.iter().filter_map(|path| resolve(&own, path, &modules)).filter(|m| *m != own);
        (own.clone(), found.collect())
    };
    files.iter().filter(|f| modules.contains(&module_of(&f.path))).map(named).collect()
}

/// The file that a path leads to: of `crate::a::b::C`, the module `a::b`.
fn resolve(own: &Module, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let mut at = own.clone();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => (at, rest) = (Module::new(), &rest[1..]),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                at.pop();
                rest = &rest[1..];
            }
        }
        // A module below, or another crate.
        first if !modules.contains(&below(own, first)) => return None,
        _ => {}
    }
    while let Some(name) = rest.first().filter(|name| modules.contains(&below(&at, name))) {
        at.push((*name).clone());
        rest = &rest[1..];
    }
    modules.contains(&at).then_some(at)
}

/// The names of a path from the crate's root; `None` for what is no path of `crate`, `super` or
/// `self`.
pub fn absolute(own: &Module, path: &[String]) -> Option<Module> {
    let mut at = own.clone();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            _ => break,
        }
        rest = others;
    }
    (rest.len() < path.len()).then(|| [&at[..], rest].concat())
}

fn below(module: &Module, name: &str) -> Module {
    [&module[..], &[name.to_owned()]].concat()
}

/// What is left when modules that name nobody, or that nobody names, are taken away until there is
/// no such one: the circles, and ways between them.
pub fn circles(mut graph: Graph) -> Graph {
    loop {
        let named: BTreeSet<Module> = graph.values().flatten().cloned().collect();
        let ends: Vec<Module> = graph
            .iter()
            .filter(|(m, names)| names.is_empty() || !named.contains(*m))
            .map(|(m, _)| m.clone())
            .collect();
        if ends.is_empty() {
            return graph;
        }
        for end in &ends {
            graph.remove(end);
        }
        for names in graph.values_mut() {
            names.retain(|name| !ends.contains(name));
        }
    }
}
