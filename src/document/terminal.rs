//! A document for a terminal: as wide as it is, coloured where it may be.

use super::model::{Block, Document, Entries, Entry, Fact, Facts, Note, Section, in_brackets};
use super::strip::{Strip, legend};
use super::style::Style;
use super::table::{Fitted, Role, Size, Table};
use super::text::{Kind, Run, Text, Tone};
use crate::text::steers;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement};

/// Words are wrapped at no fewer columns than this.
const LEAST: u16 = 40;
/// From this many columns on, there is room for whole words in tables.
const LEAST_FOR_WORDS: u16 = 72;
/// Cases that are told one by one.
const MOST_ENTRIES: usize = 100;
/// Columns of the labels of a case.
const LABELS: usize = 9;
/// Marks of a strip: with its indent it fits 80 columns, and one mark of a whole dynamic range is
/// 256 ports.
const MARKS: usize = 64;

/// The document, ended by a newline.
pub fn render(document: &Document, style: Style) -> String {
    let mut screen = Screen {
        text: String::new(),
        gap: false,
        width: usize::from(style.width.max(LEAST)),
        style,
    };
    for note in &document.head.notes {
        screen.note(note);
    }
    for Fact { label, words } in &document.head.facts {
        screen.wrapped(&format!("{label}: "), words);
    }
    for section in &document.sections {
        screen.section(section, document.summary.as_ref());
    }
    screen.text
}

/// Makes words safe: nothing in them steers a terminal, or begins a line.
fn escape(words: &str) -> String {
    let safe = |c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if steers(c) => '\u{fffd}',
        c => c,
    };
    words.chars().map(safe).collect()
}

/// The words of a run, safe, as a terminal shows them.
fn shown(run: &Run) -> String {
    let words = escape(&run.words);
    match run.kind {
        Kind::Command => format!("`{words}`"),
        Kind::Alarm => words.to_uppercase(),
        Kind::Plain | Kind::Code | Kind::Strong => words,
    }
}

/// Words in one piece, with the line breaks that the document has.
fn whole(text: &Text) -> String {
    text.0.iter().map(|run| if run.broken { "\n".to_owned() } else { shown(run) }).collect()
}

/// A word with the columns that it takes.
#[derive(Default)]
struct Word {
    shown: String,
    columns: usize,
}

/// What has been drawn so far.
struct Screen {
    text: String,
    /// Whether an empty line comes before whatever comes next.
    gap: bool,
    /// Columns at which words are wrapped.
    width: usize,
    style: Style,
}

impl Screen {
    fn put(&mut self, lines: &str) {
        if std::mem::take(&mut self.gap) && !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(lines);
    }

    /// Words behind an indent, wrapped; later lines are indented as far. A word that is longer than
    /// a line stays whole, so that it can be copied.
    fn wrapped(&mut self, indent: &str, text: &Text) {
        let depth = indent.chars().count();
        let mut lines = indent.to_owned();
        let mut column = depth;
        for word in self.words(text) {
            if column > depth && column + 1 + word.columns > self.width {
                lines.push('\n');
                lines.extend(std::iter::repeat_n(' ', depth));
                column = depth;
            }
            if column > depth {
                lines.push(' ');
                column += 1;
            }
            lines.push_str(&word.shown);
            column += word.columns;
        }
        lines.push('\n');
        self.put(&lines);
    }

    /// The words of a text, each of which stays in one piece.
    fn words(&self, text: &Text) -> Vec<Word> {
        let mut words: Vec<Word> = Vec::new();
        // Whether the last word goes on where the next run begins.
        let mut open = false;
        for run in text.0.iter().filter(|run| run.broken || !run.words.is_empty()) {
            let shown = shown(run);
            let whole = run.kind == Kind::Command;
            let pieces: Vec<&str> =
                if whole { vec![&shown] } else { shown.split_whitespace().collect() };
            open &= !run.broken && !shown.starts_with(char::is_whitespace);
            for piece in pieces {
                if !std::mem::take(&mut open) {
                    words.push(Word::default());
                }
                if let Some(word) = words.last_mut() {
                    word.columns += piece.chars().count();
                    word.shown.push_str(&self.bold(piece, run.kind == Kind::Strong));
                }
            }
            open = !words.is_empty() && !run.broken && !shown.ends_with(char::is_whitespace);
        }
        words
    }

    fn bold(&self, words: &str, bold: bool) -> String {
        let bold = bold && self.style.color;
        if bold { format!("\u{1b}[1m{words}\u{1b}[0m") } else { words.to_owned() }
    }

    fn section(&mut self, section: &Section, summary: Option<&Text>) {
        self.gap = true;
        if let Some(heading) = &section.heading {
            // What the signs mean stands beside the heading, where there is room for it.
            let signs = section.has_strips().then(legend);
            self.wrapped("", &heading.words().then(in_brackets(signs)));
        }
        for block in &section.blocks {
            self.block(block, summary);
        }
    }

