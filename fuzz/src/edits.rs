//! Documents changed in a few places, at which the input says what to put: nearly all of what
//! octets alone would make of a document is none any more.

use crate::choices::{Choices, text};
use serde_json::Value;

/// Texts that readers and renderers have to take: empty, long, with what steers terminals, and with
/// what begins markup, formulas and lines elsewhere.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\u{1b}[31m\u{7}\u{9b}2J",
    "\u{202e}abc\u{2066}",
    "<script>fuzz</script>",
    "=cmd|'/c x'!A1",
    "a|b`c*d_e[f](g)",
    "line\r\nline\n\n# line",
    "\u{0}",
    "ü€\u{1f600}e\u{301}",
    "9999-12-31T23:59:59Z",
    "-009999-01-02T01:59:59Z",
    "[::ffff:1.2.3.4]:65535",
    "0.0.0.0/0",
    "1-65535",
    "65535",
    "portmatrix/result/1",
];

/// Changes up to eight places of a document.
pub fn edit(document: &mut Value, choices: &mut Choices<'_>) {
    for _ in 0..8 {
        if choices.is_empty() {
            return;
        }
        edit_once(document, choices);
    }
}

fn edit_once(mut here: &mut Value, choices: &mut Choices<'_>) {
    // A few octets lead down into the document; 255 stops before a leaf.
    loop {
        let step = choices.octet();
        let len = match &*here {
            Value::Array(list) => list.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        if len == 0 || step == 255 {
            break;
        }
        let at = usize::from(step) % len;
        here = match here {
            Value::Array(list) => &mut list[at],
            Value::Object(map) => map.values_mut().nth(at).expect("there are so many"),
            _ => unreachable!("it has parts"),
        };
    }
    match choices.octet() % 12 {
        0 => *here = Value::Null,
        1 => *here = Value::Bool(choices.octet() & 1 == 1),
        2 => *here = number(choices),
        3 => *here = TEXTS[choices.below(TEXTS.len())].into(),
        4 => {
            let length = choices.below(64);
            *here = text(choices.some(length)).into();
        }
        5 => *here = TEXTS[choices.below(TEXTS.len())].repeat(choices.below(2000) + 1).into(),
        6 => {
            // A list of lists of lists, each grown so, would be of no size that is read.
            let is_small = here.to_string().len() < 4096;
            if let Value::Array(list) = here
                && is_small
            {
                let more: Vec<Value> = list.iter().cycle().take(40).cloned().collect();
                list.extend(more);
            }
        }
        7 => match here {
            Value::Array(list) => list.clear(),
            Value::Object(map) => map.clear(),
            other => *other = Value::Array(Vec::new()),
        },
        8 => {
            if let Value::Object(map) = here {
                let at = choices.below(map.len());
                if let Some(name) = map.keys().nth(at).cloned() {
                    map.shift_remove(&name);
                }
            }
        }
        9 => {
            if let Value::Object(map) = here {
                let value = number(choices);
                let length = choices.below(24);
                map.insert(text(choices.some(length)).to_owned(), value);
            }
        }
        10 => {
            if let Some(words) = here.as_str() {
                let at = choices.below(words.len() + 1);
                let head: String = words.chars().take(at).collect();
                *here = (head + TEXTS[choices.below(TEXTS.len())]).into();
            }
        }
        _ => {
            let inner = here.clone();
            *here = Value::Array(vec![inner]);
        }
    }
}

fn number(choices: &mut Choices<'_>) -> Value {
    match choices.octet() % 8 {
        0 => 0.into(),
        1 => (-1).into(),
        2 => u64::MAX.into(),
        3 => i64::MIN.into(),
        4 => Value::from(f64::MAX),
        5 => Value::from(-1e-300),
        6 => choices.word().into(),
        _ => i64::from_be_bytes(choices.array()).into(),
    }
}
