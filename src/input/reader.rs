//! Readers that walk through a parsed file and collect what is wrong.

use super::backslash;
use super::convert::{Entry, Kind, Node};
use super::document::{At, Document, Parts};
use super::mistake::{Mistake, Span};
use super::suggest::{choices, suggest};
use std::cell::RefCell;
use std::collections::BTreeSet;

impl Document {
    /// The whole file as a table.
    pub fn root(&self) -> TableReader<'_> {
        TableReader::new(self, &self.root, String::new())
    }
}

/// Reads one table. Every method that takes a key makes that key a known one;
/// [`TableReader::finish`] reports the others.
#[derive(Debug)]
#[must_use = "call finish(), or unknown keys go unnoticed"]
pub struct TableReader<'d> {
    document: &'d Document,
    entries: &'d [Entry],
    span: &'d Span,
    /// `[site]`, `[[flow]]`; empty for the whole file.
    heading: String,
    known: RefCell<BTreeSet<String>>,
}

impl<'d> TableReader<'d> {
    fn new(document: &'d Document, node: &'d Node, heading: String) -> Self {
        let entries = match &node.kind {
            Kind::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        TableReader { document, entries, span: &node.span, heading, known: RefCell::default() }
    }

    /// The table's place: its heading.
    pub fn span(&self) -> &'d Span {
        self.span
    }

    /// `[site]`, `[[flow]]`; `the file` for the whole file.
    pub fn heading(&self) -> &str {
        if self.heading.is_empty() { "the file" } else { &self.heading }
    }

    /// A mistake at a place of this file, to be completed and given to [`TableReader::report`].
    pub fn mistake(&self, span: &Span, message: impl Into<String>) -> Mistake {
        self.document.source().mistake(span, message)
    }

    /// Adds a mistake to the document's.
    pub fn report(&self, mistake: Mistake) {
        self.document.report(mistake);
    }

