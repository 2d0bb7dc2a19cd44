//! One mistake in a file, and the file it points into.

use miette::{LabeledSpan, NamedSource, SourceCode};
use std::ops::Range;
use std::sync::Arc;

/// A place in a file: octets from the start of its text.
pub type Span = Range<usize>;

/// The longest line that is shown; a longer one is only named by its number.
const LONGEST_LINE: usize = 400;

/// A file's name and text, for messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source(Arc<NamedSource<String>>);

impl Source {
    /// `name` as the user would write it; `text` is kept with its control characters replaced,
    /// since it is going to be shown on a terminal. Every replacement is as long as what it
    /// replaces, so that spans stay right.
    pub fn new(name: &str, text: &str) -> Self {
        Source(Arc::new(NamedSource::new(name, visible(&without_passwords(text)))))
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its text, with control characters and passwords covered.
    pub(super) fn text(&self) -> &str {
        self.0.inner()
    }

    /// A mistake at a place of this file.
    pub fn mistake(&self, span: &Span, message: impl Into<String>) -> Mistake {
        Mistake {
            message: visible(&message.into()),
            place: Some(Place { source: self.clone(), span: clamp(self.0.inner(), span) }),
            label: None,
            also: Vec::new(),
            help: None,
        }
    }
}

/// A text that steers no terminal, as long as before. A file may write any character as an escape,
/// and a message quotes it.
fn visible(text: &str) -> String {
    let shown = text.chars().map(|c| match c {
        '\n' | '\t' | '\r' => c,
        c if c.is_control() && c.len_utf8() == 1 => '?',
        c if c.is_control() => '\u{bf}',
        c => c,
    });
    shown.collect()
}

/// The same with user and password of every URL covered (RFC 3986 section 3.2.1), as long as before:
/// what is wrong elsewhere on the line must not bring them to a screen or a log. People write
/// passwords with `/` and spaces in them, and leave the scheme out.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(word_end(rest));
        let covered = word.rfind('@').and_then(|at| Some((secret_start(&word[..at])?, at)));
        match covered {
            Some((from, at)) => {
                out.push_str(&word[..from]);
                out.push_str(&"*".repeat(at - from));
                out.push_str(&word[at..]);
            }
            None => out.push_str(word),
        }
        rest = behind;
    }
    out
}

