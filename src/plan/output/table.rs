//! A table for a terminal.

use super::{View, expected, speaks, to_host};
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};

/// Narrower than this, the flow goes under the hosts: its id would be broken over many lines in a column of its own.
const WIDE: u16 = 110;

/// A rule under the header, and nothing else.
const LINES: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Hops, one row each, in a table of at most `width` columns; then what was left out, or how much.
pub fn table(view: &View<'_>, width: u16) -> String {
    let wide = width >= WIDE;
    let mut hops = new_table(width);
    let mut headings = vec!["From", "To", "Port", "Protocol", "Expected"];
    if wide {
        headings.push("Flow");
    }
    hops.set_header(headings);
    for hop in &view.hops {
        let mut row = vec![
            format!("{}\n{}", hop.from.host.label(), hop.from.role),
            format!("{}\n{}", to_host(hop).replace(" (", "\n("), hop.to.role),
            hop.port.to_string(),
            speaks(hop).replace(' ', "\n"),
            expected(hop).replace(", ", "\n"),
        ];
        if wide {
            row.push(hop.flow.id.replacen('/', "/\n", 1));
        }
        hops.add_row(row);
    }
    keep_whole(&mut hops, &[2, 3, 4]);
    let mut text = format!("Plan of {}\n{}\n", view.plan.site, hops.trim_fmt());
    if view.all && !view.unplanned.is_empty() {
        let mut left = new_table(width);
        left.set_header(["Left out", "From and to", "Why"]);
        for entry in &view.unplanned {
            let ends = format!("{}\n{}", entry.from, entry.to);
            left.add_row([entry.flow.replacen('/', "/\n", 1), ends, entry.why.to_string()]);
        }
        text.push_str(&format!("\n{}\n", left.trim_fmt()));
    }
    text.push_str(&view.summary());
    text.push('\n');
    text
}

fn new_table(width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(LINES).force_no_tty().set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table
}

/// Columns of short words are never broken.
fn keep_whole(table: &mut Table, columns: &[usize]) {
    let widths: Vec<u16> = table.column_max_content_widths();
    for place in columns {
        if let (Some(column), Some(width)) = (table.column_mut(*place), widths.get(*place)) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width.saturating_add(2).min(20))));
        }
    }
}
