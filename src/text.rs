//! Making text from the network and from files safe to show.

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
}
