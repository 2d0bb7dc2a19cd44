//! Making text from the network and from files safe to show, and fit for a terminal.

/// Control characters (and so terminal escapes) replaced, and cut at `max` characters.
pub fn sanitise(text: &str, max: usize) -> String {
    let mut clean: String = text.chars().take(max).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        clean.push('…');
    }
    clean
}

/// A field that no spreadsheet takes for a formula.
pub fn spreadsheet_safe(field: &str) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}") } else { field.to_owned() }
}

/// A cell of a Markdown table.
pub fn markdown_safe(cell: &str) -> String {
    cell.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// Words behind an indent, wrapped at `width` columns; later lines are indented as far.
pub fn wrap(words: &str, indent: &str, width: usize) -> String {
    let depth = indent.chars().count();
    let mut text = indent.to_owned();
    let mut column = depth;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > depth && column + 1 + length > width {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', depth));
            column = depth;
        }
        if column > depth {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_made_safe() {
        assert_eq!(sanitise("a\u{1b}[31mb", 10), "a\u{fffd}[31mb");
        assert_eq!(sanitise("abcdef", 3), "abc…");
        assert_eq!(spreadsheet_safe("=cmd()"), "'=cmd()");
        assert_eq!(markdown_safe("a|b\nc"), "a\\|b c");
    }

    #[test]
    fn words_wrap_behind_their_indent() {
        assert_eq!(wrap("one two three", "  do ", 12), "  do one two\n     three\n");
        assert_eq!(wrap("averyveryverylongword x", "  ", 8), "  averyveryverylongword\n  x\n");
    }
}
