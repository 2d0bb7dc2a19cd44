//! Files of `portmatrix/result/1`, as programs before 29 November 2026 wrote them: the facts of a
//! step were one free map there, `detail`. A step finds the families of its facts when it is read
//! (`observation/step.rs`); all else is as it is now.

use super::{ResultFile, SCHEMA};

/// Name and version of that format.
pub const SCHEMA_1: &str = "portmatrix/result/1";

/// A file of version 1 as one of this version.
pub fn upgraded(file: ResultFile) -> ResultFile {
    match file.schema.as_str() {
        SCHEMA_1 => ResultFile { schema: SCHEMA.to_owned(), ..file },
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use crate::observation::Step;
    use serde_json::json;

    #[test]
    fn facts_of_version_1_find_their_families_in_any_order() {
        let now = json!({ "step": "http", "ok": false, "reason": "not-tested",
            "initiator": "unknown", "at_ms": 0.0, "ms": 1.0,
            "facts": { "http": { "status": 404 }, "more": { "new": 1 } } });
        for old in [
            r#"{"step":"http","ok":false,"at_ms":0,"ms":1,"detail":{"status":404,"new":1}}"#,
            r#"{"detail":{"new":1,"status":404},"ms":1,"at_ms":0,"ok":false,"step":"http"}"#,
        ] {
            let step: Step = serde_json::from_str(old).expect("a step");
            assert_eq!(serde_json::to_value(&step).expect("JSON"), now);
            assert_eq!(serde_json::from_value::<Step>(now.clone()).expect("a step"), step);
        }
    }
}
