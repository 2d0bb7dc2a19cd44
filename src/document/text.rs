//! Words of a document, and what they are.

/// How something stands: colour means attention, and its word stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As expected.
    Pass,
    /// As expected, but look at it.
    Warn,
    /// Not as expected.
    Fail,
    /// Could not be told.
    Inconclusive,
    /// Not tried.
    Skipped,
}

/// What words are, by which a format decides how to write them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words.
    #[default]
    Plain,
    /// What was seen, as it was seen.
    Code,
    /// What somebody may type: it is never broken.
    Command,
    /// What is to be met first.
    Strong,
    /// A warning, as a heading.
    Alarm,
}

/// Words of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// As they came: renderers alone read them, and make them safe.
    pub(super) words: String,
    pub(super) kind: Kind,
    pub(super) tone: Option<Tone>,
    /// The anchor of an entry of the same document that tells more.
    pub(super) link: Option<String>,
    /// A new line begins here, where the format has room for one.
    pub(super) broken: bool,
}

/// Some words, one run after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub(super) Vec<Run>);

impl Text {
    fn of(words: impl Into<String>, kind: Kind) -> Self {
        Text(vec![Run { words: words.into(), kind, ..Run::default() }])
    }

    /// What was seen, as it was seen: nothing in it is markup.
    pub fn code(words: impl Into<String>) -> Self {
        Text::of(words, Kind::Code)
    }

    /// A command or a part of one, which must stay in one piece.
    pub fn command(words: impl Into<String>) -> Self {
        Text::of(words, Kind::Command)
    }

    /// Words that are to be met first.
    pub fn strong(words: impl Into<String>) -> Self {
        Text::of(words, Kind::Strong)
    }

    /// A warning, as a heading.
    pub fn alarm(words: impl Into<String>) -> Self {
        Text::of(words, Kind::Alarm)
    }

    /// A text in which commands stand in backquotes. One without its counterpart is a character
    /// like others.
    pub fn with_commands(words: &str) -> Self {
        let mut text = Text::default();
        let mut rest = words;
        while let Some((before, command, after)) = spans(rest) {
            text = text.then(before).then(Text::command(command));
            rest = after;
        }
        text.then(rest)
    }

    /// The same, coloured by how it stands.
    #[must_use]
    pub fn tone(mut self, tone: Option<Tone>) -> Self {
        self.0.iter_mut().for_each(|run| run.tone = tone);
        self
    }

    /// The same, as a link to an entry of the document.
    #[must_use]
    pub fn linked(mut self, anchor: Option<&str>) -> Self {
        self.0.iter_mut().for_each(|run| run.link = anchor.map(str::to_owned));
        self
    }

    /// Followed by another.
    #[must_use]
    pub fn then(mut self, more: impl Into<Text>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// Followed by another on a line of its own.
    #[must_use]
    pub fn then_line(mut self, more: impl Into<Text>) -> Self {
        self.0.push(Run { broken: true, ..Run::default() });
        self.then(more)
    }

    /// How it stands, where it says so.
    pub(super) fn stands(&self) -> Option<Tone> {
        self.0.iter().find_map(|run| run.tone)
    }
}

/// The first pair of backquotes: what is before it, inside and behind.
fn spans(words: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = words.split_once('`')?;
    let (inside, after) = rest.split_once('`')?;
    Some((before, inside, after))
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Text::of(words, Kind::Plain)
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Text::of(words, Kind::Plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_in_backquotes() {
        let text = |words: &str| {
            let text = Text::with_commands(words);
            text.0.into_iter().filter(|run| !run.words.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(
            text("run `a b`, then"),
            Text::from("run ").then(Text::command("a b")).then(", then").0
        );
        assert_eq!(text("`a` ` tick"), Text::command("a").then(" ` tick").0);
        assert_eq!(text("plain"), Text::from("plain").0);
        assert_eq!(text(""), []);
    }
}
