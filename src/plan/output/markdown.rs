//! Markdown: pipe tables, for tickets and wikis.

use super::view::{View, expected, speaks, to_host};
use crate::document::markdown::render;
use crate::document::{Block, Column, Document, Head, Heading, Note, Role, Section, Table, Text};
use crate::plan::model::{Hop, Unplanned};

/// A heading, a table of hops and, with `all`, a table of what was left out.
pub fn markdown(view: &View<'_>) -> String {
    let head = Head { title: format!("Plan of {}", view.plan.site).into(), ..Head::default() };
    let mut sections = vec![Section { heading: None, blocks: vec![Block::Table(hops(view))] }];
    if view.all && !view.unplanned.is_empty() {
        let heading = Some(Heading { words: "Left out".into(), about: None });
        sections.push(Section { heading, blocks: vec![Block::Table(left_out(view))] });
    }
    let missing = view.plan.missing.iter().map(|missing| {
        let words = Text::with_commands(&missing.to_string());
        Block::Note(Note { label: "Warning", words })
    });
    let blocks = missing.chain([Block::Paragraph(Text::with_commands(&view.summary()))]).collect();
    sections.push(Section { heading: None, blocks });
    render(&Document { head, summary: None, sections })
}

fn column(heading: &str) -> Column {
    Column::new(heading, Role::Words)
}

fn hops(view: &View<'_>) -> Table {
    Table::of::<&Hop>(
        &[
            (column("From"), &|hop| {
                format!("{} ({})", hop.from.host.label(), hop.from.role).into()
            }),
            (column("To"), &|hop| format!("{} ({})", to_host(hop), hop.to.role).into()),
            (column("Port"), &|hop| hop.port.to_string().into()),
            (column("Protocol"), &|hop| speaks(hop).into()),
            (column("Expected"), &|hop| expected(hop).into()),
            (column("Flow"), &|hop| hop.flow.id.as_str().into()),
            (column("Source"), &|hop| hop.flow.source.as_str().into()),
        ],
        view.hops.iter().copied(),
    )
}

fn left_out(view: &View<'_>) -> Table {
    Table::of::<&Unplanned>(
        &[
            (column("Flow"), &|entry| entry.flow.as_str().into()),
            (column("From"), &|entry| entry.from.as_str().into()),
            (column("To"), &|entry| entry.to.as_str().into()),
            (column("Why"), &|entry| Text::with_commands(&entry.why.to_string())),
        ],
        view.unplanned.iter().copied(),
    )
}
