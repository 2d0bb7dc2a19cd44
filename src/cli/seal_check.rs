//! Whether the files that are read are as they were written.

use super::files;
use super::outcome::Problem;
use super::terminal::say;
use crate::wire::challenge::SiteKey;
use crate::wire::seal::{self, Found};
use clap::Args as ClapArgs;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};

/// The members of a document by which it is told what it is; all others are passed over.
#[derive(Debug, Deserialize)]
pub struct Head {
    /// Name and version of its format.
    #[serde(default)]
    pub schema: Option<serde_json::Value>,
    /// There where a site key was in use.
    #[serde(default)]
    pub key_fingerprint: Option<IgnoredAny>,
    /// Its seal, where it has one.
    #[serde(default)]
    pub seal: Option<IgnoredAny>,
}

/// How seals are looked at.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct SealArgs {
    /// The site key: with it the seals of the files are held against their contents
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Refuse a file without a seal of this key
    #[arg(long, requires = "key")]
    require_seal: bool,
}

/// The same with the key itself.
pub struct Seals {
    key: Option<SiteKey>,
    required: bool,
}

impl SealArgs {
    /// Reads the key.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn open(&self) -> Result<Seals, Problem> {
        let key = files::key(self.key.as_deref(), None)?;
        Ok(Seals { key, required: self.require_seal })
    }
}

impl Seals {
    /// Holds a file against its seal. What it lacks is said on standard error.
    ///
    /// # Errors
    /// In words, when the file was changed, or has no seal of the key where one is asked for.
    pub fn check(&self, path: &Path, document: &str, head: &Head) -> Result<(), String> {
        let shown = path.display();
        let Some(key) = &self.key else {
            // Where a key was in use when it was written, somebody has taken the seal away.
            if head.key_fingerprint.is_some() && head.seal.is_none() {
                note(&format!(
                    "{shown} carries no seal: nothing shows that it is as it was written"
                ));
            }
            return Ok(());
        };
        let lack = match seal::check(document, key) {
            Found::Whole => return Ok(()),
            Found::Broken => {
                return Err(format!(
                    "{shown} is not as it was written: its seal does not fit its contents. Take \
                     the file from where it was made once more"
                ));
            }
            Found::None => "carries no seal: nothing shows that it is as it was written".to_owned(),
            Found::OtherKey(other) => format!(
                "is sealed with another key ({other}) than the one that was given ({})",
                key.fingerprint()
            ),
            Found::OtherKind(kind) => {
                format!("has a seal of a kind that this version does not know (\"{kind}\")")
            }
        };
        if self.required {
            return Err(format!("{shown} {lack}"));
        }
        note(&format!("{shown} {lack}"));
        Ok(())
    }
}

fn note(words: &str) {
    say(format!("warning: {words}"));
}
