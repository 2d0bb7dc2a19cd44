//! A table for a terminal.

use super::view::{View, expected, speaks, to_host};
use crate::document::Style;
use crate::text::wrap;
use comfy_table::{ContentArrangement, Table};

/// Hops, one row each, in a table of at most `width` columns; then what was left out, or how much.
pub fn table(view: &View<'_>, width: u16) -> String {
    let hops = columns(view, width).unwrap_or_else(|| by_flow(view, width));
    let mut text = format!("Plan of {}\n{hops}", view.plan.site);
    if view.all && !view.unplanned.is_empty() {
        let mut left = new_table(width);
        left.set_header(["Left out", "From and to", "Why"]);
        for entry in &view.unplanned {
            let ends = format!("{}\n{}", entry.from, entry.to);
            left.add_row([entry.flow.replacen('/', "/\n", 1), ends, entry.why.to_string()]);
        }
        text.push_str(&format!("\n{}\n", left.trim_fmt()));
    }
    for missing in &view.plan.missing {
        text.push_str(&wrap(&missing.to_string(), "WARNING: ", usize::from(width)));
    }
    text.push_str(&wrap(&view.summary(), "", usize::from(width)));
    text
}

/// One row per hop, where that fits without breaking an id or a name, which somebody may want to
/// copy.
fn columns(view: &View<'_>, width: u16) -> Option<String> {
    let mut hops = new_table(width);
    hops.set_content_arrangement(ContentArrangement::Disabled);
    hops.set_header(["From", "To", "Port", "Protocol", "Expected", "Flow"]);
    for hop in &view.hops {
        hops.add_row([
            format!("{}\n{}", hop.from.host.label(), hop.from.role),
            format!("{}\n{}", to_host(hop).replace(" (", "\n("), hop.to.role),
            hop.port.to_string(),
            speaks(hop).replace(' ', "\n"),
            expected(hop).replace(", ", "\n"),
            hop.flow.id.replacen('/', "/\n", 1),
        ]);
    }
    let text = hops.trim_fmt();
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    (widest <= usize::from(width)).then(|| text + "\n")
}

/// The hops of each flow under its id.
fn by_flow(view: &View<'_>, width: u16) -> String {
    let mut text = String::new();
    let mut flow = "";
    for hop in &view.hops {
        if hop.flow.id != flow {
            flow = &hop.flow.id;
            let words = format!(
                "{flow}: {}, {} ({} → {})",
                speaks(hop),
                expected(hop),
                hop.from.role,
                hop.to.role
            );
            text.push_str(&wrap(&words, "", usize::from(width)));
        }
        let to = hop.to.host.label();
        let to = if to.contains(':') { format!("[{to}]") } else { to };
        let address = hop.address.map(|a| a.to_string()).filter(|a| *a != hop.to.host.label());
        let address = address.map(|a| format!(" ({a})")).unwrap_or_default();
        let words = format!("{} → {to}:{}{address}", hop.from.host.label(), hop.port);
        text.push_str(&wrap(&words, "    ", usize::from(width)));
    }
    text
}

fn new_table(width: u16) -> Table {
    Style { width, color: false }.table()
}
