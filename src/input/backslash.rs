//! Backslashes in double quotes: in TOML they begin an escape, and whoever writes a path of Windows
//! does not expect that.

/// What was written between the double quotes around the octet `at`, where that octet lies in such
/// a text (or just behind one that has no end on its line).
pub(super) fn quoted_at(text: &str, at: usize) -> Option<&str> {
    let at = at.min(text.len());
    let start = text.as_bytes()[..at]
        .iter()
        .rposition(|octet| *octet == b'\n')
        .map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let at = at - start;
    let mut open: Option<(char, usize)> = None;
    let mut escaped = false;
    for (place, c) in line.char_indices() {
        match (open, c) {
            (Some(('"', _)), _) if escaped => escaped = false,
            (Some(('"', _)), '\\') => escaped = true,
            (Some((quote, from)), c) if c == quote => {
                if quote == '"' && (from - 1..=place).contains(&at) {
                    return line.get(from..place);
                }
                open = None;
            }
            (None, '#') => return None,
            (None, '"' | '\'') => open = Some((c, place + 1)),
            _ => {}
        }
    }
    // `"C:\temp\"`: the last quote was taken for an escaped one.
    open.filter(|(quote, from)| *quote == '"' && at + 1 >= *from)
        .and_then(|(_, from)| line.get(from..))
        .map(|rest| rest.trim_end_matches('"'))
}

/// Whether what was written holds an escape that nobody means in a path or a name: `\t` of
/// `C:\temp`, `\x64` of `C:\x64`. `\\`, `\"` and code points are meant.
pub(super) fn is_surprising(written: &str) -> bool {
    let mut characters = written.chars();
    while let Some(c) = characters.next() {
        if c == '\\' && !matches!(characters.next(), Some('\\' | '"' | 'u' | 'U')) {
            return true;
        }
    }
    false
}

/// What to write instead.
pub(super) fn help(written: &str) -> String {
    let rule = "in double quotes a backslash begins an escape";
    // A path with both kinds of backslashes was half mended: each is one.
    let plain = written.replace("\\\\", "\\");
    let plain = if plain.starts_with('\\') && written.starts_with("\\\\") {
        format!("\\{plain}")
    } else {
        plain
    };
    if plain.is_empty() || plain.contains(['\'', '"']) {
        return format!("{rule}: use single quotes, or / in a path");
    }
    format!(
        "{rule}: use single quotes, '{plain}', or / in a path, \"{}\"",
        plain.replace('\\', "/")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_around_a_place_is_found() {
        let text =
            "a = 1\nkey = [\"C:\\temp\", 'D:\\x', \"E:\\n\\\\o\"] # \"F:\\g\"\nlast = \"G:\\\"\n";
        let at = |word: &str| quoted_at(text, text.find(word).expect(word));
        assert_eq!(at("temp"), Some("C:\\temp"));
        assert_eq!(at("\"C:"), Some("C:\\temp"), "the quotes belong to it");
        assert_eq!(at("n\\\\o"), Some("E:\\n\\\\o"));
        assert_eq!(at("D:"), None, "single quotes have no escapes");
        assert_eq!(at("F:"), None, "a comment has none");
        assert_eq!(at("key"), None);
        assert_eq!(
            at("G:"),
            Some("G:\\"),
            "a quote after a backslash ends nothing, and was meant to"
        );
        assert_eq!(quoted_at("", 9), None);
    }

    #[test]
    fn escapes_that_nobody_means_are_told_from_those_that_are() {
        for written in
            ["C:\\temp", "C:\\new", "\\\\fs01\\share", "D:\\x64", "C:\\", "CONTOSO\\srv01"]
        {
            assert!(is_surprising(written), "{written}");
        }
        for written in
            ["C:\\\\temp", "\\\\\\\\fs01\\\\share", "/etc/key", "caf\\u00e9", "say \\\"x\\\"", ""]
        {
            assert!(!is_surprising(written), "{written}");
        }
    }

    #[test]
    fn the_help_shows_what_to_write() {
        assert_eq!(
            help("C:\\temp\\new.key"),
            "in double quotes a backslash begins an escape: use single quotes, \
                'C:\\temp\\new.key', or / in a path, \"C:/temp/new.key\""
        );
        assert!(
            help("\\\\fs01\\share").contains("'\\\\fs01\\share'"),
            "{}",
            help("\\\\fs01\\share")
        );
        assert!(help("C:\\\\a\\temp").contains("'C:\\a\\temp'"));
        assert!(help("it's \\q").ends_with("use single quotes, or / in a path"));
    }
}
