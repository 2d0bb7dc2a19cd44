//! The seal of a file that is evidence: an HMAC with a key of the site over its canonical form, by
//! which whoever has the site key sees that nothing in it was changed. It shows that a holder of
//! the key wrote it, and not which one.
//!
//! The document is a JSON object. Its member `seal` is left out, the rest is brought into the form
//! of RFC 8785, and its HMAC-SHA256 is `value`, in hexadecimal digits. The key of it is derived
//! from the 32 octets of the site key: HMAC-SHA256 of `portmatrix/1 seal`.

use super::challenge::SiteKey;
use super::hex::{hex, unhex};
use ring::hmac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The only way of sealing so far; others may follow under other names.
pub const ALG: &str = "HMAC-SHA256";

/// The member of a document that holds its seal.
pub const MEMBER: &str = "seal";

/// A seal as it stands in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// How it was made: `HMAC-SHA256`.
    pub alg: String,
    /// Fingerprint of the site key.
    pub key: String,
    /// The MAC, in hexadecimal digits.
    pub value: String,
}

/// What a document's seal shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is none.
    None,
    /// It is whole: nothing was changed since a holder of the key wrote it.
    Whole,
    /// Something was changed, or it is no seal.
    Broken,
    /// Another key made it; its fingerprint.
    OtherKey(String),
    /// It is of a kind that this version does not know.
    OtherKind(String),
}

/// Puts a seal at the end of a document. A document that is no object, or that has no canonical
/// form, stays as it is.
pub fn seal(document: &mut Value, key: &SiteKey) {
    let Some(members) = document.as_object_mut() else { return };
    members.shift_remove(MEMBER);
    let Some(canonical) = canonical(document) else { return };
    let value = hex(hmac::sign(&key.seal, &canonical).as_ref());
    let seal = Seal { alg: ALG.to_owned(), key: key.fingerprint(), value };
    if let (Some(members), Ok(seal)) = (document.as_object_mut(), serde_json::to_value(seal)) {
        members.insert(MEMBER.to_owned(), seal);
    }
}

/// Holds a document against its seal.
pub fn check(document: &Value, key: &SiteKey) -> Found {
    let Some(found) = document.get(MEMBER) else { return Found::None };
    let Ok(seal) = serde_json::from_value::<Seal>(found.clone()) else { return Found::Broken };
    if seal.alg != ALG {
        return Found::OtherKind(seal.alg);
    }
    if seal.key != key.fingerprint() {
        return Found::OtherKey(seal.key);
    }
    let mut rest = document.clone();
    if let Some(members) = rest.as_object_mut() {
        members.shift_remove(MEMBER);
    }
    let whole = canonical(&rest)
        .zip(unhex(&seal.value))
        .is_some_and(|(canonical, value)| hmac::verify(&key.seal, &canonical, &value).is_ok());
    if whole { Found::Whole } else { Found::Broken }
}

fn canonical(document: &Value) -> Option<Vec<u8>> {
    serde_json_canonicalizer::to_vec(document).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key(octet: u8) -> SiteKey {
        SiteKey::new(&[octet; 32])
    }

    fn sealed() -> Value {
        let mut document =
            json!({ "schema": "x/1", "b": [1, 2.5, 1e-7, null], "a": "ü \u{1f600}" });
        seal(&mut document, &key(1));
        document
    }

    #[test]
    fn what_was_changed_is_seen_and_the_order_of_members_is_no_change() {
        let document = sealed();
        assert_eq!(
            document.as_object().and_then(|m| m.keys().next_back()).expect("a document"),
            MEMBER
        );
        assert_eq!(check(&document, &key(1)), Found::Whole);
        let text = serde_json::to_string_pretty(&document).expect("a document");
        assert_eq!(check(&serde_json::from_str(&text).expect("a document"), &key(1)), Found::Whole);
        let mut members: Vec<_> =
            document.as_object().expect("a document").clone().into_iter().collect();
        members.reverse();
        assert_eq!(check(&Value::Object(members.into_iter().collect()), &key(1)), Found::Whole);
        for change in [
            |d: &mut Value| d["a"] = json!("u"),
            |d: &mut Value| d["b"][1] = json!(2.25),
            |d: &mut Value| d["c"] = json!(null),
            |d: &mut Value| d["seal"]["value"] = json!("00"),
            |d: &mut Value| d["seal"] = json!("HMAC-SHA256"),
        ] {
            let mut changed = document.clone();
            change(&mut changed);
            assert_eq!(check(&changed, &key(1)), Found::Broken, "{changed}");
        }
    }

    #[test]
    fn none_another_key_and_another_kind_are_told_apart() {
        assert_eq!(check(&json!({ "a": 1 }), &key(1)), Found::None);
        assert_eq!(check(&sealed(), &key(2)), Found::OtherKey(key(1).fingerprint()));
        let mut other = sealed();
        other["seal"]["alg"] = json!("Ed25519");
        assert_eq!(check(&other, &key(1)), Found::OtherKind("Ed25519".to_owned()));
    }
}
