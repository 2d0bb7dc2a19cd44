//! How tables for people are drawn.

use comfy_table::{LineStyle, TableStyle};

/// How a table for people is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Columns of the terminal.
    pub width: u16,
    /// Whether colour may be used.
    pub color: bool,
}

/// A rule under the header, and nothing else.
pub(super) const LINES: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
