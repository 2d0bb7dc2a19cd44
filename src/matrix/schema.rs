//! The JSON Schema of a matrix file, as a user writes it: for editors that check TOML while it is
//! typed.
//!
//! The types here only describe; the reader in [`crate::matrix::load`] says more than a schema can.
//! A test holds the two together: every key that the reader asks for is in the schema, and no
//! other.

// The types are never made: schemars reads their shape and their comments.
#![allow(dead_code)]

use super::model::{Expect, Locate, Protocol};
use crate::protocol::greeting::list::Greeting;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Identifier: lower-case letters, digits and single hyphens.
const ID: &str = r"^[a-z0-9]+(-[a-z0-9]+)*$";

/// A file of port tables: a matrix, or the description of a product.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "portmatrix matrix file")]
struct File {
    /// The file is a port table: what it is called and where it comes from.
    matrix: Option<MatrixHead>,
    /// The file describes a product: what its matrices share.
    product: Option<ProductHead>,
    /// Named ports, which a site may override.
    ports: Option<BTreeMap<String, PortNumber>>,
    /// Named port ranges, `first-last`, which a site may override.
    ranges: Option<BTreeMap<String, Range>>,
    /// Roles of hosts.
    role: Option<Vec<Role>>,
    /// Switches that conditions can ask for.
    feature: Option<Vec<Feature>>,
    /// RPC interfaces, by the name that flows use.
    interface: Option<Vec<Interface>>,
    /// The rows of the table.
    flow: Option<Vec<Flow>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProductHead {
    /// Identifier, used in sites and in the ids of matrices.
    #[schemars(regex(pattern = ID))]
    id: String,
    /// Name for people.
    title: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MatrixHead {
    /// `product/name`.
    #[schemars(regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"))]
    id: String,
    /// The product, where it is not the part of `id` before the slash.
    #[schemars(regex(pattern = ID))]
    product: Option<String>,
    /// One line for lists.
    title: String,
    /// Only for sites of this topology.
    #[schemars(regex(pattern = ID))]
    topology: Option<String>,
    /// Where the table comes from.
    source: Source,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Source {
    /// Title of the document.
    document: String,
    /// Date of its last update.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    updated: Option<String>,
    /// Section of the document.
    section: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Role {
    /// Identifier, used in sites and flows.
    #[schemars(regex(pattern = ID))]
    id: String,
    /// Short name for tables.
    title: String,
    /// One or two sentences.
    description: Option<String>,
    /// An example host.
    example: Option<String>,
    /// For domain controllers: which of a domain's are meant, by `{ discover = "…" }` in a site
    /// file too.
    locate: Option<Locate>,
    /// Hosts with this role belong closer, in time, to hosts of these roles …
    nearer_to: Option<Vec<String>>,
    /// … than to hosts of these. Either both or neither.
    than_to: Option<Vec<String>>,
    /// Hosts of these roles also have this role.
    includes: Option<Vec<String>>,
    /// For a role that is the same everywhere (a cloud service): its host names; a wildcard may be
    /// the first label.
    names: Option<Vec<String>>,
    /// Of these, the names without which nothing works.
    core: Option<Vec<String>>,
    /// Of these, the names of services that were retired: that one is not there is information, not
    /// a fault.
    legacy: Option<Vec<String>>,
    /// By wildcard among the names: names under it that are known, and can be tried.
    concrete: Option<std::collections::BTreeMap<String, Vec<String>>>,
    /// The published list that names and ranges were taken from, for `matrix import` and `matrix
    /// diff`.
    endpoints: Option<Endpoints>,
    /// For such a role: the published address ranges.
    networks: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    /// The cloud.
    instance: super::endpoints::Instance,
    /// Numbers of its sets.
    sets: Vec<u32>,
    /// Version of the list.
    #[schemars(regex(pattern = r"^[0-9]{10}$"))]
    version: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Feature {
    /// Identifier, used in a site's `features` and in `when`.
    #[schemars(regex(pattern = ID))]
    id: String,
    /// What switching it on means.
    title: String,
    /// On by itself when the site gives a host to this role.
    implied_by: Option<String>,
    /// On unless the site says `!id`. Not on when left out.
    default: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Interface {
    /// Name used by flows.
    #[schemars(regex(pattern = ID))]
    name: String,
    /// UUID.
    #[schemars(regex(pattern = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"))]
    uuid: String,
    /// `major.minor`.
    #[schemars(regex(pattern = r"^[0-9]{1,5}\.[0-9]{1,5}$"))]
    version: String,
    /// What it is used for.
    title: Option<String>,
    /// What to do when the mapper does not know it.
    hint: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Flow {
    /// Identifier, unique in its matrix.
    #[schemars(regex(pattern = ID))]
    id: String,
    /// Role that opens the connection.
    from: String,
    /// Role that is reached in the end.
    to: String,
    /// Role that stands in front of `to`; where a site has it, it is the one connected to.
    via: Option<String>,
    /// A port number, or the name of a port in `[ports]`.
    port: PortOrName,
    /// Application protocol.
    protocol: Protocol,
    /// http, https, grpc, grpc-h2c: the path, from its slash.
    #[schemars(regex(pattern = "^/"))]
    path: Option<String>,
    /// ldap: also test StartTLS. `false` when left out.
    starttls: Option<bool>,
    /// rpc: names of the interfaces that the flow needs.
    interfaces: Option<Vec<String>>,
    /// rpc: name of the dynamic range in `[ranges]`.
    range: Option<String>,
    /// tcp, tls: no real protocol is known, so our own first octets may be sent. `false` when left
    /// out.
    first_bytes: Option<bool>,
    /// tcp, tls: the greeting that is exchanged, and by whose answer the service is recognised.
    /// Without one, a port that opens proves nothing.
    greeting: Option<Greeting>,
    /// Features that must be on, or with `!` off, for the flow to apply.
    when: Option<Vec<Condition>>,
    /// Whether the product needs it. `true` when left out.
    required: Option<bool>,
    /// Whether the way must be open or shut. `allow` when left out.
    expect: Option<Expect>,
    /// Section of the source, where finer than the matrix's.
    section: Option<String>,
    /// Row number in the source table, from 1. Either this or `inferred`.
    #[schemars(range(min = 1, max = 9999))]
    row: Option<u32>,
    /// The document's remark.
    remark: Option<String>,
    /// Where the document contradicts itself: what is doubtful, and the reading taken.
    doubt: Option<String>,
    /// Not in a port table: why it is here all the same.
    inferred: Option<String>,
    /// What may still fail although the way is open: shown with a hop that passes, too.
    caution: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct PortNumber(#[schemars(range(min = 1, max = 65535))] u16);

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct Range(#[schemars(regex(pattern = r"^\s*[0-9]{1,5}\s*-\s*[0-9]{1,5}\s*$"))] String);

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct Condition(#[schemars(regex(pattern = r"^!?[a-z0-9]+(-[a-z0-9]+)*$"))] String);

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum PortOrName {
    /// Fixed by the document; a site cannot change it.
    Number(PortNumber),
    /// A port of `[ports]`.
    Name(#[schemars(regex(pattern = ID))] String),
}

/// The schema (JSON Schema 2020-12) of a file that was read from TOML; dates are strings in it.
pub fn schema() -> Schema {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<File>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::load;
    use serde_json::Value;
    use std::collections::{BTreeMap, BTreeSet};

    /// Properties of the type behind a property, looking through `anyOf` (for `Option`) and `$ref`.
    fn properties(schema: &Value, node: &Value) -> BTreeSet<String> {
        if let Some(reference) = node["$ref"].as_str() {
            return properties(schema, &schema["$defs"][reference.trim_start_matches("#/$defs/")]);
        }
        let mut found: BTreeSet<String> =
            node["properties"].as_object().into_iter().flat_map(|p| p.keys().cloned()).collect();
        for inner in node["anyOf"].as_array().into_iter().flatten().chain(node.get("items")) {
            found.extend(properties(schema, inner));
        }
        found
    }

    #[test]
    fn the_schema_has_the_keys_that_the_reader_asks_for_and_no_other() {
        let text = "[product]\n[[role]]\n[[feature]]\n[[interface]]\n[[flow]]\n";
        let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for text in [text, "[matrix]\nsource = {}\n"] {
            asked.extend(load::draft("t", text).expect("the syntax is right").document.asked());
        }
        let schema = serde_json::to_value(schema()).expect("a schema is JSON");
        for (heading, place) in [
            ("", schema.clone()),
            ("[product]", schema["properties"]["product"].clone()),
            ("[matrix]", schema["properties"]["matrix"].clone()),
            ("[[role]]", schema["properties"]["role"].clone()),
            ("[[feature]]", schema["properties"]["feature"].clone()),
            ("[[interface]]", schema["properties"]["interface"].clone()),
            ("[[flow]]", schema["properties"]["flow"].clone()),
            ("[matrix.source]", schema["$defs"]["Source"].clone()),
        ] {
            assert_eq!(properties(&schema, &place), asked[heading], "{heading}");
            assert!(!asked[heading].is_empty());
        }
    }

    #[test]
    fn every_table_is_closed() {
        let schema = serde_json::to_value(schema()).expect("a schema is JSON");
        let closed = |node: &Value| {
            node.get("properties").is_none() || node["additionalProperties"] == Value::Bool(false)
        };
        assert!(
            closed(&schema)
                && schema["$defs"].as_object().expect("definitions").values().all(closed)
        );
    }
}
