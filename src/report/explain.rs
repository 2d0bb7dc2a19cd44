//! The pages behind the reasons, for a terminal and for a document.

use crate::document::{Block, Document, Fact, Facts, Heading, Section, Text};
use crate::verdict::explain::{Group, Page, Produced};
use std::fmt::Write as _;

/// Columns of the labels of a page.
const LABELS: usize = 10;

/// All reasons with their short sentences, by group.
pub fn list(pages: &[Page]) -> Document {
    let longest = pages.iter().map(|page| page.reason.code().len()).max().unwrap_or(0);
    let group = |group: Group| {
        let pages = pages.iter().filter(|page| page.group == group);
        let facts = pages.map(|page| Fact::new(page.reason.code(), page.summary)).collect();
        let words = Text::strong(group.name());
        Section {
            heading: Some(Heading { words, about: None }),
            blocks: vec![Block::Facts(Facts { facts, labels: longest + 2 })],
        }
    };
    let hint = Text::command("portmatrix explain REASON").then(" tells the page of one.");
    let hint = Section { heading: None, blocks: vec![Block::Hint(hint)] };
    let sections = Group::ALL.into_iter().map(group).chain([hint]).collect();
    Document { sections, ..Document::default() }
}

/// One page.
pub fn page(page: &Page) -> Document {
    let fact = |label, words: &str| Fact::new(label, Text::with_commands(words));
    let mut facts = vec![
        fact("seen", &page.seen),
        fact("means", &page.means),
        fact("means not", &page.not),
        fact("who", &page.who),
    ];
    let labels = ["closer"].into_iter().chain(std::iter::repeat(""));
    facts.extend(page.closer.iter().zip(labels).map(|(item, label)| fact(label, item)));
    facts.extend(page.windows.iter().map(|words| fact("Windows", words)));
    let first = Text::strong(page.reason.code()).then(format!(": {}", page.summary));
    let blocks = vec![Block::Paragraph(first), Block::Facts(Facts { facts, labels: LABELS })];
    Document { sections: vec![Section { heading: None, blocks }], ..Document::default() }
}

/// All pages as one document.
pub fn markdown(pages: &[Page]) -> String {
    let mut text = String::from(
        "# Reasons\n\nEvery reason that a hop can end with, as `portmatrix explain REASON` tells \
            it. This file is made by `portmatrix explain --format \
         markdown`;\nthe texts are in `src/verdict/explain/`.\n",
    );
    for group in Group::ALL {
        let _ = write!(text, "\n## {}\n\n| reason | seen |\n|---|---|\n", group.name());
        for page in pages.iter().filter(|page| page.group == group) {
            let _ = writeln!(text, "| [`{0}`](#{0}) | {1} |", page.reason, page.summary);
        }
    }
    for page in pages {
        let _ = write!(text, "\n{}", document(page, 3));
    }
    text
}

/// One page as a document of its own.
pub fn document(page: &Page, level: usize) -> String {
    let mut text = format!("{} {}\n\n{}.\n\n", "#".repeat(level), page.reason, page.summary);
    for (heading, words) in page.texts() {
        let _ = writeln!(text, "**{heading}.** {words}\n");
    }
    text.push_str("**Look closer.**\n\n");
    for item in &page.closer {
        let _ = writeln!(text, "- {item}");
    }
    match &page.produced {
        Produced::Scenario => text.push_str("\nA test bed can bring it about.\n"),
        Produced::Cannot(why) => {
            let _ = writeln!(text, "\nNo test bed can bring it about, because {why}.");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Style, terminal};
    use crate::verdict::explain::pages;

    const PLAIN: Style = Style { width: 80, color: false };

    #[test]
    fn a_page_fits_a_screen() {
        for reason in pages().expect("pages") {
            let text = terminal::render(&page(&reason), PLAIN);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= 80, "{}: {widest} columns\n{text}", reason.reason);
            assert!(
                (10..=25).contains(&text.lines().count()),
                "{}: {} lines\n{text}",
                reason.reason,
                text.lines().count()
            );
        }
    }

    #[test]
    fn colour_only_where_it_may_be() {
        let pages = pages().expect("pages");
        for document in [page(&pages[0]), list(&pages)] {
            assert!(terminal::render(&document, Style { color: true, ..PLAIN }).contains('\u{1b}'));
            assert!(!terminal::render(&document, PLAIN).contains('\u{1b}'));
        }
    }
}
