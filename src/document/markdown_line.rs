//! Words inside one line of Markdown. What somebody else said must not become a heading, a link, a
//! picture or a cell in a ticket, and must call nobody there: forges make links of addresses, and
//! mentions of names, which no backslash keeps them from. In a code span nothing is markup and
//! nothing is a link, so that is where such words stand. All others stay as they are, so that a
//! ticket can be read as it stands, too.

use crate::text::steers;

/// A line as far as it is written.
pub(super) struct Line {
    text: String,
    /// The code span that is open: what follows it at once belongs to it, since two of them side by
    /// side would be another thing.
    code: String,
    /// It is a cell of a table, which a bar ends even inside a code span.
    cell: bool,
}

impl Line {
    pub(super) fn new(cell: bool) -> Self {
        Line { text: String::new(), code: String::new(), cell }
    }

    /// Markup of ours.
    pub(super) fn markup(&mut self, markup: &'static str) {
        self.close();
        self.text.push_str(markup);
    }

    /// Words of anybody.
    pub(super) fn words(&mut self, words: &str) {
        for piece in words.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end_matches(char::is_whitespace);
            if is_taken_up(word) {
                self.code(word)
            } else {
                self.plain(word)
            }
            self.plain(&piece[word.len()..]);
        }
    }

    /// What was seen, as it was seen.
    pub(super) fn code(&mut self, words: &str) {
        for c in words.chars() {
            match c {
                '|' | '\\' if self.cell => self.plain(c.encode_utf8(&mut [0; 4])),
                '`' => self.code.push('\''),
                c => self.code.push(safe(c)),
            }
        }
    }

    pub(super) fn ended(mut self) -> String {
        self.close();
        self.text
    }

    fn close(&mut self) {
        if !self.code.is_empty() {
            self.text.extend(["`", &self.code, "`"]);
            self.code.clear();
        }
    }

    fn plain(&mut self, words: &str) {
        if words.is_empty() {
            return;
        }
        self.close();
        // What a link is called may end in one word, and where it leads begin in the next one.
        if self.text.ends_with(']') && words.starts_with(['(', '[', ':']) {
            self.text.push('\\');
        }
        let mut chars = words.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' | '|' | '`' => self.text.extend(['\\', c]),
                '<' => self.text.push_str("&lt;"),
                '&' if chars
                    .peek()
                    .is_some_and(|next| next.is_ascii_alphanumeric() || *next == '#') =>
                {
                    self.text.push_str("&amp;");
                }
                c => self.text.push(safe(c)),
            }
        }
    }
}

fn safe(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if steers(c) => '\u{fffd}',
        c => c,
    }
}

/// Signs that make a link, a picture, a mention, a footnote or a formula of a word they stand in,
/// or strike words out.
const SIGNS: [&str; 14] =
    ["@", "#", "$", "://", "www.", "mailto:", "xmpp:", "](", "][", "[[", "[^", "^[", "~~", "**"];

/// Signs before a number or a name of something that a forge has: merge requests, epics,
/// milestones, labels, alerts.
const BEFORE_NAMES: [char; 5] = ['!', '&', '%', '~', '^'];

/// Whether somebody who shows Markdown may make more of a word than a word.
fn is_taken_up(word: &str) -> bool {
    // Alone they are no markup within a line.
    if word.chars().all(|c| "#*~_".contains(c)) {
        return false;
    }
    let lower = word.to_ascii_lowercase();
    let names_something = || {
        let mut before = None;
        let mut chars = word.chars().peekable();
        while let Some(c) = chars.next() {
            let begins = before.is_none_or(|b: char| !b.is_alphanumeric());
            let named = chars.peek().is_some_and(|next| next.is_alphanumeric() || *next == '"');
            if begins && named && BEFORE_NAMES.contains(&c) {
                return true;
            }
            before = Some(c);
        }
        false
    };
    let defines = || {
        word.match_indices("]:")
            .any(|(at, _)| !word[at + 2..].starts_with(|c: char| c.is_ascii_digit()))
    };
    // Underscores inside of names are no markup; two of them may be.
    SIGNS.iter().any(|sign| lower.contains(sign))
        || lower.contains("__")
        || names_something()
        || defines()
        || is_in_another_list(&lower)
}

/// A number of an issue as mails have it (`GH-7`), or what may be the id of a commit.
fn is_in_another_list(lower: &str) -> bool {
    lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|part| {
        let issue = part
            .strip_prefix("gh-")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let hex = (7..=64).contains(&part.len()) && part.bytes().all(|o| o.is_ascii_hexdigit());
        issue || (hex && digits > 0 && digits < part.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str, cell: bool) -> String {
        let mut line = Line::new(cell);
        line.words(words);
        line.ended()
    }

    #[test]
    fn what_a_forge_would_take_up_stands_in_a_code_span() {
        for word in [
            "@ann",
            "a@corp.example",
            "@group/all",
            "#123",
            "org/repo#7",
            "GH-7",
            "gh-7",
            "!12",
            "&3",
            "%\"next",
            "~bug",
            "^alert#1",
            "$5",
            "https://e.example",
            "(http://e",
            "ftp://e",
            "WWW.e.example",
            "mailto:x",
            "[a](b)",
            "[a][b]",
            "[[home]]",
            "[^1]",
            "[a]:",
            "~~gone~~",
            "**bold**",
            "__x__",
            "deadbee7",
            "3f2a9c1d0b",
        ] {
            assert_eq!(line(&format!("a {word} b"), false), format!("a `{word}` b"));
        }
    }

    #[test]
    fn all_others_stay_as_they_are() {
        for words in [
            "dc [10.0.0.1]:389, [::1]:389",
            "*.cloud.example",
            "a_b",
            "R & D",
            "50 %",
            "~ 3 s",
            "a!",
            "1,500 ms",
            "10.0.0.1 -> 10.0.0.2:443",
            "CN=a, O=b",
            "1234567",
            "facade",
            "5e-7",
            "TCP 443/80",
            "a*b",
        ] {
            assert_eq!(line(words, false), words);
        }
    }

    #[test]
    fn code_spans_side_by_side_are_one_and_bars_end_no_cell() {
        let mut both = Line::new(false);
        both.words("see a@b");
        both.code("c`d");
        assert_eq!(both.ended(), "see `a@bc'd`");
        assert_eq!(line("x|a@b\\c|d", true), "`x`\\|`a@b`\\\\`c`\\|`d`");
        let mut split = Line::new(false);
        split.words("[a]");
        split.words("(b)");
        assert_eq!(split.ended(), "[a]\\(b)");
    }
}
