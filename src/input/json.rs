//! Reading JSON that comes from other machines: every text in it, keys too, is made safe to show, and
//! what is made of a file takes no more memory than a file of that size may.
//!
//! What a reader does not ask for is passed over and costs nothing. All else is counted as it is read,
//! by what it takes in memory at most, so that it does not matter in which part of a file somebody
//! writes a million of something small.

mod cost;

use cost::{LEAST, OF_FIELD, OF_MAP, OF_PAIR, PER_OCTET, made_safe, room, take};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use std::cell::Cell;
use std::fmt;

/// Reads a document.
///
/// # Errors
/// As of serde; and when it would take too much memory.
pub fn read<'t, T: Deserialize<'t>>(text: &'t str) -> serde_json::Result<T> {
    let most = LEAST.max(text.len().saturating_mul(PER_OCTET));
    let left = Cell::new(most);
    let mut json = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Safe { inner: &mut json, left: &left, counted: 0, inline: false })?;
    json.end()?;
    Ok(value)
}

/// A part of serde's conversation between a format and a type.
struct Safe<'c, T> {
    inner: T,
    left: &'c Cell<usize>,
    /// Octets that the value which is read now has already: it lies in a list or in a struct.
    counted: usize,
    /// What is read has fields, which lie in it.
    inline: bool,
}

impl<'c, T> Safe<'c, T> {
    /// Another part, of a value of its own.
    fn fresh<U>(&self, inner: U, counted: usize) -> Safe<'c, U> {
        Safe { inner, left: self.left, counted, inline: false }
    }

    /// Another part, of the same value.
    fn same<U>(&self, inner: U) -> Safe<'c, U> {
        Safe { inner, left: self.left, counted: self.counted, inline: self.inline }
    }

    /// The visitor that makes a value, which is counted as far as it was not.
    fn making<'de, V: Visitor<'de>, E: Error>(
        &self,
        inner: V,
        inline: bool,
    ) -> Result<Safe<'c, V>, E> {
        let size = size_of::<V::Value>();
        take(self.left, size.saturating_sub(self.counted))?;
        Ok(Safe { inner, left: self.left, counted: size.max(self.counted), inline })
    }
}

macro_rules! passed_on {
    ($($method:ident $(($($argument:ident: $type:ty),+))?;)+) => {
        $(fn $method<V: Visitor<'de>>(self, $($($argument: $type,)+)? visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.making(visitor, false)?;
            self.inner.$method($($($argument,)+)? visitor)
        })+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Safe<'_, D> {
    type Error = D::Error;

    passed_on! {
        deserialize_any;
        deserialize_bool;
        deserialize_i8;
        deserialize_i16;
        deserialize_i32;
        deserialize_i64;
        deserialize_u8;
        deserialize_u16;
        deserialize_u32;
        deserialize_u64;
        deserialize_f32;
        deserialize_f64;
        deserialize_char;
        deserialize_str;
        deserialize_string;
        deserialize_bytes;
        deserialize_byte_buf;
        deserialize_option;
        deserialize_unit;
        deserialize_seq;
        deserialize_map;
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = self.making(visitor, true)?;
        self.inner.deserialize_struct(name, fields, visitor)
    }

    /// The name of a field or of a variant: it is compared, and not kept.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_identifier(visitor)
    }

    /// What nobody asks for: it is passed over.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }
}

macro_rules! told {
    ($($method:ident: $type:ty,)+) => {
        $(fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })+
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Safe<'_, V> {
    type Value = V::Value;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(to)
    }

    told! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_f64: f64,
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        take(self.left, room::<V::Value>(text))?;
        match made_safe(text) {
            None => self.inner.visit_str(text),
            Some(safe) => self.inner.visit_string(safe),
        }
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        take(self.left, room::<V::Value>(text))?;
        match made_safe(text) {
            None => self.inner.visit_borrowed_str(text),
            Some(safe) => self.inner.visit_string(safe),
        }
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        let value = self.same(value);
        self.inner.visit_some(value)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        let value = self.same(value);
        self.inner.visit_newtype_struct(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = self.same(entries);
        self.inner.visit_seq(entries)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = self.same(entries);
        self.inner.visit_map(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let variant = self.same(variant);
        self.inner.visit_enum(variant)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Safe<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        let value = self.same(value);
        self.inner.deserialize(value)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Safe<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = self.fresh(seed, size_of::<S::Value>());
        let element = self.inner.next_element_seed(seed)?;
        if element.is_some() && !self.inline {
            take(self.left, size_of::<S::Value>())?;
        }
        Ok(element)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Safe<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let seed = self.fresh(seed, size_of::<S::Value>());
        let key = self.inner.next_key_seed(seed)?;
        // The names of fields are not kept; some types keep those that they do not know.
        let cost = match self.inline {
            true if size_of::<S::Value>() < size_of::<String>() => 0,
            true => size_of::<S::Value>() + OF_FIELD,
            false if std::mem::take(&mut self.counted) > 0 => {
                size_of::<S::Value>() + OF_PAIR + OF_MAP
            }
            false => size_of::<S::Value>() + OF_PAIR,
        };
        if key.is_some() {
            take(self.left, cost)?;
        }
        Ok(key)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if !self.inline {
            take(self.left, size_of::<S::Value>())?;
        }
        let seed = self.fresh(seed, size_of::<S::Value>());
        self.inner.next_value_seed(seed)
    }
}

impl<'de, 'c, A: EnumAccess<'de>> EnumAccess<'de> for Safe<'c, A> {
    type Error = A::Error;
    type Variant = Safe<'c, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (counted, left) = (self.counted, self.left);
        let seed = self.fresh(seed, size_of::<S::Value>());
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, Safe { inner: variant, left, counted, inline: true }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Safe<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.fresh(seed, self.counted);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.making(visitor, true)?;
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.making(visitor, true)?;
        self.inner.struct_variant(fields, visitor)
    }
}

#[cfg(test)]
mod tests;
