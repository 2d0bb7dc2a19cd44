//! Rust source as text for checks: without comments, texts and test modules, and which of its
//! crate's modules it names.

use std::collections::BTreeSet;
use std::path::Path;

/// One source file.
#[derive(Debug, Clone)]
pub struct File {
    /// Path under `src/`, with `/` on every system.
    pub path: String,
    /// As it was read.
    pub text: String,
    /// Without comments and test modules, with texts; line breaks stay where they were.
    pub code: String,
    /// The same without what stands inside texts, and without blanks around `::`.
    bare: String,
}

/// Every `.rs` file under a folder.
pub fn all(src: &Path) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a source folder can be read") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file can be read");
                let name = path
                    .strip_prefix(src)
                    .expect("the file is under its folder")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push(File::new(&name, &text));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl File {
    /// From its path under `src/` and its text.
    pub fn new(path: &str, text: &str) -> Self {
        let is_test = path.ends_with("/tests.rs") || path.contains("/tests/");
        let (code, bare) = if is_test {
            (String::new(), String::new())
        } else {
            without_tests(&blanked(text, false), &blanked(text, true))
        };
        let bare = bare.replace(" ::", "::").replace(":: ", "::");
        File { path: path.to_owned(), text: text.to_owned(), code, bare }
    }

    /// The module directly under the crate's root: folder, or name of a file in `src/` itself.
    pub fn top_level(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// Top-level modules named by `crate::…` paths, or by `super::` chains that reach the crate's
    /// root.
    pub fn imports(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let to_root = "super::".repeat(self.depth());
        for start in ["crate::", &to_root] {
            for (at, _) in self.bare.match_indices(start) {
                if self.bare[..at].ends_with(|c: char| is_word(c) || c == ':') {
                    continue;
                }
                found.extend(first_names(&self.bare[at + start.len()..]));
            }
        }
        found
    }

    /// Which of these paths the code uses.
    pub fn uses<'a>(&'a self, paths: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        paths.iter().copied().filter(|path| {
            self.bare.match_indices(path).any(|(at, _)| {
                let after = &self.bare[at + path.len()..];
                !self.bare[..at].ends_with(is_word)
                    && (path.ends_with(':') || !after.starts_with(is_word))
            })
        })
    }

    /// Every path that the code names: those of `use` declarations one by one, and those that stand
    /// in the code.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let chars: Vec<char> = self.bare.chars().collect();
        let (mut found, mut at) = (Vec::new(), 0);
        while at < chars.len() {
            if !is_word(chars[at]) || (at > 0 && (is_word(chars[at - 1]) || chars[at - 1] == ':')) {
                at += 1;
                continue;
            }
            let is_visibility = chars[..at].ends_with(&['(', 'i', 'n', ' ']);
            let begun = found.len();
            at = path_tree(&chars, at, &[], &mut found);
            if is_visibility {
                found.truncate(begun);
            }
        }
        found.retain(|path| path.len() > 1);
        found
    }

    /// How many modules deep the file is: `a.rs` and `a/mod.rs` are 1, `a/b.rs` is 2.
    fn depth(&self) -> usize {
        let slashes = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { slashes } else { slashes + 1 }
    }
}

/// Line of the first place where a word begins with `word`, whatever the case.
pub fn find_word_start(text: &str, word: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let (at, _) = lower
        .match_indices(word)
        .find(|(at, _)| !lower[..*at].ends_with(|c: char| c.is_ascii_alphabetic()))?;
    Some(text[..at].matches('\n').count() + 1)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Reads `a::b`, `a::{b, c::d}`, `a::*` or `a::b as c` from `at` on, puts every path of it behind
/// `before` into `found`, and returns where it ends.
fn path_tree(
    chars: &[char],
    mut at: usize,
    before: &[String],
    found: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        let end = (at..chars.len()).find(|i| !is_word(chars[*i])).unwrap_or(chars.len());
        if end > at {
            path.push(chars[at..end].iter().collect());
        }
        at = end;
        if !chars[at..].starts_with(&[':', ':']) {
            break;
        }
        at += 2;
        if chars.get(at) == Some(&'{') {
            at += 1;
            while at < chars.len() && chars[at] != '}' {
                match chars[at] {
                    c if is_word(c) => at = path_tree(chars, at, &path, found),
                    _ => at += 1,
                }
            }
            return (at + 1).min(chars.len());
        }
    }
    found.push(path);
    at
}

