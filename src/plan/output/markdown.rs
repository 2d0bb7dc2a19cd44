//! Markdown: pipe tables, for tickets and wikis.

use super::view::{View, expected, speaks, to_host};
use crate::text::markdown_safe;
use std::fmt::Write as _;

/// A heading, a table of hops and, with `all`, a table of what was left out.
pub fn markdown(view: &View<'_>) -> String {
    let mut text = format!("## Plan of {}\n\n", markdown_safe(&view.plan.site));
    let cells = view.hops.iter().map(|hop| {
        let from = format!("{} ({})", hop.from.host.label(), hop.from.role);
        let to = format!("{} ({})", to_host(hop), hop.to.role);
        vec![
            from,
            to,
            hop.port.to_string(),
            speaks(hop),
            expected(hop),
            hop.flow.id.clone(),
            hop.flow.source.clone(),
        ]
    });
    rows(&mut text, &["From", "To", "Port", "Protocol", "Expected", "Flow", "Source"], cells);
    if view.all && !view.unplanned.is_empty() {
        text.push_str("\n### Left out\n\n");
        let cells = view
            .unplanned
            .iter()
            .map(|u| vec![u.flow.clone(), u.from.clone(), u.to.clone(), u.why.to_string()]);
        rows(&mut text, &["Flow", "From", "To", "Why"], cells);
    }
    for missing in &view.plan.missing {
        let _ = writeln!(text, "\n**Warning:** {}", markdown_safe(&missing.to_string()));
    }
    let _ = writeln!(text, "\n{}", markdown_safe(&view.summary()));
    text
}

fn rows(text: &mut String, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(text, "| {} |", headings.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(headings.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| markdown_safe(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
}
