//! JSON as it is written: what steers a terminal, or turns the direction of writing, stands there as
//! an escape. So the text is what it was, and harmless wherever the file is looked at.

use super::steers;
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};
use std::io::{Result, Write};

/// A document, indented, without a line feed at its end.
///
/// # Errors
/// Where a value has no form in JSON: a key that is no text, a number that is infinite.
pub fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    let mut octets = Vec::new();
    let form = Escaping(PrettyFormatter::new());
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut octets, form))?;
    String::from_utf8(octets).map_err(serde::ser::Error::custom)
}

struct Escaping(PrettyFormatter<'static>);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, words: &str) -> Result<()> {
        let mut rest = words;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| steers(*c)) {
            to.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        to.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.begin_array(to)
    }

    fn end_array<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.end_array(to)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> Result<()> {
        self.0.begin_array_value(to, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.end_array_value(to)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.begin_object(to)
    }

    fn end_object<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.end_object(to)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, to: &mut W, first: bool) -> Result<()> {
        self.0.begin_object_key(to, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.begin_object_value(to)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, to: &mut W) -> Result<()> {
        self.0.end_object_value(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn what_steers_is_an_escape_in_keys_and_values_and_is_read_as_it_was() {
        let value =
            json!({ "a\u{202e}\u{9b}": ["\u{1b}[2J", "ü \u{7f}\u{e0041}", {}, [], "\u{1f600}"] });
        let text = pretty(&value).expect("JSON");
        assert!(!text.contains(|c| c != '\n' && steers(c)), "{text}");
        assert!(text.contains("\\u202e\\u009b") && text.contains("\\udb40\\udc41"), "{text}");
        assert!(text.contains("ü") && text.contains('\u{1f600}'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
        let plain = json!({ "a": [1, { "b": null }], "c": {} });
        assert_eq!(
            pretty(&plain).expect("JSON"),
            serde_json::to_string_pretty(&plain).expect("JSON")
        );
    }
}
