//! Tables: which columns there are, and from which width on.

use super::text::Text;

/// How much room a format has for a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// A terminal of fewer than 100 columns.
    Narrow,
    /// From 100 columns on.
    Medium,
    /// From 110 columns on.
    Wide,
    /// From 150 columns on.
    VeryWide,
    /// A page, which has as much as is needed.
    Page,
}

impl Size {
    /// Of a terminal of so many columns.
    pub fn of(columns: u16) -> Self {
        match columns {
            150.. => Size::VeryWide,
            110.. => Size::Wide,
            100.. => Size::Medium,
            _ => Size::Narrow,
        }
    }
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Words, which may be folded.
    #[default]
    Words,
    /// A word that somebody may look for: it is not broken where there is room.
    Word,
    /// A figure.
    Number,
    /// What is read last.
    Detail,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(super) heading: Text,
    pub(super) role: Role,
    least: Size,
    most: Size,
}

impl Column {
    /// A column for every size.
    pub fn new(heading: impl Into<Text>, role: Role) -> Self {
        Column { heading: heading.into(), role, least: Size::Narrow, most: Size::Page }
    }

    /// The same, from this size on.
    #[must_use]
    pub fn from(self, least: Size) -> Self {
        Column { least, ..self }
    }

    /// The same, up to this size: another column says it otherwise where there is more room.
    #[must_use]
    pub fn up_to(self, most: Size) -> Self {
        Column { most, ..self }
    }

    fn fits(&self, size: Size) -> bool {
        (self.least..=self.most).contains(&size)
    }
}

/// A row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// A cell for each column, also for those that are not shown.
    pub cells: Vec<Text>,
    /// A terminal leaves it out, because something else in the document sums it up.
    pub only_on_pages: bool,
}

/// What a column says of a thing.
pub type Say<'s, T> = &'s dyn Fn(&T) -> Text;

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// What its columns for terminals leave out of names.
    pub omitted: Option<Text>,
    /// What a terminal says in the place of the rows that it leaves out.
    pub summed_up: Option<Text>,
}

/// What of a table fits a size: a heading with its role for each column, and the rows.
pub(super) struct Fitted<'t> {
    pub(super) columns: Vec<&'t Column>,
    pub(super) rows: Vec<Vec<&'t Text>>,
}

impl Table {
    /// A table of things: each column with what it says of one.
    pub fn of<T>(columns: &[(Column, Say<'_, T>)], things: impl IntoIterator<Item = T>) -> Self {
        let row = |thing: T| {
            let cells = columns.iter().map(|(_, say)| say(&thing)).collect();
            Row { cells, only_on_pages: false }
        };
        Table {
            columns: columns.iter().map(|(column, _)| column.clone()).collect(),
            rows: things.into_iter().map(row).collect(),
            ..Table::default()
        }
    }

    /// What is shown of it in this size.
    pub(super) fn fitted(&self, size: Size) -> Fitted<'_> {
        let rows = self.rows.iter().filter(|row| size == Size::Page || !row.only_on_pages);
        let cells = rows.map(|row| {
            let cells = self.columns.iter().zip(&row.cells);
            cells.filter(|(column, _)| column.fits(size)).map(|(_, cell)| cell).collect()
        });
        Fitted {
            rows: cells.collect(),
            columns: self.columns.iter().filter(|column| column.fits(size)).collect(),
        }
    }
}
