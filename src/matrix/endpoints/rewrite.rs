//! A port table with the names and ranges of a newer list. Only these change: comments, flows and
//! everything else stay as they were written.

use super::service::Wanted;
use crate::matrix::model::{Role, covers};
use toml_edit::{Array, DocumentMut, Item, Table, Value};

/// A text into which a list cannot be put.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// It is no TOML.
    #[error(transparent)]
    Toml(#[from] toml_edit::TomlError),
    /// It is another file.
    #[error("the file declares no role `{0}`")]
    NoRole(String),
    /// The role has no published list.
    #[error("the role does not say which sets it stands for")]
    NoSets,
}

/// Puts a list into the role of a file. `version` is that of the list, and `today` (`YYYY-MM-DD`)
/// the day when it was read.
///
/// # Errors
/// Where the text is not the file of this role.
pub fn rewrite(
    text: &str,
    role: &Role,
    wanted: &Wanted,
    version: Option<&str>,
    today: &str,
) -> Result<String, RewriteError> {
    let mut document: DocumentMut = text.parse()?;
    let table =
        role_table(&mut document, &role.id).ok_or_else(|| RewriteError::NoRole(role.id.clone()))?;
    // What is said of names that are gone goes with them.
    let still_there = |name: &String| wanted.names.contains(name);
    put(table, "names", &wanted.names);
    put(
        table,
        "core",
        &role.core.iter().filter(|name| still_there(name)).cloned().collect::<Vec<_>>(),
    );
    put(
        table,
        "legacy",
        &role.legacy.iter().filter(|name| still_there(name)).cloned().collect::<Vec<_>>(),
    );
    put(table, "networks", &wanted.networks.iter().map(ToString::to_string).collect::<Vec<_>>());
    if let Some(Item::Table(concrete)) = table.get_mut("concrete") {
        let gone: Vec<String> = concrete
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| !wanted.names.contains(key))
            .collect();
        for key in gone {
            concrete.remove(&key);
        }
    }
    let origin =
        table.get_mut("endpoints").and_then(Item::as_table_like_mut).ok_or(RewriteError::NoSets)?;
    match version {
        Some(version) => origin.insert("version", toml_edit::value(version)),
        None => origin.remove("version"),
    };
    date(&mut document, today);
    Ok(document.to_string())
}

fn role_table<'d>(document: &'d mut DocumentMut, id: &str) -> Option<&'d mut Table> {
    let roles = document.get_mut("role")?.as_array_of_tables_mut()?;
    roles.iter_mut().find(|table| table.get("id").and_then(Item::as_str) == Some(id))
}

/// A list, one entry a line; none where it is empty.
fn put(table: &mut Table, key: &str, entries: &[String]) {
    if entries.is_empty() {
        table.remove(key);
        return;
    }
    let mut array: Array = entries.iter().map(String::as_str).collect();
    for value in array.iter_mut() {
        value.decor_mut().set_prefix("\n    ");
    }
    array.set_trailing("\n");
    array.set_trailing_comma(true);
    // The key keeps its place and the comment above it.
    match table.get_mut(key) {
        Some(item) => *item = Item::Value(Value::Array(array)),
        None => {
            table.insert(key, Item::Value(Value::Array(array)));
        }
    }
}

/// The table is of today, wherever it came from before.
fn date(document: &mut DocumentMut, today: &str) {
    let Ok(today) = today.parse::<toml_edit::Datetime>() else { return };
    let source = document
        .get_mut("matrix")
        .and_then(|matrix| matrix.get_mut("source"))
        .and_then(Item::as_table_like_mut);
    if let Some(source) = source {
        source.insert("updated", toml_edit::value(today));
    }
}

/// Names under wildcards that would be tried no more, because the list has their wildcard no more.
pub fn orphans(role: &Role, wanted: &Wanted) -> Vec<String> {
    let lost = role
        .concrete
        .iter()
        .filter(|(wildcard, _)| !wanted.names.contains(wildcard))
        .flat_map(|(_, names)| names);
    lost.filter(|name| !wanted.names.iter().any(|pattern| covers(pattern, name))).cloned().collect()
}
