//! The seal of a file that is evidence: an HMAC with a key of the site over its canonical form, by
//! which whoever has the site key sees that nothing in it was changed. It shows that a holder of
//! the key wrote it, and not which one.
//!
//! The document is a JSON object. Its member `seal` is left out, the rest is brought into the form
//! of RFC 8785, and its HMAC-SHA256 is `value`, in hexadecimal digits. The key of it is derived
//! from the 32 octets of the site key: HMAC-SHA256 of `portmatrix/1 seal`.

use super::canonical;
use super::challenge::SiteKey;
use super::hex::{hex, unhex};
use crate::input::json;
use ring::hmac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtle::ConstantTimeEq as _;

/// The only way of sealing so far; others may follow under other names.
pub const ALG: &str = "HMAC-SHA256";

/// The member of a document that holds its seal.
pub const MEMBER: &str = "seal";

/// A seal as it stands in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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

/// The seal of a document; `None` where it is no object, or has no canonical form.
pub fn of(document: &str, key: &SiteKey) -> Option<Seal> {
    let value = hex(mac(document, key)?.sign().as_ref());
    Some(Seal { alg: ALG.to_owned(), key: key.fingerprint(), value })
}

/// Holds a document, which must be right JSON, against its seal.
pub fn check(document: &str, key: &SiteKey) -> Found {
    let seal = match json::read::<Sealed>(document) {
        Ok(Sealed { seal: None }) => return Found::None,
        Ok(Sealed { seal: Some(seal) }) => serde_json::from_value::<Seal>(seal),
        Err(twice) => Err(twice),
    };
    let Ok(seal) = seal else { return Found::Broken };
    if seal.alg != ALG {
        return Found::OtherKind(seal.alg);
    }
    if seal.key != key.fingerprint() {
        return Found::OtherKey(seal.key);
    }
    let whole = mac(document, key)
        .zip(unhex(&seal.value).filter(|value| hex(value) == seal.value))
        .is_some_and(|(mac, value)| bool::from(mac.sign().as_ref().ct_eq(&value)));
    if whole { Found::Whole } else { Found::Broken }
}

/// A document, of which the seal alone is looked at. One that is `null` is no seal either.
#[derive(Deserialize)]
struct Sealed {
    #[serde(default, deserialize_with = "there")]
    seal: Option<Value>,
}

fn there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn mac(document: &str, key: &SiteKey) -> Option<hmac::Context> {
    let mut mac = hmac::Context::with_key(&key.seal);
    canonical::write(document, MEMBER, &mut |piece| mac.update(piece))?;
    Some(mac)
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
        document[MEMBER] = json!(of(&document.to_string(), &key(1)).expect("a seal"));
        document
    }

    #[test]
    fn what_was_changed_is_seen_and_the_order_of_members_is_no_change() {
        let document = sealed();
        assert_eq!(check(&document.to_string(), &key(1)), Found::Whole);
        let text = serde_json::to_string_pretty(&document).expect("a document");
        assert_eq!(check(&text, &key(1)), Found::Whole);
        let mut members: Vec<_> =
            document.as_object().expect("a document").clone().into_iter().collect();
        members.reverse();
        let members = Value::Object(members.into_iter().collect());
        assert_eq!(check(&members.to_string(), &key(1)), Found::Whole);
        let again = text.replacen('{', "{\"a\": 1,", 1);
        assert_eq!(check(&again, &key(1)), Found::Broken, "a member that is there twice");
        for change in [
            |d: &mut Value| d["a"] = json!("u"),
            |d: &mut Value| d["b"][1] = json!(2.25),
            |d: &mut Value| d["c"] = json!(null),
            |d: &mut Value| d["seal"]["value"] = json!("00"),
            |d: &mut Value| d["seal"] = json!("HMAC-SHA256"),
            |d: &mut Value| d["seal"] = json!(null),
            |d: &mut Value| d["seal"]["note"] = json!("forged"),
            |d: &mut Value| {
                let value = d["seal"]["value"].as_str().expect("digits").to_ascii_uppercase();
                d["seal"]["value"] = json!(value);
            },
        ] {
            let mut changed = document.clone();
            change(&mut changed);
            assert_eq!(check(&changed.to_string(), &key(1)), Found::Broken, "{changed}");
        }
    }

    #[test]
    fn none_another_key_and_another_kind_are_told_apart() {
        assert_eq!(check("{ \"a\": 1 }", &key(1)), Found::None);
        let other = sealed().to_string();
        assert_eq!(check(&other, &key(2)), Found::OtherKey(key(1).fingerprint()));
        let mut other = sealed();
        other["seal"]["alg"] = json!("Ed25519");
        assert_eq!(check(&other.to_string(), &key(1)), Found::OtherKind("Ed25519".to_owned()));
    }
}
