//! Seals of documents: whole as they were written, broken once anything in them is another.

#![no_main]
use libfuzzer_sys::fuzz_target;
use portmatrix::wire::challenge::SiteKey;
use portmatrix::wire::seal::{Found, MEMBER, check as check_text, of};
use portmatrix_fuzz::choices::Choices;
use portmatrix_fuzz::edits::edit;
use portmatrix_fuzz::key::{key, other_key};
use serde_json::{Value, json};

fn check(document: &Value, key: &SiteKey) -> Found {
    check_text(&document.to_string(), key)
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let mut document = if choices.octet() & 1 == 0 {
        let mut document = json!({ "a": { "b": [1, 2.5, "ü"] }, "c": null, "d": true });
        let length = choices.below(64);
        edit(&mut document, &mut Choices(choices.some(length)));
        document
    } else {
        let length = choices.below(1024);
        let Ok(document) = serde_json::from_slice::<Value>(choices.some(length)) else { return };
        document
    };
    // Nobody but the key makes one.
    assert_ne!(check(&document, key()), Found::Whole);
    let seal = of(&document.to_string(), key());
    let Some(members) = document.as_object_mut() else { return assert!(seal.is_none()) };
    // What has no canonical form has no seal.
    let Some(seal) = seal else { return };
    members.insert(MEMBER.to_owned(), json!(seal));
    let sealed = check(&document, key());
    assert_eq!(sealed, Found::Whole, "{document}");
    assert!(matches!(check(&document, other_key()), Found::OtherKey(_)));
    // As it comes out of a file.
    let text = serde_json::to_string_pretty(&document).expect("JSON");
    assert_eq!(check_text(&text, key()), Found::Whole, "{text}");
    let escaped = portmatrix::text::json::pretty(&document).expect("JSON");
    assert_eq!(check_text(&escaped, key()), Found::Whole, "{escaped}");
    let mut changed = document.clone();
    edit(&mut changed, &mut choices);
    if check(&changed, key()) == Found::Whole {
        assert_eq!(meant(&changed, true), meant(&document, true));
    }
});

/// A document as the canonical form means it: without its seal, without the order of members, and
/// with numbers as far as they are told apart there.
fn meant(value: &Value, is_top: bool) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(list) => list.iter().map(|value| meant(value, false)).collect(),
        Value::Object(map) => {
            let members = map.iter().filter(|(name, _)| !is_top || *name != MEMBER);
            let mut members: Vec<(String, Value)> =
                members.map(|(name, value)| (name.clone(), meant(value, false))).collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(members.into_iter().collect())
        }
        other => other.clone(),
    }
}
