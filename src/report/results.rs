//! Results as a document: what holds for the whole run, its hops, what is not as expected, and what
//! else was seen.

use super::section::{directories, hops, published, ranges, troubles, untested};
use crate::document::{Block, Document, Fact, Head, Note, Section};
use crate::result::{Counts, HopResult, ResultFile};

/// What a result says in which there was nothing to test.
const NOTHING: &str = "No hop of the plan begins at this host: nothing was tested.";

/// A whole result.
pub fn document(file: &ResultFile) -> Document {
    let head = Head {
        title: file.site.as_str().into(),
        about: Some(about(file).into()),
        notes: elsewhere(file).into_iter().collect(),
        facts: file.key_fingerprint.iter().map(|key| Fact::new("Site key", key.as_str())).collect(),
    };
    if file.nothing_begins_here {
        let nothing = Section { heading: None, blocks: vec![Block::Paragraph(NOTHING.into())] };
        let head = Head { notes: Vec::new(), facts: Vec::new(), ..head };
        return Document { head, summary: None, sections: vec![nothing] };
    }
    let mut document = Document { head, ..of_hops(&file.hops) };
    if !file.untested.is_empty() {
        let untested = format!("; {} not tested", file.untested.len());
        document.summary = document.summary.map(|counts| counts.then(untested));
    }
    let more = [
        directories::sections(file),
        ranges::sections(&file.hops),
        published::sections(file),
        untested::sections(&file.untested),
    ];
    document.sections.extend(more.into_iter().flatten());
    document
}

/// Some hops, without a run around them.
pub fn of_hops(hops: &[HopResult]) -> Document {
    let mut blocks = vec![Block::Table(hops::table(hops))];
    blocks.extend(troubles::blocks(hops));
    blocks.push(Block::Summary);
    Document {
        summary: Some(Counts::of(hops).to_string().into()),
        sections: vec![Section { heading: None, blocks }],
        ..Document::default()
    }
}

/// Where and when it was seen.
fn about(file: &ResultFile) -> String {
    let roles = file.from.roles.join(", ");
    let roles = if roles.is_empty() { roles } else { format!(" ({roles})") };
    format!(
        "seen from {}{roles}, {} to {}, portmatrix {}",
        file.from.host,
        file.started.strftime("%Y-%m-%d %H:%M:%S UTC"),
        file.finished.strftime("%H:%M:%S UTC"),
        file.version
    )
}

/// That what was tested is not what was planned.
fn elsewhere(file: &ResultFile) -> Option<Note> {
    let planned = file.from.elsewhere.join(", ");
    let words = format!(
        "planned from {planned}, and tested from another machine. Another way was tested than the \
            one that the firewall rules are for."
    );
    (!planned.is_empty()).then(|| Note { label: "Note", words: words.into() })
}

#[cfg(test)]
mod tests;
