//! What all families of facts have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Facts by name.
pub type Flat = BTreeMap<String, Value>;

/// Facts about one matter.
pub trait Family: Sized {
    /// Takes over what another look has seen.
    fn absorb(&mut self, other: Self);
    /// All of them by name.
    fn flat(&self) -> Flat;
    /// Takes those out of `flat` that are of this family; what is not of the right type stays.
    fn take(flat: &mut Flat) -> Self;
}

/// Free facts: for people, read by nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct More(Flat);

impl More {
    pub(super) fn of(flat: Flat) -> Self {
        More(flat)
    }

    /// One more.
    pub fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(super) fn absorb(&mut self, other: More) {
        self.0.extend(other.0);
    }

    pub(super) fn flat(&self) -> Flat {
        self.0.clone()
    }
}

/// Whether a fact was not seen.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Takes a fact of some type out of `flat`, where it is of that type.
pub(super) fn take<T: serde::de::DeserializeOwned + Default>(flat: &mut Flat, name: &str) -> T {
    let Some(value) = flat.get(name) else { return T::default() };
    match serde_json::from_value(value.clone()) {
        Ok(fact) => {
            flat.remove(name);
            fact
        }
        Err(_) => T::default(),
    }
}

/// A struct of facts, none of which need be there: `Option`s, lists that may be empty, and flags.
macro_rules! family {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $type:ty,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize,
                schemars::JsonSchema)]
            #[serde(default)]
            pub struct $name {
                $(
                    $(#[$about])*
                    #[serde(skip_serializing_if = "crate::observation::facts::family::is_default")]
                    pub $field: $type,
                )+
            }

            impl crate::observation::facts::family::Family for $name {
                fn absorb(&mut self, other: Self) {
                    $(if !crate::observation::facts::family::is_default(&other.$field) {
                        self.$field = other.$field;
                    })+
                }

                fn flat(&self) -> crate::observation::facts::family::Flat {
                    match serde_json::to_value(self) {
                        Ok(serde_json::Value::Object(all)) => all.into_iter().collect(),
                        _ => Default::default(),
                    }
                }

                fn take(flat: &mut crate::observation::facts::family::Flat) -> Self {
                    $name {
                        $($field: crate::observation::facts::family::take(flat, stringify!($field)),)+
                    }
                }
            }
        )+
    };
}

pub(super) use family;