/// The first name of a path, or the first names of a group `{a::b, c}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |s: &str| s.trim_start().chars().take_while(|c| is_word(*c)).collect::<String>();
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)].into_iter().filter(|n| !n.is_empty()).collect();
    };
    let (mut depth, mut begin, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[begin..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.into_iter().map(name).filter(|n| !n.is_empty()).collect()
}

/// The text with comments, and with `texts` also the insides of texts and characters, turned into
/// blanks of the same length.
fn blanked(text: &str, texts: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, hide) = token(&chars, at);
        let hide = matches!(hide, Token::Comment) || (texts && matches!(hide, Token::Text));
        out.extend(chars[at..end].iter().map(|c| if hide && *c != '\n' { ' ' } else { *c }));
        at = end;
    }
    out
}

enum Token {
    Comment,
    Text,
    Other,
}

/// Where the token that begins at `at` ends. Only comments, texts and characters matter; everything
/// else is taken one character at a time.
fn token(chars: &[char], at: usize) -> (usize, Token) {
    let next = chars.get(at + 1).copied();
    let until = |from: usize, stop: fn(char) -> bool| {
        (from..chars.len()).find(|i| stop(chars[*i])).unwrap_or(chars.len())
    };
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next == Some('/') => (until(at, |c| c == '\n'), Token::Comment),
        '/' if next == Some('*') => (block_comment(chars, at), Token::Comment),
        '"' => (quoted(chars, at + 1, '"'), Token::Text),
        // A character, and not a lifetime: one character or an escape, and then the closing quote.
        '\'' if next == Some('\\') => (quoted(chars, at + 1, '\''), Token::Text),
        '\'' if chars.get(at + 2) == Some(&'\'') => (at + 3, Token::Text),
        'r' if matches!(next, Some('"' | '#')) && (!in_word || (chars[at - 1] == 'b')) => {
            raw(chars, at)
        }
        _ => (at + 1, Token::Other),
    }
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let (mut i, mut depth) = (at, 0_usize);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 1),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 1),
            _ => {}
        }
        i += 1;
        if depth == 0 {
            break;
        }
    }
    i
}

fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw(chars: &[char], at: usize) -> (usize, Token) {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + 1 + hashes) != Some(&'"') {
        return (at + 1, Token::Other); // A raw name, `r#type`.
    }
    let mut i = at + 2 + hashes;
    while i < chars.len()
        && !(chars[i] == '"'
            && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)
    {
        i += 1;
    }
    ((i + 1 + hashes).min(chars.len()), Token::Text)
}

/// Cuts `#[cfg(test)] mod … { … }` out of both forms of a text, which have the same length in
/// characters.
fn without_tests(code: &str, bare: &str) -> (String, String) {
    let (mut code, mut bare): (Vec<char>, Vec<char>) =
        (code.chars().collect(), bare.chars().collect());
    let markers: Vec<Vec<char>> =
        ["#[cfg(test)]", "#[cfg(all(test,"].iter().map(|marker| marker.chars().collect()).collect();
    let mut at = 0;
    while let Some(found) =
        (at..bare.len()).find(|i| markers.iter().any(|marker| bare[*i..].starts_with(marker)))
    {
        let mut depth = 0_usize;
        let mut end = found + "#[cfg(test)]".len();
        // To the end of the item: a semicolon before any brace, or the brace that closes the first
        // one.
        while end < bare.len() {
            match bare[end] {
                ';' if depth == 0 => break,
                '{' => depth += 1,
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                _ => {}
            }
            end += 1;
        }
        let end = (end + 1).min(bare.len());
        for i in found..end {
            if bare[i] != '\n' {
                (code[i], bare[i]) = (' ', ' ');
            }
        }
        at = end;
    }
    (code.into_iter().collect(), bare.into_iter().collect())
}