    fn block(&mut self, block: &Block, summary: Option<&Text>) {
        match block {
            Block::Paragraph(text) => self.wrapped("", text),
            Block::Remark(text) => self.wrapped("  ", text),
            Block::Hint(text) => {
                self.gap = true;
                self.wrapped("", text);
                self.gap = true;
            }
            Block::Note(note) => self.note(note),
            Block::List(points) => points.iter().for_each(|point| self.wrapped("  ", point)),
            Block::Facts(Facts { facts, labels }) => self.facts(facts, *labels),
            Block::Table(table) => self.table(table),
            Block::Whole { table, otherwise } => match self.unfolded(table) {
                Some(text) => self.put(&text),
                None => otherwise.iter().for_each(|block| self.block(block, summary)),
            },
            Block::Strips(strips) => strips.iter().for_each(|strip| self.strip(strip)),
            Block::Entries(entries) => self.entries(entries),
            // One line, however long: scripts look for it.
            Block::Summary => {
                summary.into_iter().for_each(|words| self.put(&format!("{}\n", whole(words))));
            }
        }
    }

    fn note(&mut self, note: &Note) {
        self.wrapped(&format!("{}: ", note.label.to_uppercase()), &note.words);
    }

    fn facts(&mut self, facts: &[Fact], labels: usize) {
        let longest = facts.iter().map(|fact| fact.label.chars().count() + 1).max().unwrap_or(0);
        let labels = labels.max(longest);
        for Fact { label, words } in facts {
            self.wrapped(&format!("  {label:<labels$}"), words);
        }
    }

    fn entries(&mut self, entries: &Entries) {
        let Entries { entries, in_full, .. } = entries;
        for entry in entries.iter().take(MOST_ENTRIES) {
            self.gap = true;
            self.entry(entry);
            self.gap = true;
        }
        if entries.len() > MOST_ENTRIES {
            let more = Text::from(format!("… and {} more, which ", entries.len() - MOST_ENTRIES));
            self.wrapped("", &more.then(in_full.clone()).then(" tell in full"));
            self.gap = true;
        }
    }

    fn entry(&mut self, entry: &Entry) {
        // The id stands in one piece, so that it can be copied.
        self.put(&format!("{} {}\n", entry.word.to_uppercase(), whole(&entry.id.words)));
        let places = entry.alike.iter().map(|other| other.place.clone());
        let places = places.reduce(|all, place| all.then(", ").then(place));
        if let Some(places) = places {
            self.facts(&[Fact::new("also", Text::from("the same at ").then(places))], LABELS);
        }
        self.facts(&entry.facts, LABELS);
    }

    fn strip(&mut self, strip: &Strip) {
        self.wrapped("  ", &strip.title);
        self.put(&format!("    {}\n", strip.signs(MARKS.min(self.width - 4))));
        self.wrapped("    ", &strip.brief);
    }

    fn table(&mut self, table: &Table) {
        let fitted = table.fitted(Size::of(self.style.width));
        let left_out = table.rows.len() > fitted.rows.len();
        if !fitted.rows.is_empty() {
            if let Some(omitted) = &table.omitted {
                self.wrapped("", &Text::from("(").then(omitted.clone()).then(" omitted)"));
            }
            let mut drawn = self.drawn(&fitted);
            for (column, of) in drawn.column_iter_mut().zip(&fitted.columns) {
                // A word that is broken cannot be looked for.
                if of.role == Role::Word && self.style.width >= LEAST_FOR_WORDS {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
            self.put(&format!("{}\n", drawn.trim_fmt()));
        }
        if let Some(words) = table.summed_up.as_ref().filter(|_| left_out) {
            self.wrapped("", words);
        }
    }

    /// The table with no cell folded; nothing where it is too wide for that.
    fn unfolded(&self, table: &Table) -> Option<String> {
        let mut drawn = self.drawn(&table.fitted(Size::of(self.style.width)));
        drawn.set_content_arrangement(ContentArrangement::Disabled);
        let text = drawn.trim_fmt();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        (widest <= usize::from(self.style.width)).then(|| text + "\n")
    }

    fn drawn(&self, fitted: &Fitted<'_>) -> comfy_table::Table {
        let mut drawn = self.style.table();
        if self.style.color {
            drawn.enforce_styling();
        }
        drawn.set_header(fitted.columns.iter().map(|column| whole(&column.heading)));
        for row in &fitted.rows {
            let cells = fitted.columns.iter().zip(row);
            drawn.add_row(cells.map(|(column, text)| self.cell(text, column.role)));
        }
        drawn.column_iter_mut().for_each(|column| {
            column.set_padding((0, 1));
        });
        drawn
    }

    fn cell(&self, text: &Text, role: Role) -> Cell {
        let mut cell = Cell::new(whole(text));
        if role == Role::Number {
            cell = cell.set_alignment(CellAlignment::Right);
        }
        match text.stands().filter(|_| self.style.color) {
            Some(Tone::Pass) => cell.fg(Color::Green),
            Some(Tone::Warn) => cell.fg(Color::Yellow),
            Some(Tone::Fail) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
            Some(Tone::Inconclusive | Tone::Skipped) => cell.fg(Color::Magenta),
            None => cell,
        }
    }
}

#[cfg(test)]
mod tests;
