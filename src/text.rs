//! Making text from the network and from files safe to show.

pub mod json;

/// Control characters (and so terminal escapes) and those that turn the direction of writing
/// replaced, and cut at `max` characters.
pub fn sanitise(text: &str, max: usize) -> String {
    let mut clean: String =
        text.chars().take(max).map(|c| if steers(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        clean.push('…');
    }
    clean
}

/// Longest text of one fact, in characters.
const MAX_FACT: usize = 1024;
/// Most elements of one list of facts.
const MAX_FACTS: usize = 256;

/// A fact from the network made safe: texts and names by [`sanitise`], long lists cut.
pub fn sanitise_fact(fact: &mut serde_json::Value) {
    match fact {
        serde_json::Value::String(text) => *text = sanitise(text, MAX_FACT),
        serde_json::Value::Array(list) => {
            list.truncate(MAX_FACTS);
            list.iter_mut().for_each(sanitise_fact);
        }
        serde_json::Value::Object(map) => {
            let all = std::mem::take(map).into_iter();
            map.extend(all.take(MAX_FACTS).map(|(name, mut value)| {
                sanitise_fact(&mut value);
                (sanitise(&name, MAX_FACT), value)
            }));
        }
        _ => {}
    }
}

/// Characters that steer a terminal, change the direction of writing, are not seen, or are none.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Text of several lines that steers nothing: its line feeds stay.
pub fn lines(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && steers(c) { '\u{fffd}' } else { c }).collect()
}

/// A field that steers nothing, and that no spreadsheet takes for a formula.
pub fn spreadsheet_safe(field: &str) -> String {
    let field = lines(field);
    let begin = field.trim_start();
    if field.starts_with('\n') || begin.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    {
        format!("'{field}")
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_made_safe() {
        assert_eq!(sanitise("a\u{1b}[31mb", 10), "a\u{fffd}[31mb");
        assert_eq!(sanitise("abcdef", 3), "abc…");
        assert_eq!(sanitise("a\u{9b}31m\u{202e}b", 10), "a\u{fffd}31m\u{fffd}b");
        assert_eq!(spreadsheet_safe("=cmd()"), "'=cmd()");
        assert_eq!(spreadsheet_safe("\n=cmd()"), "'\n=cmd()");
        assert_eq!(spreadsheet_safe("\nwords"), "'\nwords");
        assert_eq!(spreadsheet_safe("\t=cmd()"), "\u{fffd}=cmd()");
        assert_eq!(spreadsheet_safe(" =cmd()"), "' =cmd()");
        assert_eq!(lines("a\r\n\u{2066}b"), "a\u{fffd}\n\u{fffd}b");
        let mut fact = serde_json::json!({ "names": vec!["\u{1b}]0;x\u{7}"; 1000], "n": 1 });
        sanitise_fact(&mut fact);
        let mut named = serde_json::json!({ "a\u{202e}": { "\u{1b}c": 1 } });
        sanitise_fact(&mut named);
        assert_eq!(named, serde_json::json!({ "a\u{fffd}": { "\u{fffd}c": 1 } }));
        let names = fact["names"].as_array().expect("a list");
        assert!(
            names.len() == MAX_FACTS && names.iter().all(|n| n == "\u{fffd}]0;x\u{fffd}"),
            "{fact}"
        );
    }
}
