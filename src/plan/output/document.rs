//! A plan as a document: its hops, what was left out, and what is missing.

use super::view::{View, expected, speaks, to_host};
use crate::document::{
    Block, Column, Document, Head, Heading, Note, Role, Section, Size, Style, Table, Text,
    markdown, terminal,
};
use crate::plan::model::{Hop, Unplanned};

/// For a terminal of `width` columns: hops, one row each; then what was left out, or how much.
pub fn table(view: &View<'_>, width: u16) -> String {
    let mut document = document(view);
    if let Some(first) = document.sections.first_mut() {
        first.blocks.insert(0, Block::Paragraph(document.head.title.clone()));
    }
    terminal::render(&document, Style { width, color: false })
}

/// For tickets and wikis.
pub fn markdown(view: &View<'_>) -> String {
    markdown::render(&document(view))
}

/// A table of hops and, with `all`, a table of what was left out.
fn document(view: &View<'_>) -> Document {
    let head = Head { title: format!("Plan of {}", view.plan.site).into(), ..Head::default() };
    let mut sections = vec![Section { heading: None, blocks: vec![matrix(view)] }];
    if view.all && !view.unplanned.is_empty() {
        let heading = Some(Heading { words: "Left out".into(), about: None });
        sections.push(Section { heading, blocks: vec![Block::Table(left_out(view))] });
    }
    let missing = view.plan.missing.iter().map(|missing| {
        let words = Text::with_commands(&missing.to_string());
        Block::Note(Note { label: "Warning", words })
    });
    if let Some(last) = sections.last_mut() {
        last.blocks.extend(missing);
        last.blocks.push(Block::Paragraph(view.summary().into()));
    }
    Document { head, summary: None, sections }
}

/// A column of pages, and one of terminals, where a cell may have lines.
fn on_page(heading: &str) -> Column {
    Column::new(heading, Role::Words).from(Size::Page)
}

fn on_screen(heading: &str) -> Column {
    Column::new(heading, Role::Words).up_to(Size::VeryWide)
}

fn matrix(view: &View<'_>) -> Block {
    let table = Table::of::<&Hop>(
        &[
            (on_page("From"), &|hop| {
                format!("{} ({})", hop.from.host.label(), hop.from.role).into()
            }),
            (on_screen("From"), &|hop| {
                Text::from(hop.from.host.label()).then_line(hop.from.role.as_str())
            }),
            (on_page("To"), &|hop| format!("{} ({})", to_host(hop), hop.to.role).into()),
            (on_screen("To"), &|hop| {
                lines(&to_host(hop).replace(" (", "\n(")).then_line(hop.to.role.as_str())
            }),
            (Column::new("Port", Role::Words), &|hop| hop.port.to_string().into()),
            (on_page("Protocol"), &|hop| speaks(hop).into()),
            (on_screen("Protocol"), &|hop| lines(&speaks(hop).replace(' ', "\n"))),
            (on_page("Expected"), &|hop| expected(hop).into()),
            (on_screen("Expected"), &|hop| lines(&expected(hop).replace(", ", "\n"))),
            (on_page("Flow"), &|hop| hop.flow.id.as_str().into()),
            (on_screen("Flow"), &|hop| flow(&hop.flow.id)),
            (on_page("Source"), &|hop| hop.flow.source.as_str().into()),
        ],
        view.hops.iter().copied(),
    );
    // Somebody may want to copy an id or a name.
    Block::Whole { table, otherwise: by_flow(view) }
}

fn left_out(view: &View<'_>) -> Table {
    Table::of::<&Unplanned>(
        &[
            (on_page("Flow"), &|entry| entry.flow.as_str().into()),
            (on_screen("Flow"), &|entry| flow(&entry.flow)),
            (on_page("From"), &|entry| entry.from.as_str().into()),
            (on_page("To"), &|entry| entry.to.as_str().into()),
            (on_screen("From and to"), &|entry| {
                Text::from(entry.from.as_str()).then_line(entry.to.as_str())
            }),
            (Column::new("Why", Role::Words), &|entry| Text::with_commands(&entry.why.to_string())),
        ],
        view.unplanned.iter().copied(),
    )
}

/// Words with their line breaks.
fn lines(words: &str) -> Text {
    let lines = words.split('\n').map(Text::from);
    lines.reduce(Text::then_line).unwrap_or_default()
}

/// An id on two lines: its table, and itself.
fn flow(id: &str) -> Text {
    lines(&id.replacen('/', "/\n", 1))
}

/// The hops of each flow under its id.
fn by_flow(view: &View<'_>) -> Vec<Block> {
    let mut blocks = Vec::new();
    for hops in view.hops.chunk_by(|one, other| one.flow.id == other.flow.id) {
        let Some(first) = hops.first() else { continue };
        let words = format!(
            "{}: {}, {} ({} → {})",
            first.flow.id,
            speaks(first),
            expected(first),
            first.from.role,
            first.to.role
        );
        blocks.push(Block::Paragraph(words.into()));
        blocks.push(Block::List(hops.iter().map(|hop| in_a_line(hop).into()).collect()));
    }
    blocks
}

fn in_a_line(hop: &Hop) -> String {
    let to = hop.to.host.label();
    let address = hop.address.map(|a| a.to_string()).filter(|a| *a != to);
    let address = address.map(|a| format!(" ({a})")).unwrap_or_default();
    let to = if to.contains(':') { format!("[{to}]") } else { to };
    format!("{} → {to}:{}{address}", hop.from.host.label(), hop.port)
}
