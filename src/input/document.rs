//! A parsed file, and what was found to be wrong in it.

use super::backslash;
use super::convert::{self, Kind, Node};
use super::mistake::{Mistake, Source, Span};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use toml::de::DeTable;

/// How many mistakes of the syntax are reported: after the first few, the parser is mostly confused
/// by the earlier ones.
const SYNTAX_MISTAKES: usize = 5;

/// How many of what the parser says are looked at: a file that is not meant for us has one for every
/// octet, and each look goes through the file.
const SYNTAX_LOOKS: usize = 200;

/// How many mistakes of one file are reported. Nobody reads more, and a file that is not meant for
/// us has one on every line. Where there is one more, the rest of the file is not looked at.
pub const MISTAKES: usize = 100;

/// A value and the place where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place in the file.
    pub span: Span,
}

impl<T> At<T> {
    /// The value alone.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A file whose syntax is right. Hands out readers, and keeps the mistakes that they find.
#[derive(Debug)]
pub struct Document {
    source: Source,
    pub(super) root: Node,
    found: RefCell<Vec<Mistake>>,
    /// Keys that were asked for, by the heading of their table.
    pub(super) asked: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

impl Document {
    /// Parses TOML. `name` is the file's name for messages.
    ///
    /// # Errors
    /// The mistakes of the syntax, in the order of the file.
    pub fn parse(name: &str, text: &str) -> Result<Document, Vec<Mistake>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let source = Source::new(name, text);
        let (tree, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(syntax_mistakes(
                &source,
                errors.iter().map(|e| (e.span().unwrap_or(0..0), e.message())).collect(),
            ));
        }
        let root = Node { kind: Kind::Table(convert::table(tree.get_ref())), span: 0..0 };
        Ok(Document { source, root, found: RefCell::default(), asked: RefCell::default() })
    }

    /// Name and text, to report mistakes later.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whether there are more mistakes than are told.
    pub(super) fn is_full(&self) -> bool {
        self.found.borrow().len() > MISTAKES
    }

    /// What was read here, to go through it as through the file.
    pub fn parts<T>(&self, parts: Vec<T>) -> Parts<'_, T> {
        Parts { document: self, parts: parts.into_iter() }
    }

    /// Adds a mistake.
    pub fn report(&self, mistake: Mistake) {
        if self.is_full() {
            return;
        }
        let written = mistake.place().and_then(|(text, span)| {
            text.get(span.clone())
                .filter(|said| said.starts_with('"') && !said.starts_with("\"\"\""))?
                .get(1..)
        });
        let written = written
            .map(|said| said.strip_suffix('"').unwrap_or(said))
            .filter(|said| backslash::is_surprising(said));
        // The text is another than what was written: that may be all that is wrong with it.
        let help =
            written.map(backslash::help).filter(|help| mistake.help_text() != Some(help.as_str()));
        let mistake = match help {
            Some(help) => {
                let before =
                    mistake.help_text().map(|before| format!("{before}; ")).unwrap_or_default();
                mistake.help(format!("{before}{help}"))
            }
            None => mistake,
        };
        self.found.borrow_mut().push(mistake);
    }

    /// Every mistake found so far (at most [`MISTAKES`]), in the order of the file; and that there
    /// are more, where there are.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = self.found.borrow().clone();
        let more = self.is_full();
        mistakes.truncate(MISTAKES);
        mistakes.sort_by_key(Mistake::offset);
        mistakes.extend(more.then(|| left_out(self.source.name())));
        mistakes
    }

    /// `value`, if nothing was wrong.
    ///
    /// # Errors
    /// Every mistake found, in the order of the file.
    pub fn into_result<T>(self, value: T) -> Result<T, Vec<Mistake>> {
        let mistakes = self.mistakes();
        if mistakes.is_empty() { Ok(value) } else { Err(mistakes) }
    }

    /// The keys that readers asked for, by the heading of the table: what the file format is, as
    /// the code sees it.
    pub fn asked(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.asked.borrow().clone()
    }
}

/// Parts of a file that readers go through, one after the other. Where more is wrong with the file
/// than is told, there are no others.
#[derive(Debug)]
pub struct Parts<'d, T> {
    document: &'d Document,
    parts: std::vec::IntoIter<T>,
}

impl<T> Parts<'_, T> {
    /// The first one of those that are left.
    pub fn first(&self) -> Option<&T> {
        self.parts.as_slice().first()
    }
}

impl<T> Iterator for Parts<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.parts.next().filter(|_| !self.document.is_full())
    }
}

/// That not all mistakes of a file are told.
fn left_out(name: &str) -> Mistake {
    let words = format!("{name} has more than {MISTAKES} mistakes: the others were left out");
    Mistake::without_place(words).help("mend these first, or is it a file of another kind?")
}

/// What the parser says, as mistakes in the order of the file: one a line, since the others follow
/// from it.
fn syntax_mistakes(source: &Source, mut said: Vec<(Span, &str)>) -> Vec<Mistake> {
    said.sort_by_key(|(span, _)| span.start);
    said.truncate(SYNTAX_LOOKS);
    let escape = |(span, message): &(Span, &str)| {
        let is_one = ["escape", "unicode", "hexadecimal"].iter().any(|word| message.contains(word));
        let written = backslash::quoted_at(source.text(), span.start).filter(|_| is_one)?;
        Some(
            source
                .mistake(span, "this backslash begins no escape")
                .label("here")
                .help(backslash::help(written)),
        )
    };
    let mut mistakes: Vec<Mistake> = said.iter().filter_map(escape).collect();
    // After `"C:\"` the parser takes the rest for a part of the text: what else it says may be due
    // to that.
    if mistakes.is_empty() {
        mistakes.extend(said.iter().map(|(span, message)| {
            // What an address or a name without quotes looks like to the parser.
            let number = ["float", "integer", "number"]
                .iter()
                .any(|kind| message.starts_with(&format!("invalid {kind}")));
            let mistake = source.mistake(span, *message).label("here");
            if number { mistake.help("text is written in quotes: \"10.1.2.3\"") } else { mistake }
        }));
    }
    let mut lines = BTreeSet::new();
    mistakes.retain(|mistake| lines.insert(mistake.line()));
    mistakes.truncate(SYNTAX_MISTAKES);
    mistakes
}
