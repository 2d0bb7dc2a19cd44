//! One mistake in a file, and the file it points into.

pub use super::visible::Span;
use super::visible::{clamp, one_line, visible, without_passwords};
use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::sync::Arc;

/// The longest line that is shown; a longer one is only named by its number.
const LONGEST_LINE: usize = 400;

/// A file's name and text, for messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source(Arc<Text>);

#[derive(Debug)]
struct Text {
    name: String,
    text: String,
    /// Where each line begins: a file may have many mistakes, and each asks for its line.
    lines: Vec<usize>,
}

impl Source {
    /// `name` as the user would write it; `text` is kept with its control characters replaced,
    /// since it is going to be shown on a terminal. Every replacement is as long as what it
    /// replaces, so that spans stay right.
    pub fn new(name: &str, text: &str) -> Self {
        let text = visible(&without_passwords(text));
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Source(Arc::new(Text { name: one_line(name), lines: lines.collect(), text }))
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Octets of its text.
    pub fn length(&self) -> usize {
        self.0.text.len()
    }

    /// Its text, with control characters and passwords covered.
    pub(super) fn text(&self) -> &str {
        &self.0.text
    }

    /// The line of a place, from 0.
    fn line(&self, at: usize) -> usize {
        self.0.lines.partition_point(|begin| *begin <= at).saturating_sub(1)
    }

    /// Lines from the first to the last, without those that are not there: where they begin and end.
    fn span_of(&self, first: usize, last: usize) -> Span {
        let begin = self.0.lines.get(first).copied().unwrap_or(self.0.text.len());
        begin..self.0.lines.get(last + 1).copied().unwrap_or(self.0.text.len())
    }

    /// A mistake at a place of this file.
    pub fn mistake(&self, span: &Span, message: impl Into<String>) -> Mistake {
        Mistake {
            message: one_line(&message.into()),
            place: Some(Place { source: self.clone(), span: clamp(self.text(), span) }),
            label: None,
            also: Vec::new(),
            help: None,
        }
    }
}

#[derive(Debug, Clone)]
struct Place {
    source: Source,
    span: Span,
}

impl Place {
    /// Line and column, from 1.
    fn position(&self) -> (usize, usize) {
        let line = self.source.line(self.span.start);
        let begin = self.source.span_of(line, line).start;
        let before = self.source.text().get(begin..self.span.start).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }

    /// Whether the lines around it are short enough to be shown.
    fn is_shown(&self) -> bool {
        let (first, last) = (self.source.line(self.span.start), self.source.line(self.span.end));
        // The lines next to it are shown too.
        let near = self.source.span_of(first.saturating_sub(1), last + 1);
        self.source.text().get(near).unwrap_or_default().lines().all(|l| l.len() <= LONGEST_LINE)
    }
}

/// Lines that are shown between two places of one mistake; where there are more, each is shown alone.
const NEAR: usize = 8;

/// The lines around a place and no others, however long the file is.
impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        if end > self.text().len() {
            return Err(MietteError::OutOfBounds);
        }
        let first = self.line(span.offset()).saturating_sub(before);
        // A span that ends behind a line's end has no part of the next one.
        let last = self.line(end.saturating_sub(1).max(span.offset())) + after;
        let mut shown = self.span_of(first, last);
        let mut column = 0;
        // Without lines before it, a place begins where it begins: so its column is asked for.
        if before == 0 {
            column = self.text().get(shown.start..span.offset()).map_or(0, |s| s.chars().count());
            shown.start = span.offset();
        }
        Ok(Box::new(MietteSpanContents::new_named(
            self.name().to_owned(),
            &self.text().as_bytes()[shown.clone()],
            (shown.start, shown.len()).into(),
            first,
            column,
            last - first + 1 + NEAR,
        )))
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
            message: one_line(&message.into()),
            place: None,
            label: None,
            also: Vec::new(),
            help: None,
        }
    }

    /// Adds the words under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(one_line(&label.into()));
        self
    }

    /// Adds a second place of the same file.
    #[must_use]
    pub fn also(mut self, span: &Span, label: impl Into<String>) -> Self {
        if let Some(place) = &self.place {
            self.also.push((clamp(place.source.text(), span), one_line(&label.into())));
        }
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(one_line(&help.into()));
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

    /// The line, from 0: the column would have to be counted.
    pub(super) fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.source.line(place.span.start))
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
        self.shown().map(|place| &place.source as &dyn SourceCode)
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
