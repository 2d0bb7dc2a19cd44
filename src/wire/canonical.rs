//! The canonical form of JSON (RFC 8785) of a text, written piece by piece: nothing is kept of the
//! document but where the members of the objects begin that lie around the place that is read.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Deepest nesting: no file that this program writes has a third of it.
const DEPTH: usize = 64;

/// Writes the canonical form of a document that is an object to `out`, without its member `without`.
/// The text must be right JSON.
///
/// `None` where it has none: a number that is too large, half a surrogate, a member that is there
/// twice, or a nesting deeper than any of ours.
pub fn write(text: &str, without: &str, out: &mut dyn FnMut(&[u8])) -> Option<()> {
    let mut reader = Reader { text, out, without };
    let begin = reader.skip_space(0);
    (text.as_bytes().get(begin) == Some(&b'{')).then_some(())?;
    reader.value(begin, 0).map(drop)
}

struct Reader<'t, 'o> {
    text: &'t str,
    out: &'o mut dyn FnMut(&[u8]),
    without: &'t str,
}

impl<'t> Reader<'t, '_> {
    fn octet(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn skip_space(&self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let space = rest.iter().take_while(|o| matches!(o, b' ' | b'\n' | b'\r' | b'\t'));
        at + space.count()
    }

    /// Where the text that begins here with its quotation mark ends.
    fn end_of_text(&self, at: usize) -> Option<usize> {
        let mut end = at + 1;
        loop {
            match self.octet(end)? {
                b'"' => return Some(end + 1),
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
    }

    /// Where a number, or one of the three words, ends.
    fn end_of_word(&self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let word = rest.iter().take_while(|o| o.is_ascii_alphanumeric() || b"+-.".contains(o));
        at + word.count()
    }

    /// Where the value that begins here ends.
    fn end(&self, at: usize) -> Option<usize> {
        let mut depth = 0_usize;
        let mut at = at;
        loop {
            match self.octet(at)? {
                b'"' => at = self.end_of_text(at)?,
                b'{' | b'[' => (depth, at) = (depth + 1, at + 1),
                b'}' | b']' => (depth, at) = (depth.checked_sub(1)?, at + 1),
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' => at += 1,
                _ => at = self.end_of_word(at).max(at + 1),
            }
            if depth == 0 {
                return Some(at);
            }
        }
    }

    /// Writes the value that begins here; where it ends.
    fn value(&mut self, at: usize, depth: usize) -> Option<usize> {
        match self.octet(at)? {
            _ if depth > DEPTH => None,
            b'{' => self.object(at, depth),
            b'[' => self.array(at, depth),
            b'"' => {
                let end = self.end_of_text(at)?;
                let words: Cow<'_, str> = serde_json::from_str(self.text.get(at..end)?).ok()?;
                (self.out)(&serde_json_canonicalizer::to_vec(&words).ok()?);
                Some(end)
            }
            _ => {
                let end = self.end_of_word(at);
                let one: serde_json::Value = serde_json::from_str(self.text.get(at..end)?).ok()?;
                (self.out)(&serde_json_canonicalizer::to_vec(&one).ok()?);
                Some(end)
            }
        }
    }

    fn array(&mut self, at: usize, depth: usize) -> Option<usize> {
        (self.out)(b"[");
        let mut at = self.skip_space(at + 1);
        while self.octet(at)? != b']' {
            let end = self.value(at, depth + 1)?;
            at = self.skip_space(end);
            if self.octet(at)? == b',' {
                (self.out)(b",");
                at = self.skip_space(at + 1);
            }
        }
        (self.out)(b"]");
        Some(at + 1)
    }

    fn object(&mut self, at: usize, depth: usize) -> Option<usize> {
        let (mut members, end) = self.members(at)?;
        // Objects of our own have few members: keys are read anew for each comparison, so that a
        // million of them takes no room.
        members.sort_unstable_by(|a, b| order(&self.key(*a), &self.key(*b)));
        let twice = |pair: &[u32]| self.key(pair[0]) == self.key(pair[1]);
        if members.windows(2).any(twice) {
            return None;
        }
        (self.out)(b"{");
        let mut first = true;
        for member in members {
            if depth == 0 && self.key(member) == self.without {
                continue;
            }
            if !std::mem::take(&mut first) {
                (self.out)(b",");
            }
            let key = self.value(usize::try_from(member).ok()?, depth)?;
            (self.out)(b":");
            self.value(self.behind_colon(key), depth + 1)?;
        }
        (self.out)(b"}");
        Some(end)
    }

    /// Where the keys of an object begin, and where it ends.
    fn members(&self, at: usize) -> Option<(Vec<u32>, usize)> {
        let mut members = Vec::new();
        let mut at = self.skip_space(at + 1);
        while self.octet(at)? != b'}' {
            members.push(u32::try_from(at).ok()?);
            at = self.skip_space(self.end(self.behind_colon(self.end_of_text(at)?))?);
            if self.octet(at)? == b',' {
                at = self.skip_space(at + 1);
            }
        }
        Some((members, at + 1))
    }

    fn behind_colon(&self, key: usize) -> usize {
        self.skip_space(self.skip_space(key) + 1)
    }

    /// The key that begins here. One that cannot be read is taken as it stands: writing it fails.
    fn key(&self, at: u32) -> Cow<'t, str> {
        let begin = usize::try_from(at).unwrap_or(usize::MAX);
        let end = self.end_of_text(begin).unwrap_or(begin);
        let quoted = self.text.get(begin..end).unwrap_or_default();
        let plain = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        match plain.contains('\\') {
            true => serde_json::from_str(quoted).map_or(Cow::Borrowed(plain), Cow::Owned),
            false => Cow::Borrowed(plain),
        }
    }
}

/// Keys are sorted by their units in UTF-16 (RFC 8785 section 3.2.3).
fn order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn canonical(text: &str) -> Option<String> {
        let mut octets = Vec::new();
        write(text, "seal", &mut |piece| octets.extend_from_slice(piece))?;
        String::from_utf8(octets).ok()
    }

    /// Any document, as the writer of the whole tree has it.
    fn of_tree(mut document: Value) -> String {
        if let Some(members) = document.as_object_mut() {
            members.shift_remove("seal");
        }
        serde_json_canonicalizer::to_string(&document).expect("JSON")
    }

    fn documents() -> impl Strategy<Value = Value> {
        let one = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,6}|[\u{0}-\u{1f}\u{7f}\"\\\\/\u{e000}\u{1f600}\u{2028}]{0,4}"
                .prop_map(Value::from),
        ];
        let value = one.prop_recursive(5, 60, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                proptest::collection::vec((key(), inner), 0..8)
                    .prop_map(|all| Value::Object(all.into_iter().collect())),
            ]
        });
        proptest::collection::vec((key(), value), 0..8)
            .prop_map(|all| Value::Object(all.into_iter().collect::<Map<_, _>>()))
    }

    fn key() -> impl Strategy<Value = String> {
        "[a-c]{0,3}|seal|[\u{e000}\u{ffff}\u{1f600}\u{7f}\"\\\\\u{8}é]{0,3}"
    }

    proptest! {
        #[test]
        fn it_is_the_form_that_a_tree_has(document in documents()) {
            let wanted = of_tree(document.clone());
            let pretty = serde_json::to_string_pretty(&document).expect("JSON");
            prop_assert_eq!(canonical(&pretty), Some(wanted.clone()));
            prop_assert_eq!(canonical(&document.to_string()), Some(wanted.clone()));
            // Escapes are another way to write the same.
            let escaped = crate::text::json::pretty(&document).expect("JSON");
            prop_assert_eq!(canonical(&escaped), Some(wanted));
        }
    }

    #[test]
    fn what_has_no_form_has_none() {
        for text in [
            "[]",
            "7",
            "\"a\"",
            "",
            "{\"a\":1,\"\\u0061\":2}",
            "{\"a\":{\"b\":1,\"b\":1}}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":1e999}",
            "{",
            "{\"a\"",
            "{\"a\":[1",
        ] {
            assert_eq!(canonical(text), None, "{text}");
        }
        let deep = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(canonical(&deep(DEPTH)).is_some() && canonical(&deep(DEPTH + 1)).is_none());
        assert_eq!(canonical("{\"seal\":{\"a\":1,\"a\":2}}").as_deref(), Some("{}"));
        assert_eq!(
            canonical(&json!({ "a": { "seal": 1 } }).to_string()).as_deref(),
            Some("{\"a\":{\"seal\":1}}")
        );
    }

    #[test]
    fn a_million_members_are_sorted_in_little_time() {
        let members: Vec<String> = (0..1_000_000).rev().map(|n| format!("\"{n:06}\":0")).collect();
        let text = format!("{{{}}}", members.join(","));
        let form = canonical(&text).expect("a form");
        assert!(form.starts_with("{\"000000\":0,\"000001\":0,") && form.len() == text.len());
    }
}