    /// Whether the table has the key. Does not make it a known one.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// The value of a key, whatever its type.
    pub fn value(&self, key: &str) -> Option<ValueReader<'d>> {
        self.known.borrow_mut().insert(key.to_owned());
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.reader(entry))
    }

    fn reader(&self, entry: &'d Entry) -> ValueReader<'d> {
        let path = match self.heading.trim_matches(['[', ']']) {
            "" => entry.key.clone(),
            heading => format!("{heading}.{}", entry.key),
        };
        ValueReader {
            document: self.document,
            node: &entry.value,
            name: format!("`{}`", entry.key),
            path,
        }
    }

    /// Reports that a key is missing.
    pub fn missing(&self, key: &str) {
        let near = suggest(
            key,
            self.entries
                .iter()
                .map(|entry| entry.key.as_str())
                .filter(|k| !self.known.borrow().contains(*k)),
        );
        let mistake = self
            .mistake(self.span, format!("`{key}` is missing in {}", self.heading()))
            .label("here");
        self.report(match near {
            Some(near) => {
                mistake.help(format!("there is a `{near}`: was that meant to be `{key}`?"))
            }
            None if self.entries.is_empty() && self.heading.is_empty() => {
                mistake.help("the file is empty")
            }
            None => mistake,
        });
    }

    fn required<T>(&self, key: &str, value: Option<T>) -> Option<T> {
        if !self.has(key) {
            self.missing(key);
        }
        value
    }

    /// A string, if the key is there.
    pub fn string(&self, key: &str) -> Option<At<String>> {
        self.value(key)?.string()
    }

    /// A string that must be there and must not be empty.
    pub fn required_string(&self, key: &str) -> Option<At<String>> {
        let text = self.required(key, self.string(key))?;
        if text.value.trim().is_empty() {
            self.report(
                self.mistake(&text.span, format!("`{key}` must not be empty")).label("here"),
            );
            return None;
        }
        Some(text)
    }

    /// A string that must be one of `words`; `what` names them in the plural (`protocols`).
    pub fn one_of<T: Copy>(&self, key: &str, what: &str, words: &[(&str, T)]) -> Option<At<T>> {
        let text = self.string(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(At { value: *value, span: text.span });
        }
        let help = choices(&text, what, words.iter().map(|(word, _)| *word));
        self.report(
            self.mistake(&text.span, format!("`{key}` cannot be \"{}\"", text.value))
                .label("not one of them")
                .help(help),
        );
        None
    }

    /// The path of a file or a folder, if the key is there.
    pub fn path(&self, key: &str) -> Option<At<String>> {
        self.value(key)?.path()
    }

    /// A list of paths; empty if the key is not there.
    pub fn paths(&self, key: &str) -> Vec<At<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        if !value.is_list() {
            value.wrong("a list of paths");
            return Vec::new();
        }
        value.list().into_iter().flatten().filter_map(|one| one.path()).collect()
    }

    /// `true` or `false`, if the key is there.
    pub fn boolean(&self, key: &str) -> Option<At<bool>> {
        self.value(key)?.boolean()
    }

    /// A whole number between `least` and `most`, if the key is there.
    pub fn integer(&self, key: &str, least: i64, most: i64) -> Option<At<i64>> {
        self.value(key)?.integer(least, most)
    }

    /// A port (1 to 65535), if the key is there.
    pub fn port(&self, key: &str) -> Option<At<u16>> {
        self.value(key)?.port()
    }

    /// A list of strings; empty if the key is not there.
    pub fn strings(&self, key: &str) -> Vec<At<String>> {
        self.value(key).map(|value| value.strings()).unwrap_or_default()
    }

    /// A table, if the key is there.
    pub fn table(&self, key: &str) -> Option<TableReader<'d>> {
        self.value(key)?.table()
    }

    /// A table that must be there.
    pub fn required_table(&self, key: &str) -> Option<TableReader<'d>> {
        self.required(key, self.table(key))
    }

    /// A list of tables (`[[key]]`); empty if the key is not there.
    pub fn tables(&self, key: &str) -> Parts<'d, TableReader<'d>> {
        let Some(value) = self.value(key) else { return self.parts(Vec::new()) };
        let Kind::Array(items) = &value.node.kind else {
            let path = &value.path;
            let mistake = self.mistake(
                &value.node.span,
                format!("`{key}` must be a list of tables, not {}", value.kind()),
            );
            self.report(
                mistake
                    .label("here")
                    .help(format!("write [[{path}]] with two brackets on each side")),
            );
            return self.parts(Vec::new());
        };
        let readers = items.iter().filter_map(|node| {
            let value = ValueReader {
                document: self.document,
                node,
                name: format!("each entry of `{key}`"),
                path: value.path.clone(),
            };
            value
                .table()
                .map(|table| TableReader { heading: format!("[[{}]]", value.path), ..table })
        });
        self.parts(readers.collect())
    }

    /// What was read here already, to go through it as through the file.
    pub fn parts<T>(&self, parts: Vec<T>) -> Parts<'d, T> {
        self.document.parts(parts)
    }

    /// Every key with its value, in the order of the file: for tables whose keys are the user's
    /// own. All of them become known.
    pub fn entries(&self) -> Parts<'d, (At<String>, ValueReader<'d>)> {
        let mut known = self.known.borrow_mut();
        let read = self.entries.iter().map(|entry| {
            known.insert(entry.key.clone());
            (At { value: entry.key.clone(), span: entry.key_span.clone() }, self.reader(entry))
        });
        self.parts(read.collect())
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        let known = self.known.take();
        let unknown = self.entries.iter().filter(|entry| !known.contains(&entry.key));
        let mut unknown = self.parts(unknown.collect()).peekable();
        if unknown.peek().is_some() {
            // A key that is there already is not what was meant.
            let free: Vec<&str> =
                known.iter().map(String::as_str).filter(|key| !self.has(key)).collect();
            let all = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            unknown.for_each(|entry| self.unknown(entry, &free, &all));
        }
        self.document.asked.borrow_mut().entry(self.heading.clone()).or_default().extend(known);
    }

    fn unknown(&self, entry: &Entry, free: &[&str], all: &str) {
        let near = suggest(&entry.key, free.iter().copied())
            .map(|near| format!("did you mean `{near}`? "))
            .unwrap_or_default();
        let mistake = self.mistake(
            &entry.key_span,
            format!("`{}` is not a key of {}", entry.key, self.heading()),
        );
        self.report(mistake.label("unknown key").help(format!("{near}the keys are: {all}")));
    }
}

/// Reads one value.
#[derive(Debug, Clone)]
pub struct ValueReader<'d> {
    document: &'d Document,
    node: &'d Node,
    /// For messages: "`port`", "each entry of `names`".
    name: String,
    /// For headings of tables inside: `site.ports`.
    path: String,
}

