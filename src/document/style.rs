//! How tables for a terminal are drawn.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

/// How a document is drawn in a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether colour may be used.
    pub color: bool,
}

/// A rule under the header, and nothing else.
const LINES: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

impl Style {
    /// An empty table of this width.
    pub(crate) fn table(self) -> Table {
        let mut table = Table::new();
        table
            .load_style(LINES)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width)
            .force_no_tty();
        table
    }
}
