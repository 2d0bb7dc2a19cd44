//! The table `[nat]`: between whom both addresses are changed on the way, on purpose.

use crate::input::{Span, TableReader, ValueReader, choices};
use crate::matrix::model::RoleId;
use crate::site::model::{Host, Translated};
use std::collections::{BTreeMap, BTreeSet};

/// By role or host that connects, the roles or hosts that it connects to.
pub(super) fn ways(table: TableReader<'_>, roles: &BTreeMap<RoleId, Vec<Host>>) -> Vec<Translated> {
    let hosts = roles.values().flatten().map(Host::label);
    let known: BTreeSet<String> = roles.keys().cloned().chain(hosts).collect();
    let is_known = |word: &str| {
        let folded = word.trim_end_matches('.').to_ascii_lowercase();
        known.iter().find(|name| name.to_ascii_lowercase() == folded).cloned()
    };
    let mut ways = Vec::new();
    for (key, value) in table.entries() {
        let refuse = |at: &Span, word: &str| {
            let message = format!("\"{word}\" is no role and no host of [roles]");
            let names = known.iter().map(String::as_str);
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
        let values = if value.is_list() { value.list().unwrap_or_default() } else { vec![value] };
        for word in values.iter().filter_map(ValueReader::string) {
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