impl<'d> ValueReader<'d> {
    /// The value's place.
    pub fn span(&self) -> &'d Span {
        &self.node.span
    }

    /// What it is, for messages: "a string", "a list" …
    pub fn kind(&self) -> &'static str {
        self.node.kind.name()
    }

    /// Reports that the value should have been something else: `expected` is "a string", "a port or
    /// the name of one" …
    pub fn wrong(&self, expected: &str) {
        let mistake = self.document.source().mistake(
            &self.node.span,
            format!("{} must be {expected}, not {}", self.name, self.kind()),
        );
        self.document.report(mistake.label(format!("this is {}", self.kind())));
    }

    /// The text of a string, without a mistake when it is something else.
    pub fn text(&self) -> Option<&'d str> {
        match &self.node.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a whole number.
    pub fn is_integer(&self) -> bool {
        matches!(self.node.kind, Kind::Integer(_))
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.node.kind, Kind::Array(_))
    }

    /// Whether it is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.node.kind, Kind::Table(_))
    }

    fn at<T>(&self, value: T) -> At<T> {
        At { value, span: self.node.span.clone() }
    }

    /// A string, or a mistake.
    pub fn string(&self) -> Option<At<String>> {
        let text = self.text();
        if text.is_none() {
            self.wrong("a string");
        }
        text.map(|text| self.at(text.to_owned()))
    }

    /// The path of a file or a folder, or a mistake: it must not be empty, and backslashes must
    /// mean what they look like.
    pub fn path(&self) -> Option<At<String>> {
        let text = self.string()?;
        let wrong = |message: &str| {
            self.document
                .report(self.document.source().mistake(&self.node.span, message).label("here"))
        };
        if text.value.trim().is_empty() {
            wrong("a path must not be empty");
            return None;
        }
        if self.is_not_as_written() {
            wrong("this path is not what it looks like");
            return None;
        }
        Some(text)
    }

    /// Whether the text holds an escape that is hardly meant, or something that no path has.
    pub fn is_not_as_written(&self) -> bool {
        let written = self
            .document
            .source()
            .text()
            .get(self.node.span.clone())
            .and_then(|text| text.strip_prefix('"'));
        written.is_some_and(backslash::is_surprising)
            || self.text().is_some_and(|text| text.chars().any(char::is_control))
    }

    /// `true` or `false`, or a mistake.
    pub fn boolean(&self) -> Option<At<bool>> {
        match self.node.kind {
            Kind::Boolean(value) => Some(self.at(value)),
            _ => {
                self.wrong("true or false");
                None
            }
        }
    }

    /// A date without a time (as a date or as a string `YYYY-MM-DD`), or a mistake.
    pub fn date(&self) -> Option<At<String>> {
        let text = match &self.node.kind {
            Kind::Datetime(text) | Kind::String(text) => text,
            _ => {
                self.wrong("a date (YYYY-MM-DD)");
                return None;
            }
        };
        // TOML checks only what is written without quotes.
        if text.parse::<toml::value::Datetime>().is_ok_and(|d| d.date.is_some() && d.time.is_none())
        {
            return Some(self.at(text.clone()));
        }
        let mistake = self
            .document
            .source()
            .mistake(&self.node.span, format!("{} must be a date (YYYY-MM-DD)", self.name));
        self.document.report(mistake.label("not a date"));
        None
    }

    /// A whole number between `least` and `most`, or a mistake.
    pub fn integer(&self, least: i64, most: i64) -> Option<At<i64>> {
        match self.node.kind {
            Kind::Integer(value) => {
                let inside =
                    i64::try_from(value).ok().filter(|value| (least..=most).contains(value));
                if inside.is_none() {
                    let message = format!("{} must be between {least} and {most}", self.name);
                    self.document.report(
                        self.document
                            .source()
                            .mistake(&self.node.span, message)
                            .label("out of range"),
                    );
                }
                inside.map(|value| self.at(value))
            }
            _ => {
                self.wrong("a whole number");
                None
            }
        }
    }

    /// A port (1 to 65535), or a mistake.
    pub fn port(&self) -> Option<At<u16>> {
        let number = self.integer(1, 65535)?;
        u16::try_from(number.value).ok().map(|port| self.at(port))
    }

    /// The entries of a list, or a mistake.
    pub fn list(&self) -> Option<Parts<'d, ValueReader<'d>>> {
        let Kind::Array(items) = &self.node.kind else {
            self.wrong("a list");
            return None;
        };
        let name = format!("each entry of {}", self.name);
        let reader = |node| ValueReader {
            document: self.document,
            node,
            name: name.clone(),
            path: self.path.clone(),
        };
        Some(self.parts(items.iter().map(reader).collect()))
    }

    /// The entries of a list, or the value itself: for keys that take one or several.
    pub fn each(&self) -> Parts<'d, ValueReader<'d>> {
        let list = if self.is_list() { self.list() } else { None };
        list.unwrap_or_else(|| self.parts(vec![self.clone()]))
    }

    fn parts<T>(&self, parts: Vec<T>) -> Parts<'d, T> {
        self.document.parts(parts)
    }

    /// The strings of a list; a mistake for everything else in it.
    pub fn strings(&self) -> Vec<At<String>> {
        let Kind::Array(_) = &self.node.kind else {
            self.wrong("a list of strings");
            return Vec::new();
        };
        self.list().into_iter().flatten().filter_map(|one| one.string()).collect()
    }

    /// A table, or a mistake.
    pub fn table(&self) -> Option<TableReader<'d>> {
        let Kind::Table(_) = &self.node.kind else {
            self.wrong("a table");
            return None;
        };
        Some(TableReader::new(self.document, self.node, format!("[{}]", self.path)))
    }
}
