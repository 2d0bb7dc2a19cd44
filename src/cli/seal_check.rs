//! Whether the files that are read are as they were written.

use super::files;
use super::outcome::Problem;
use crate::wire::challenge::SiteKey;
use crate::wire::seal::{self, Found};
use clap::Args as ClapArgs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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
    pub fn check(&self, path: &Path, document: &serde_json::Value) -> Result<(), String> {
        let shown = path.display();
        let Some(key) = &self.key else {
            // Where a key was in use when it was written, somebody has taken the seal away.
            let proved = document.get("key_fingerprint").is_some();
            if proved && document.get(seal::MEMBER).is_none() {
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
    let _ = writeln!(std::io::stderr().lock(), "warning: {}", crate::text::sanitise(words, 4096));
}
