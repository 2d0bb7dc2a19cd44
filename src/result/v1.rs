//! Files of `portmatrix/result/1`, as programs before 29 November 2026 wrote them: the facts of a
//! step were one free map there.

use super::SCHEMA;
use crate::observation::{Facts, StepKind};
use serde_json::Value;

/// Name and version of that format.
pub const SCHEMA_1: &str = "portmatrix/result/1";

/// Turns a file of version 1 into one of this version. What it says otherwise stays as it is, and
/// is judged by whoever reads it as a whole.
pub fn upgrade(file: &mut Value) {
    if file.get("schema").and_then(Value::as_str) != Some(SCHEMA_1) {
        return;
    }
    file["schema"] = SCHEMA.into();
    let hops = file.get_mut("hops").and_then(Value::as_array_mut).into_iter().flatten();
    let steps = hops.filter_map(|hop| hop.get_mut("steps")?.as_array_mut()).flatten();
    for step in steps.filter_map(Value::as_object_mut) {
        let kind = step.get("step").and_then(|kind| serde_json::from_value(kind.clone()).ok());
        let (Some(kind), Some(Value::Object(detail))) = (kind, step.remove("detail")) else {
            continue;
        };
        let kind: StepKind = kind;
        if let Ok(facts) = serde_json::to_value(Facts::of_flat(kind, detail.into_iter().collect()))
        {
            step.insert("facts".to_owned(), facts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_files_of_version_1_are_changed() {
        let step = json!({ "step": "http", "ok": false, "detail": { "status": 404, "new": 1 } });
        let mut old = json!({ "schema": SCHEMA_1, "hops": [{ "steps": [step] }] });
        upgrade(&mut old);
        assert_eq!(
            old,
            json!({ "schema": SCHEMA, "hops": [{ "steps": [{ "step": "http", "ok": false,
                "facts": { "http": { "status": 404 }, "more": { "new": 1 } } }] }] })
        );
        let again = old.clone();
        upgrade(&mut old);
        assert_eq!(old, again);
        for odd in [json!(null), json!([]), json!({ "schema": SCHEMA_1, "hops": { "steps": 7 } })] {
            upgrade(&mut odd.clone());
        }
    }
}
