//! A document for a ticket or a wiki page.

use super::markdown_line::Line;
use super::model::{Block, Document, Entry, Fact, Note};
use super::strip::{Strip, legend};
use super::table::{Role, Size, Table};
use super::text::{Kind, Text};

/// Marks of a strip.
const MARKS: usize = 64;

/// The document, ended by a newline.
pub fn render(document: &Document) -> String {
    let head = &document.head;
    let mut blocks = vec![format!("## {}", inline(&head.title))];
    blocks.extend(head.about.iter().map(paragraph));
    blocks.extend(head.facts.iter().map(fact));
    blocks.extend(head.notes.iter().map(note));
    blocks.extend(document.summary.iter().map(paragraph));
    for section in &document.sections {
        if let Some(heading) = &section.heading {
            blocks.push(format!("### {}", inline(&heading.words())));
        }
        blocks.extend(section.blocks.iter().flat_map(block));
    }
    blocks.retain(|block| !block.is_empty());
    blocks.join("\n\n") + "\n"
}

/// Words inside a line.
fn inline(text: &Text) -> String {
    line(text, false)
}

/// Words of a cell: a bar ends it, inside a code span too.
fn cell(text: &Text) -> String {
    line(text, true)
}

fn line(text: &Text, cell: bool) -> String {
    let mut line = Line::new(cell);
    for run in &text.0 {
        match run.kind {
            _ if run.broken => line.markup(" "),
            _ if run.words.is_empty() => {}
            Kind::Plain | Kind::Alarm => line.words(&run.words),
            Kind::Strong => {
                line.markup("**");
                line.words(&run.words);
                line.markup("**");
            }
            Kind::Code | Kind::Command => line.code(&run.words),
        }
    }
    line.ended()
}

/// Words that begin a line: their first characters must not make a heading, a list, a rule or a
/// definition of them.
fn paragraph(text: &Text) -> String {
    let words = inline(text);
    let words = words.trim_start();
    let ours = text.0.first().is_some_and(|run| run.kind == Kind::Strong);
    let digits = words.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let mut chars = words[digits..].chars();
    let (first, second) = (chars.next(), chars.next());
    let alone = second.is_none_or(|c| c.is_whitespace() || Some(c) == first);
    match first {
        Some('#' | '>' | '[') if digits == 0 => format!("\\{words}"),
        Some('*' | '+' | '-' | '_' | '~') if digits == 0 && alone && !ours => format!("\\{words}"),
        Some('.' | ')') if digits > 0 && alone => {
            format!("{}\\{}", &words[..digits], &words[digits..])
        }
        _ => words.to_owned(),
    }
}

fn block(block: &Block) -> Vec<String> {
    let one = match block {
        Block::Paragraph(text) | Block::Remark(text) => paragraph(text),
        Block::Note(words) => note(words),
        Block::List(points) => lines(points.iter().map(|point| format!("- {}", paragraph(point)))),
        Block::Facts(facts) => lines(facts.facts.iter().map(point)),
        Block::Table(one) | Block::Whole { table: one, .. } => table(one),
        Block::Strips(all) => return vec![strips(all), paragraph(&legend().then("."))],
        Block::Entries(all) => {
            return all.entries.iter().flat_map(Entry::with_alike).flat_map(entry).collect();
        }
        // Nothing can be typed here, and the summary stands at the top.
        Block::Hint(_) | Block::Summary => String::new(),
    };
    vec![one]
}

fn note(note: &Note) -> String {
    format!("**{}:** {}", note.label, inline(&note.words))
}

fn fact(Fact { label, words }: &Fact) -> String {
    format!("{label}: {}", inline(words))
}

fn point(one: &Fact) -> String {
    format!("- {}", fact(one))
}

fn entry(entry: &Entry) -> [String; 2] {
    let facts = std::iter::once(&entry.id).chain(&entry.facts);
    [format!("### {}: {}", entry.word, inline(&entry.title)), lines(facts.map(point))]
}

fn table(table: &Table) -> String {
    let fitted = table.fitted(Size::Page);
    if fitted.rows.is_empty() {
        return String::new();
    }
    let headings: Vec<String> = fitted.columns.iter().map(|column| cell(&column.heading)).collect();
    let rule = |role| if role == Role::Number { "---:" } else { "---" };
    let rule: Vec<&str> = fitted.columns.iter().map(|column| rule(column.role)).collect();
    let rows = fitted.rows.iter().map(|row| row.iter().map(|text| cell(text)).collect::<Vec<_>>());
    let head = [format!("| {} |", headings.join(" | ")), format!("|{}|", rule.join("|"))];
    lines(head.into_iter().chain(rows.map(|row| format!("| {} |", row.join(" | ")))))
}

fn strips(strips: &[Strip]) -> String {
    let row = |strip: &Strip| {
        format!("| {} | {} | `{}` |", cell(&strip.title), cell(&strip.brief), strip.signs(MARKS))
    };
    let head = ["| Hop | Ports | |".to_owned(), "|---|---|---|".to_owned()];
    lines(head.into_iter().chain(strips.iter().map(row)))
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        for (words, written) in [
            ("# a", "\\# a"),
            ("> a", "\\> a"),
            ("- a", "\\- a"),
            ("+", "\\+"),
            ("***", "\\***"),
            ("~~~", "\\~~~"),
            ("  [a]: http://e", "`[a]:` `http://e`"),
            ("12. a", "12\\. a"),
            ("7) a", "7\\) a"),
            ("", ""),
            // What is no markup stays as it is.
            ("*.cloud.example: a", "*.cloud.example: a"),
            ("-3 s", "-3 s"),
            ("10.0.0.1 is near", "10.0.0.1 is near"),
            ("12 hops", "12 hops"),
            ("dc [10.0.0.1]:389, [::1]:389", "dc [10.0.0.1]:389, [::1]:389"),
            ("R & D", "R & D"),
            ("a_b", "a_b"),
            // What is markup is written out, and what is a link stands in a code span.
            ("a ![p](http://e)", "a `![p](http://e)`"),
            ("a [b][c]", "a `[b][c]`"),
            ("a|b\\|c", "a\\|b\\\\\\|c"),
            ("a `b`", "a \\`b\\`"),
            ("&lt;b>", "`&lt;b>`"),
            ("<b>\r\n# h\u{202e}", "&lt;b>  # h\u{fffd}"),
        ] {
            assert_eq!(paragraph(&words.into()), written);
        }
        assert_eq!(paragraph(&Text::strong("a").then(" b")), "**a** b");
        assert_eq!(inline(&Text::code("a`b|c\n")), "`a'b|c `");
        let bar = Text::code("a|b").then(" ").then(Text::command("c d"));
        assert_eq!(cell(&bar), "`a`\\|`b` `c d`");
    }
}
