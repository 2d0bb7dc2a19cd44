//! The parts of a document.

use super::strip::Strip;
use super::table::Table;
use super::text::{Text, Tone};

/// A document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// What holds for all of it.
    pub head: Head,
    /// What it comes to, in a line: at the top of a page; in a terminal, which is read from below,
    /// where [`Block::Summary`] stands.
    pub summary: Option<Text>,
    /// The rest, in the order in which it is read.
    pub sections: Vec<Section>,
}

/// What holds for a whole document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// What it is about. Not in a terminal: whoever typed the command knows.
    pub title: Text,
    /// Where and when it was seen. Not in a terminal either.
    pub about: Option<Text>,
    /// What limits all that follows.
    pub notes: Vec<Note>,
    /// What may have to be compared with another document.
    pub facts: Vec<Fact>,
}

/// A part of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub heading: Option<Heading>,
    /// What it has.
    pub blocks: Vec<Block>,
}

impl Section {
    /// Whether signs have to be explained.
    pub(super) fn has_strips(&self) -> bool {
        self.blocks.iter().any(|block| matches!(block, Block::Strips(_)))
    }
}

/// A heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heading {
    /// Its words.
    pub words: Text,
    /// How to read what follows.
    pub about: Option<Text>,
}

impl Heading {
    /// Both in one line.
    pub(super) fn words(&self) -> Text {
        self.words.clone().then(in_brackets(self.about.clone()))
    }
}

/// Words that follow others in brackets.
pub(super) fn in_brackets(words: Option<Text>) -> Text {
    words.map(|words| Text::from(" (").then(words).then(")")).unwrap_or_default()
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Words.
    Paragraph(Text),
    /// Words about what stands above them.
    Remark(Text),
    /// What can be typed next: only where something can be typed.
    Hint(Text),
    /// Words to be heeded.
    Note(Note),
    /// Points.
    List(Vec<Text>),
    /// Facts with their labels.
    Facts(Facts),
    /// A table.
    Table(Table),
    /// A table of which no cell may be folded, and what a terminal shows where there is no room.
    Whole {
        /// The table.
        table: Table,
        /// What is shown otherwise.
        otherwise: Vec<Block>,
    },
    /// Ranges of ports, drawn and told.
    Strips(Vec<Strip>),
    /// Cases that are told one by one.
    Entries(Entries),
    /// The place of the document's summary in a terminal.
    Summary,
}

/// Words to be heeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What kind of note, as `Note` or `Warning`.
    pub label: &'static str,
    /// Its words.
    pub words: Text,
}

/// Facts with their labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The facts.
    pub facts: Vec<Fact>,
    /// Columns that a terminal gives to the labels, if they need no more.
    pub labels: usize,
}

/// A fact with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: &'static str,
    /// The fact.
    pub words: Text,
}

impl Fact {
    /// A fact.
    pub fn new(label: &'static str, words: impl Into<Text>) -> Self {
        Fact { label, words: words.into() }
    }
}

/// Cases that are told one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// What they are, for a page; elsewhere each is a heading itself.
    pub title: Text,
    /// The cases.
    pub entries: Vec<Entry>,
    /// What tells them all, where a terminal has to leave some out.
    pub in_full: Text,
}

/// One case: a hop that is not as expected, with what is needed to act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How it stands.
    pub tone: Tone,
    /// The same in a word.
    pub word: &'static str,
    /// What it is, for people.
    pub title: Text,
    /// The same for a search: what another document calls it too.
    pub id: Fact,
    /// Where it is apart from others that are alike, in a word.
    pub place: Text,
    /// Its name inside the document, by which links find it.
    pub anchor: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Cases that stand alike: a terminal only names their places.
    pub alike: Vec<Entry>,
}

impl Entry {
    /// This case, and those that stand alike.
    pub(super) fn with_alike(&self) -> impl Iterator<Item = &Entry> {
        std::iter::once(self).chain(&self.alike)
    }
}
