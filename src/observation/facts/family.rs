//! What all families of facts have in common.

pub use super::pairs::Flat;
use super::pairs::Pairs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::{Deref, DerefMut};

/// Facts about one matter.
pub trait Family: Default + PartialEq + 'static {
    /// One in which nothing was seen.
    fn none() -> &'static Self;
    /// Takes over what another look has seen.
    fn absorb(&mut self, other: Self);
    /// All of them by name.
    fn flat(&self) -> Flat;
    /// Takes those out of `flat` that are of this family; what is not of the right type stays.
    fn take(flat: &mut Flat) -> Self;
}

/// A family of which most steps have nothing: it takes room only where something was seen.
#[derive(Debug, Clone, Default)]
pub struct Rare<T>(Option<Box<T>>);

impl<T: Family> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::none())
    }
}

impl<T: Family> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Family> From<T> for Rare<T> {
    fn from(facts: T) -> Self {
        Rare((!is_default(&facts)).then(|| Box::new(facts)))
    }
}

/// That nothing was seen is the same whether there is room for it or not.
impl<T: Family> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Family + Serialize> Serialize for Rare<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(to)
    }
}

impl<'de, T: Family + Deserialize<'de>> Deserialize<'de> for Rare<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Rare::from)
    }
}

impl<T: JsonSchema> JsonSchema for Rare<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

/// Free facts: for people, read by nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct More(#[schemars(with = "Flat")] Pairs);

impl More {
    pub(super) fn of(flat: Flat) -> Self {
        // No more room than it takes: there is one for each step of an old file.
        let mut pairs = Vec::with_capacity(flat.len());
        pairs.extend(flat);
        More(Pairs(pairs))
    }

    /// One more.
    pub fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.0.extend([(name.to_owned(), value.into())]);
    }

    pub(super) fn absorb(&mut self, other: More) {
        self.0.extend(other.0.0);
    }

    pub(super) fn flat(&self) -> Flat {
        self.0.flat()
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
                fn none() -> &'static Self {
                    static NONE: std::sync::LazyLock<$name> =
                        std::sync::LazyLock::new($name::default);
                    &NONE
                }

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
