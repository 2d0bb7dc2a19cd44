//! Every text of a document is safe, and what is kept of it counts.

use super::cost::TEXT;
use super::*;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default)]
struct Words {
    list: Vec<String>,
    map: BTreeMap<String, Value>,
    maybe: Option<String>,
    tagged: Option<Tagged>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Tagged {
    One { words: String },
}

#[test]
fn every_text_is_safe_wherever_it_stands_keys_too() {
    let bad = "a\u{1b}[2J\u{202e}\n";
    let good = "a\u{fffd}[2J\u{fffd}\u{fffd}";
    let text = serde_json::json!({ "list": [bad], "map": { bad: { bad: [bad, 1, null] } },
        "maybe": bad, "tagged": { "kind": "one", "words": bad }, "unknown": { bad: bad } });
    let read: Words = read(&text.to_string()).expect("words");
    assert_eq!((read.list, read.maybe), (vec![good.to_owned()], Some(good.to_owned())));
    assert_eq!(read.tagged, Some(Tagged::One { words: good.to_owned() }));
    let map = serde_json::json!({ good: { good: [good, 1, null] } });
    assert_eq!(serde_json::to_value(read.map).expect("JSON"), map);
    let long = super::read::<String>(&format!("\"{}\"", "é".repeat(5000))).expect("a text");
    assert_eq!(long.chars().count(), TEXT + 1);
}

#[test]
fn what_is_not_asked_for_costs_nothing_and_what_is_counts() {
    let many = |item: &str| vec![item; LEAST / 24 + 1].join(",");
    let unknown = format!("{{\"unknown\":[{}]}}", many("[]"));
    assert_eq!(read::<Words>(&unknown).expect("words"), Words::default());
    for item in ["\"\"", "\"abcde\""] {
        let text = format!("{{\"list\":[{}]}}", many(item));
        assert!(read::<Words>(&text).is_err(), "{item}");
    }
    let text = format!("{{\"map\":{{\"a\":[{}]}}}}", many("[]"));
    let error = read::<Words>(&text).expect_err("too much").to_string();
    assert!(error.contains("far more entries than a file of its size has"), "{error}");
}

#[test]
fn what_follows_a_document_is_no_part_of_it() {
    assert!(read::<Value>("{} {}").is_err());
    assert!(read::<Value>("[1,2]").is_ok());
}
