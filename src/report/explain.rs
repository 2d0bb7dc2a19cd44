//! The pages behind the reasons, for a terminal and for a document.

use crate::report::style::Style;
use crate::text::wrap;
use crate::verdict::explain::{Group, Page, Produced};
use std::fmt::Write as _;

/// Stands for a space that no line may be broken at, until the line is broken.
const KEPT: char = '\u{e000}';

/// All reasons with their short sentences, by group.
pub fn list(pages: &[Page], style: Style) -> String {
    let depth = pages.iter().map(|page| page.reason.code().len()).max().unwrap_or(0) + 4;
    let mut text = String::new();
    for group in Group::ALL {
        let _ = writeln!(text, "{}", heading(group.name(), style));
        for page in pages.iter().filter(|page| page.group == group) {
            text.push_str(&wrap(
                page.summary,
                &format!("{:<depth$}", format!("  {}", page.reason)),
                usize::from(style.width),
            ));
        }
        text.push('\n');
    }
    text.push_str("`portmatrix explain REASON` tells the page of one.\n");
    text
}

/// One page.
pub fn page(page: &Page, style: Style) -> String {
    let width = usize::from(style.width);
    let mut text =
        wrap(&format!("{}: {}", heading(page.reason.code(), style), page.summary), "", width);
    let mut put = |label: &str, words: &str| {
        let indent = format!("  {label:<10}");
        text.push_str(&wrap(&keep_spans(words), &indent, width));
    };
    put("seen", &page.seen);
    put("means", &page.means);
    put("means not", &page.not);
    put("who", &page.who);
    for (index, item) in page.closer.iter().enumerate() {
        put(if index == 0 { "closer" } else { "" }, item);
    }
    if let Some(words) = &page.windows {
        put("Windows", words);
    }
    text.replace(KEPT, " ")
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

fn heading(words: &str, style: Style) -> String {
    // Escapes have no width; the one heading that is wrapped is short enough for that not to
    // matter.
    if style.color { format!("\u{1b}[1m{words}\u{1b}[0m") } else { words.to_owned() }
}

/// Commands stay in one piece, so that they can be copied.
fn keep_spans(words: &str) -> String {
    let piece = |(index, piece): (usize, &str)| {
        if index % 2 == 1 { piece.replace(' ', &KEPT.to_string()) } else { piece.to_owned() }
    };
    words.split('`').enumerate().map(piece).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::explain::pages;

    const PLAIN: Style = Style { width: 80, color: false };

    #[test]
    fn a_page_fits_a_screen() {
        for reason in pages().expect("pages") {
            let text = page(&reason, PLAIN);
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
            assert!(widest <= 80, "{}: {widest} columns\n{text}", reason.reason);
            assert!(
                (10..=25).contains(&text.lines().count()),
                "{}: {} lines\n{text}",
                reason.reason,
                text.lines().count()
            );
            assert!(!text.contains(KEPT));
        }
    }

    #[test]
    fn a_command_is_not_broken() {
        assert_eq!(keep_spans("try `a b` or `c`"), format!("try `a{KEPT}b` or `c`"));
    }

    #[test]
    fn colour_only_where_it_may_be() {
        let one = &pages().expect("pages")[0];
        assert!(page(one, Style { color: true, ..PLAIN }).contains('\u{1b}'));
        assert!(
            !page(one, PLAIN).contains('\u{1b}')
                && !list(std::slice::from_ref(one), PLAIN).contains('\u{1b}')
        );
    }
}
