//! The result file, and its schema.

use crate::result::ResultFile;

/// One JSON document, ended by a newline.
pub fn render(file: &ResultFile) -> String {
    // The types hold nothing that JSON cannot: keys are text and no number is infinite.
    serde_json::to_string_pretty(file).map_or_else(
        |e| format!("{{\"error\":\"{e}\"}}"),
        |mut text| {
            text.push('\n');
            text
        },
    )
}

/// JSON Schema (2020-12) of the result file.
pub fn schema() -> String {
    let schema = schemars::schema_for!(ResultFile);
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}
