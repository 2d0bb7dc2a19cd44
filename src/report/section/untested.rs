//! Flows that could not be tested at all, and why.

use crate::document::{Block, Heading, Section, Text};
use crate::plan::model::Unplanned;

/// Nothing where all could be tested.
pub fn sections(flows: &[Unplanned]) -> Vec<Section> {
    if flows.is_empty() {
        return Vec::new();
    }
    let which = if flows.len() == 1 { "a flow" } else { "flows" };
    let words = Text::alarm("Not tested").then(format!(": {which} that this site asks for"));
    let point = |flow: &Unplanned| {
        let which = format!("{} ({} → {}): ", flow.flow, flow.from, flow.to);
        Text::from(which).then(Text::with_commands(&flow.why.to_string()))
    };
    let blocks = vec![Block::List(flows.iter().map(point).collect())];
    vec![Section { heading: Some(Heading { words, about: None }), blocks }]
}
