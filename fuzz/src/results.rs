//! What every result file has to stand, whoever wrote it.

use portmatrix::document::{Style, html, markdown, terminal};
use portmatrix::report::format::{csv, json, junit};
use portmatrix::report::{diff, results};
use portmatrix::result::ResultFile;

/// Shows a file in one of the formats.
///
/// # Panics
/// When something of it gets out of its place.
pub fn look(file: &ResultFile, format: u8) {
    let _ = (file.exit_code(), file.worst());
    match format % 7 {
        0 => no_controls(&terminal::render(&results::document(file), plain(100))),
        1 => no_controls(&terminal::render(&results::document(file), plain(10))),
        2 => {
            let text = html::render(&results::document(file));
            assert!(!text.contains("<script>fuzz"), "markup of a text");
            no_controls(&text);
        }
        3 => no_controls(&markdown::render(&results::document(file))),
        4 => {
            let text = csv::render(&file.hops).expect("a sheet");
            assert!(!text.lines().any(|line| line.contains(",=") || line.contains(",\"=")));
        }
        5 => {
            let text = junit::render(file).expect("XML");
            // No XML has these, not even behind a number (XML 1.0 section 2.2).
            let odd =
                |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{7f}'..='\u{9f}');
            assert!(!text.chars().any(odd), "no XML");
            assert!(!text.contains("<script>fuzz"), "markup of a text");
        }
        _ => {
            let text = json::render(file).expect("JSON");
            let again: ResultFile = serde_json::from_str(&text).expect("our own file");
            assert_eq!(again, *file);
            let same = diff::diff(file, file);
            assert_eq!((same.changed.len(), same.added.len(), same.removed.len()), (0, 0, 0));
            assert_eq!(same.unchanged, file.hops.len());
            no_controls(&terminal::render(&diff::document(&same), plain(100)));
        }
    }
}

fn plain(width: u16) -> Style {
    Style { width, color: false }
}

/// Nothing steers a terminal.
fn no_controls(text: &str) {
    let found = text.chars().find(|c| *c != '\n' && portmatrix::text::steers(*c));
    assert_eq!(found, None);
}
