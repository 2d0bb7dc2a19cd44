//! The table `[nat]`: between whom both addresses are changed on the way, on purpose.

use crate::input::{Span, TableReader, choices};
use crate::matrix::model::RoleId;
use crate::site::model::{Host, Translated};
use std::collections::BTreeMap;

/// By role or host that connects, the roles or hosts that it connects to.
pub(super) fn ways(table: TableReader<'_>, roles: &BTreeMap<RoleId, Vec<Host>>) -> Vec<Translated> {
    let hosts = roles.values().flatten().map(Host::label);
    let known: BTreeMap<String, String> =
        roles.keys().cloned().chain(hosts).map(|name| (name.to_ascii_lowercase(), name)).collect();
    let is_known =
        |word: &str| known.get(&word.trim_end_matches('.').to_ascii_lowercase()).cloned();
    let mut ways = Vec::new();
    for (key, value) in table.entries() {
        let refuse = |at: &Span, word: &str| {
            let message = format!("\"{word}\" is no role and no host of [roles]");
            let names = known.values().map(String::as_str);
            table.report(table.mistake(at, message).label("here").help(choices(
                word,
                "roles and hosts",
                names,
            )));
        };
        let from = is_known(&key.value);
        if from.is_none() {
            refuse(&key.span, &key.value);
        }
        for word in value.each().filter_map(|one| one.string()) {
            match (is_known(&word.value), &from) {
                (None, _) => refuse(&word.span, &word.value),
                (Some(to), Some(from)) => ways.push(Translated { from: from.clone(), to }),
                (Some(_), None) => {}
            }
        }
    }
    table.finish();
    ways
}
