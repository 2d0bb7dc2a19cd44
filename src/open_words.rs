//! Closed sets of words that stand in files, and words of newer versions that are in none of them:
//! they are kept, shown and written again, and nothing takes them for something else.

use crate::lock::lock;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// A word that this version does not know, kept for as long as the program runs, so that the sets
/// stay as cheap to copy as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word(&'static str);

/// Different words that are kept at most.
const MOST: usize = 256;
/// Longest word, in octets.
const LONGEST: usize = 64;

static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Word {
    /// A word of lower-case letters, digits and hyphens, as all words of the sets are; `None` for
    /// anything else, and where too many are kept already.
    pub fn keep(text: &str) -> Option<Word> {
        let fits = |o: u8| o.is_ascii_lowercase() || o.is_ascii_digit() || o == b'-';
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(fits) {
            return None;
        }
        Self::keep_among(&mut lock(&KEPT), text)
    }

    fn keep_among(kept: &mut BTreeSet<&'static str>, text: &str) -> Option<Word> {
        if let Some(word) = kept.get(text) {
            return Some(Word(word));
        }
        if kept.len() >= MOST {
            return None;
        }
        let word: &'static str = Box::leak(text.to_owned().into_boxed_str());
        kept.insert(word);
        Some(Word(word))
    }

    /// A word of this version.
    pub const fn of_this_version(text: &'static str) -> Word {
        Word(text)
    }

    /// As text.
    pub fn text(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl serde::Serialize for Word {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Word {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Word::keep(&text).ok_or_else(|| {
            let text = crate::text::sanitise(&text, 80);
            serde::de::Error::custom(format!("\"{text}\" is no word of this format"))
        })
    }
}

/// A set of words that a newer version may have added to.
pub trait Open: Copy + 'static {
    /// What it is a set of, for messages: `a reason`.
    const WHAT: &'static str;
    /// Every member that is known, with what it means.
    const KNOWN: &'static [(Self, &'static str)];

    /// The word in files.
    fn word(self) -> &'static str;

    /// The member for a word of a newer version.
    fn other(word: Word) -> Self;

    /// The member of a word; `None` where it cannot be one of any version.
    fn of_word(word: &str) -> Option<Self> {
        let known = Self::KNOWN.iter().map(|(known, _)| *known).find(|known| known.word() == word);
        known.or_else(|| Word::keep(word).map(Self::other))
    }

    /// What stands in files, as a JSON Schema.
    fn schema() -> schemars::Schema {
        let known = Self::KNOWN.iter().map(
            |(known, about)| serde_json::json!({ "const": known.word(), "description": about }),
        );
        schemars::json_schema!({
            "type": "string",
            "anyOf": known
                .chain([serde_json::json!({
                    "description": "A word of a newer version.", "pattern": "^[a-z0-9-]{1,64}$",
                })])
                .collect::<Vec<_>>(),
        })
    }
}

/// Reads and writes members of an [`Open`] set by their words.
macro_rules! by_word {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(<Self as crate::open_words::Open>::word(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                use $crate::open_words::Open as _;
                let word = std::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::of_word(&word).ok_or_else(|| {
                    let word = crate::text::sanitise(&word, 80);
                    serde::de::Error::custom(format!("\"{word}\" is not {}", Self::WHAT))
                })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as crate::open_words::Open>::schema()
            }
        }
    };
}

/// A set of words: each member with its sentence and its word.
macro_rules! words {
    (
        $(#[doc = $about:literal])+ $what:literal
        $name:ident { $($(#[doc = $doc:literal])+ $member:ident = $word:literal,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $doc])+ $member,)+
            /// A word of a newer version: known from files alone.
            Other(crate::open_words::Word),
        }

        impl $name {
            /// The word used in files and tables.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$member => $word,)+
                    $name::Other(word) => word.text(),
                }
            }
        }

        impl crate::open_words::Open for $name {
            const WHAT: &'static str = $what;
            const KNOWN: &'static [(Self, &'static str)] =
                &[$(($name::$member, concat!($($doc),+).trim_ascii()),)+];

            fn word(self) -> &'static str {
                self.name()
            }

            fn other(word: crate::open_words::Word) -> Self {
                $name::Other(word)
            }
        }

        crate::open_words::by_word!($name);
    };
}

pub(crate) use {by_word, words};

#[cfg(test)]
mod tests {
    use super::*;

    words! {
        /// A set.
        "a colour"
        Colour {
            /// Like blood.
            Red = "red",
            /// Like the sky.
            Blue = "blue",
        }
    }

    #[test]
    fn words_of_a_newer_version_are_kept() {
        let read = |text: &str| serde_json::from_str::<Colour>(text);
        assert_eq!(read("\"blue\"").expect("known"), Colour::Blue);
        let newer = read("\"dark-green\"").expect("kept");
        assert_eq!((newer, newer.name()), (read("\"dark-green\"").expect("kept"), "dark-green"));
        assert_ne!(newer, Colour::Red);
        assert_eq!(serde_json::to_string(&newer).expect("JSON"), "\"dark-green\"");
        for odd in ["\"\"", "\"Red\"", "\"\u{1b}[31m\"", "7", "\"a b\""] {
            assert!(read(odd).is_err(), "{odd}");
        }
        assert!(Word::keep(&"x".repeat(65)).is_none());
        // Among words of its own: those of the program are shared by all tests.
        let mut kept = BTreeSet::new();
        let some = (0..1000).filter_map(|n| Word::keep_among(&mut kept, &format!("word-{n}")));
        assert_eq!(some.count(), MOST);
        assert!(Word::keep("dark-green").is_some(), "what is kept stays");
    }
}
