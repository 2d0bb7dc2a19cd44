//! A document as one page for the firewall team or an archive: nothing is loaded from anywhere, and
//! no script runs in it.

use super::model::{Block, Document, Entries, Entry, Fact, Note, Section};
use super::strip::{Mark, Strip};
use super::table::{Role, Size, Table};
use super::text::{Kind, Run, Text, Tone};
use crate::text::steers;

/// Equal parts of a range that are drawn.
const PARTS: usize = 256;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn render(document: &Document) -> String {
    let Document { head, summary, sections } = document;
    let mut page = Page::default();
    page.markup("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.markup("<meta http-equiv=\"Content-Security-Policy\" ");
    page.markup("content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>");
    page.plain(&head.title);
    if let Some(summary) = summary {
        page.markup(": ");
        page.plain(summary);
    }
    page.markup("</title>\n<style>\n");
    page.markup(STYLE);
    page.markup("</style>\n</head>\n<body>\n");
    page.element("<h1>", &head.title, "</h1>\n");
    if let Some(about) = &head.about {
        page.element("<p class=\"soft\">", about, "</p>\n");
    }
    for Fact { label, words } in &head.facts {
        page.markup("<p class=\"soft\">");
        page.markup(label);
        page.element(": ", words, "</p>\n");
    }
    head.notes.iter().for_each(|note| page.note(note));
    if let Some(summary) = summary {
        page.element("<p class=\"counts\">", summary, "</p>\n");
    }
    sections.iter().for_each(|section| page.section(section));
    page.markup("</body>\n</html>\n");
    page.0
}

/// Makes words safe: nothing in them is markup, inside elements and inside attributes, or turns the
/// direction of writing.
fn escape(words: &str, page: &mut String) {
    for c in words.chars() {
        match c {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            '\n' | '\r' | '\t' => page.push(' '),
            c if steers(c) => page.push('\u{fffd}'),
            c => page.push(c),
        }
    }
}

/// The page as far as it is written. Two ways lead into it: markup, which this program has as it
/// stands, and words, which are made safe.
#[derive(Default)]
struct Page(String);

impl Page {
    fn markup(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    fn words(&mut self, words: &str) {
        escape(words, &mut self.0);
    }

    /// Words alone, where no markup may be: in a title or an attribute.
    fn plain(&mut self, text: &Text) {
        for run in &text.0 {
            self.words(if run.broken { " " } else { &run.words });
        }
    }

    fn text(&mut self, text: &Text) {
        text.0.iter().for_each(|run| self.run(run));
    }

    fn element(&mut self, before: &'static str, text: &Text, after: &'static str) {
        self.markup(before);
        self.text(text);
        self.markup(after);
    }

    fn run(&mut self, run: &Run) {
        if run.broken {
            return self.markup("<br>");
        }
        if let Some(anchor) = &run.link {
            self.markup("<a href=\"#");
            self.words(anchor);
            self.markup("\">");
        }
        let (before, after) = match (run.kind, run.tone) {
            (_, Some(tone)) => (badge(tone), "</span>"),
            (Kind::Plain | Kind::Alarm, None) => ("", ""),
            (Kind::Strong, None) => ("<strong>", "</strong>"),
            (Kind::Code | Kind::Command, None) => ("<code>", "</code>"),
        };
        self.markup(before);
        self.words(&run.words);
        self.markup(after);
        if run.link.is_some() {
            self.markup("</a>");
        }
    }

    fn section(&mut self, section: &Section) {
        if let Some(heading) = &section.heading {
            self.element("<h2>", &heading.words(), "</h2>\n");
        }
        section.blocks.iter().for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Paragraph(text) => self.element("<p>", text, "</p>\n"),
            Block::Remark(text) => self.element("<p class=\"soft\">", text, "</p>\n"),
            Block::Note(note) => self.note(note),
            Block::List(points) => {
                self.markup("<ul>\n");
                points.iter().for_each(|point| self.element("<li>", point, "</li>\n"));
                self.markup("</ul>\n");
            }
            Block::Facts(facts) => self.facts(&facts.facts),
            Block::Table(table) | Block::Whole { table, .. } => self.table(table),
            Block::Strips(strips) => self.strips(strips),
            Block::Entries(entries) => self.entries(entries),
            // Nothing can be typed here, and the summary stands at the top.
            Block::Hint(_) | Block::Summary => {}
        }
    }

    fn note(&mut self, note: &Note) {
        self.markup("<p><strong>");
        self.markup(note.label);
        self.element(":</strong> ", &note.words, "</p>\n");
    }

    fn facts(&mut self, facts: &[Fact]) {
        self.markup("<dl>\n");
        for Fact { label, words } in facts {
            self.markup("<dt>");
            self.markup(label);
            self.element("</dt><dd>", words, "</dd>\n");
        }
        self.markup("</dl>\n");
    }

