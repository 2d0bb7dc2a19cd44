//! JSON: one document.

use super::view::View;
use crate::plan::document::PlanDocument;
use crate::text::json::pretty;
use schemars::generate::SchemaSettings;

/// The document `portmatrix/plan/1`, indented, with a final line feed.
///
/// # Errors
/// None that a plan can cause; serde's signature has one.
pub fn json(view: &View<'_>) -> Result<String, serde_json::Error> {
    let document = PlanDocument::new(view.plan, &view.hops, &view.unplanned);
    Ok(pretty(&document)? + "\n")
}

/// The JSON Schema of the document, from the types.
///
/// # Errors
/// As [`json`].
pub fn schema() -> Result<String, serde_json::Error> {
    // What is left out when it is empty is not required.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    Ok(pretty(&generator.into_root_schema_for::<PlanDocument<'_>>())? + "\n")
}
