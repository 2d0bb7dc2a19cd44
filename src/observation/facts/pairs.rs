//! Facts by name that take little room: most steps have none of them, or two.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// Facts by name.
pub type Flat = BTreeMap<String, Value>;

/// By name, each name once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs(pub(super) Vec<(String, Value)>);

impl Pairs {
    /// More of them: of two of one name the last one stays.
    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = (String, Value)>) {
        self.0.extend(more);
        self.settle();
    }

    fn settle(&mut self) {
        // The order of those of one name is kept, so that turned round the last one is the first.
        self.0.reverse();
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(a, _), (b, _)| a == b);
    }

    pub(super) fn flat(&self) -> Flat {
        self.0.iter().cloned().collect()
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Pairs;

            fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str("facts by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Pairs, A::Error> {
                let mut read = Vec::new();
                while let Some(pair) = all.next_entry()? {
                    read.push(pair);
                }
                let mut pairs = Pairs(read);
                pairs.settle();
                Ok(pairs)
            }
        }

        from.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn they_are_as_a_map_is() {
        let text = r#"{"b":1,"a":2,"b":3,"c":{"b":1}}"#;
        let mut pairs: Pairs = serde_json::from_str(text).expect("facts");
        let flat: Flat = serde_json::from_str(text).expect("facts");
        assert_eq!(pairs.flat(), flat);
        assert_eq!(
            serde_json::to_value(&pairs).expect("JSON"),
            json!({ "a": 2, "b": 3, "c": { "b": 1 } })
        );
        pairs.extend([("a".to_owned(), json!(7)), ("0".to_owned(), json!(8))]);
        assert_eq!(
            serde_json::to_string(&pairs).expect("JSON"),
            r#"{"0":8,"a":7,"b":3,"c":{"b":1}}"#
        );
    }
}