    fn entries(&mut self, entries: &Entries) {
        if entries.entries.is_empty() {
            return;
        }
        self.element("<h2>", &entries.title, "</h2>\n");
        entries.entries.iter().flat_map(Entry::with_alike).for_each(|entry| self.entry(entry));
    }

    fn entry(&mut self, entry: &Entry) {
        self.markup("<section id=\"");
        self.words(&entry.anchor);
        self.markup("\">\n<h3>");
        self.markup(badge(entry.tone));
        self.words(entry.word);
        self.element("</span> ", &entry.title, "</h3>\n");
        self.element("<p class=\"soft\">", &entry.id.words, "</p>\n");
        self.facts(&entry.facts);
        self.markup("</section>\n");
    }

    fn table(&mut self, table: &Table) {
        let fitted = table.fitted(Size::Page);
        if fitted.rows.is_empty() {
            return;
        }
        self.markup("<div class=\"scroll\"><table>\n<thead><tr>");
        for column in &fitted.columns {
            self.element("<th>", &column.heading, "</th>");
        }
        self.markup("</tr></thead>\n<tbody>\n");
        for row in &fitted.rows {
            self.markup("<tr>");
            for (column, text) in fitted.columns.iter().zip(row) {
                let cell = match column.role {
                    Role::Number => "<td class=\"number\">",
                    Role::Detail => "<td class=\"steps\">",
                    Role::Words | Role::Word => "<td>",
                };
                self.element(cell, text, "</td>");
            }
            self.markup("</tr>\n");
        }
        self.markup("</tbody></table></div>\n");
    }

    fn strips(&mut self, strips: &[Strip]) {
        self.markup("<p class=\"soft\">");
        for mark in Mark::ALL {
            self.markup("<span class=\"key\"><i class=\"");
            self.markup(class(mark));
            self.markup("\"></i>");
            self.markup(mark.words());
            self.markup("</span>");
        }
        self.markup("</p>\n");
        strips.iter().for_each(|strip| self.strip(strip));
    }

    fn strip(&mut self, strip: &Strip) {
        self.element("<section>\n<h3>", &strip.title, "</h3>\n");
        self.markup(
            "<svg viewBox=\"0 0 256 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
        );
        self.plain(&strip.full);
        self.markup("\">");
        for part in parts(&strip.marks(PARTS)) {
            self.markup("<rect x=\"");
            self.words(&part.at.to_string());
            self.markup("\" y=\"0\" width=\"");
            self.words(&part.width.to_string());
            self.markup("\" height=\"10\" class=\"");
            self.markup(class(part.mark));
            self.markup("\"/>");
        }
        self.markup("</svg>\n<div class=\"ends\"><span>");
        self.words(&strip.first.to_string());
        self.markup("</span><span>");
        self.words(&strip.last.to_string());
        self.element("</span></div>\n<p>", &strip.full, "</p>\n</section>\n");
    }
}

/// The beginning of a word that says how something stands.
fn badge(tone: Tone) -> &'static str {
    match tone {
        Tone::Pass => "<span class=\"verdict pass\">",
        Tone::Warn => "<span class=\"verdict warn\">",
        Tone::Fail => "<span class=\"verdict fail\">",
        Tone::Inconclusive => "<span class=\"verdict inconclusive\">",
        Tone::Skipped => "<span class=\"verdict skipped\">",
    }
}

fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Proved => "c-proved",
        Mark::Open => "c-open",
        Mark::Dropped => "c-dropped",
        Mark::Shut => "c-shut",
        Mark::Several => "c-several",
        Mark::Untried => "c-untried",
    }
}

/// Parts of a strip that look alike.
struct Part {
    at: usize,
    width: usize,
    mark: Mark,
}

/// Runs of marks that are alike.
fn parts(marks: &[Mark]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let count = marks.len().max(1);
    for (place, mark) in marks.iter().enumerate() {
        // A strip of fewer marks is as wide as the others.
        let (at, end) = (place * PARTS / count, (place + 1) * PARTS / count);
        match parts.last_mut() {
            Some(part) if part.mark == *mark => part.width = end - part.at,
            _ => parts.push(Part { at, width: end - at, mark: *mark }),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_range_fills_its_strip() {
        let marks = [Mark::Proved, Mark::Dropped, Mark::Shut];
        let drawn: Vec<_> = parts(&marks).iter().map(|p| (p.at, p.width, p.mark)).collect();
        assert_eq!(drawn, [(0, 85, Mark::Proved), (85, 85, Mark::Dropped), (170, 86, Mark::Shut)]);
        assert!(parts(&[]).is_empty());
    }
}