/// Where the first word ends: a text in quotes with them, at most to the end of its line, or what
/// stands before the next space or quote.
fn word_end(text: &str) -> usize {
    let mut characters = text.char_indices();
    let Some((_, first)) = characters.next() else { return 0 };
    let is_quoted = matches!(first, '"' | '\'');
    let mut escaped = false;
    for (at, c) in characters {
        match c {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' if first == '"' => escaped = true,
            c if is_quoted && c == first => return at + 1,
            c if !is_quoted && (c.is_whitespace() || matches!(c, '"' | '\'')) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Where user and password begin in what stands before an `@`; `None` where there is no password.
fn secret_start(head: &str) -> Option<usize> {
    let behind_scheme = head.find("://").map(|at| at + 3);
    behind_scheme
        .or_else(|| head.contains(':').then_some(usize::from(head.starts_with(['"', '\'']))))
}

/// Cuts a span to what the text has, on character boundaries, and makes it visible.
fn clamp(text: &str, span: &Span) -> Span {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[derive(Debug, Clone)]
struct Place {
    source: Source,
    span: Span,
}

impl Place {
    /// Line and column, from 1. Counted only when asked for: a file may have many mistakes.
    fn position(&self) -> (usize, usize) {
        let before = self.source.0.inner().get(..self.span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before.get(line_start..).unwrap_or_default().chars().count() + 1,
        )
    }

    /// Whether the lines around it are short enough to be shown.
    fn is_shown(&self) -> bool {
        let text = self.source.0.inner();
        let (before, after) = (
            text.get(..self.span.start).unwrap_or_default(),
            text.get(self.span.end..).unwrap_or_default(),
        );
        // The lines next to it are shown too.
        let from = before.rmatch_indices('\n').nth(1).map_or(0, |(at, _)| at + 1);
        let to = after.match_indices('\n').nth(1).map_or(text.len(), |(at, _)| self.span.end + at);
        text.get(from..to).unwrap_or_default().lines().all(|line| line.len() <= LONGEST_LINE)
    }
}

/// One mistake: what is wrong, where, and what to do about it.
#[derive(Debug, Clone)]
pub struct Mistake {
    message: String,
    place: Option<Place>,
    label: Option<String>,
    also: Vec<(Span, String)>,
    help: Option<String>,
}

impl Mistake {
    /// A mistake that has no place inside a file: a missing file, for example. The message should
    /// name the file.
    pub fn without_place(message: impl Into<String>) -> Self {
        Mistake {
            message: visible(&message.into()),
            place: None,
            label: None,
            also: Vec::new(),
            help: None,
        }
    }

    /// Adds the words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(visible(&label.into()));
        self
    }

    /// Adds a second place of the same file.
    #[must_use]
    pub fn also(mut self, span: &Span, label: impl Into<String>) -> Self {
        if let Some(place) = &self.place {
            self.also.push((clamp(place.source.0.inner(), span), visible(&label.into())));
        }
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(visible(&help.into()));
        self
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The file's name.
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.source.name())
    }

    /// Line and column, from 1.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(Place::position)
    }

    /// The file's text and the place in it.
    pub(super) fn place(&self) -> Option<(&str, &Span)> {
        self.place.as_ref().map(|place| (place.source.text(), &place.span))
    }

    /// Octets from the start of the file, for sorting.
    pub(super) fn offset(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.span.start)
    }

    fn shown(&self) -> Option<&Place> {
        self.place.as_ref().filter(|place| place.is_shown())
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Some(place) if !place.is_shown() => {
                let (line, column) = place.position();
                write!(f, "{}:{line}:{column}: {}", place.source.name(), self.message)
            }
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Mistake {}

impl miette::Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.shown().map(|place| &*place.source.0 as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.shown()?;
        let first = LabeledSpan::new_primary_with_span(self.label.clone(), place.span.clone());
        // A second place far away would show every line between: only near ones are drawn.
        let near = self
            .also
            .iter()
            .map(|(span, label)| LabeledSpan::new_with_span(Some(label.clone()), span.clone()));
        Some(Box::new(std::iter::once(first).chain(near)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, without_passwords};

    #[test]
    fn a_password_is_covered_and_nothing_moves() {
        for (text, shown) in [
            (
                "proxy = \"http://ann:s3cr3t@proxy:3128\"",
                "proxy = \"http://**********@proxy:3128\"",
            ),
            ("a://b@c d://\u{e4}:x@e f", "a://*@c d://****@e f"),
            ("proxy = \"ann:s3cr3t@proxy\" # a@b", "proxy = \"**********@proxy\" # a@b"),
            ("x = 'http://ann:a/b c@proxy:1', 'c'", "x = 'http://*********@proxy:1', 'c'"),
            ("x = [\"http://a:\\\"b@c\", \"d@e:1\"]", "x = [\"http://*****@c\", \"d@e:1\"]"),
            ("don't: http://a:b@c\n\"x@y\"", "don't: http://***@c\n\"x@y\""),
            ("ann:s3cr3t@proxy", "**********@proxy"),
            ("x = \"http://ann:p@ss@proxy", "x = \"http://********@proxy"),
            ("no url @ all ://", "no url @ all ://"),
        ] {
            assert_eq!(without_passwords(text), shown);
            assert_eq!(without_passwords(text).len(), text.len());
        }
        let message = Source::new("s", "x")
            .mistake(&(0..1), "\u{1b}]0;pwned\u{7} is wrong")
            .help("\u{9b}31m")
            .to_string();
        assert_eq!(message, "?]0;pwned? is wrong");
    }
}
