//! Texts of files as messages may show them, as long as before, so that places in them stay right.

use crate::text::steers;
use std::ops::Range;

/// A place in a file: octets from the start of its text.
pub type Span = Range<usize>;

/// A text of several lines that steers no terminal, as long as before. A carriage return is one of
/// an end of line, or goes back to where a line begins.
pub(super) fn visible(text: &str) -> String {
    let mut chars = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        shown.push(match c {
            '\n' | '\t' => c,
            '\r' if chars.peek() == Some(&'\n') => c,
            c if !steers(c) => c,
            c => match c.len_utf8() {
                1 => '?',
                2 => '\u{bf}',
                _ => '\u{fffd}',
            },
        });
    }
    shown
}

/// One line of a message. A file may write any character as an escape, and a message quotes it.
pub(super) fn one_line(text: &str) -> String {
    visible(&text.replace(['\n', '\r', '\t'], " "))
}

/// The same with user and password of every URL covered (RFC 3986 section 3.2.1), as long as before:
/// what is wrong elsewhere on the line must not bring them to a screen or a log. People write
/// passwords with `/` and spaces in them, and leave the scheme out.
pub(super) fn without_passwords(text: &str) -> String {
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
pub(super) fn clamp(text: &str, span: &Span) -> Span {
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

#[cfg(test)]
mod tests {
    use super::{one_line, visible, without_passwords};

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
    }

    #[test]
    fn a_message_is_one_line_and_a_file_keeps_its_ends_of_lines() {
        assert_eq!(one_line("\u{1b}]0;pwned\u{7} is\r\nwrong\u{9b}"), "?]0;pwned? is  wrong\u{bf}");
        assert_eq!(visible("a\r\nb\rc\u{202e}\u{61c}"), "a\r\nb?c\u{fffd}\u{bf}");
    }
}
