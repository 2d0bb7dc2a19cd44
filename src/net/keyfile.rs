//! The site key's file: 64 hexadecimal digits, readable by its owner alone.

use super::os;
use crate::proto::challenge::{SiteKey, hex, unhex};
use std::io::Write as _;
use std::path::Path;

/// Makes a new key. The file is written in full under a temporary name and then renamed, and never replaces another.
///
/// # Errors
/// In words, when the file exists or cannot be written.
pub fn create(path: &Path) -> Result<(), String> {
    if path.exists() {
        return Err(format!("{} exists already; a key is never overwritten. Remove it first, or name another file", path.display()));
    }
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = os::create_private(&temporary)?;
        writeln!(file, "{}", hex(&super::random::<32>()))?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        format!("cannot write {}: {e}", path.display())
    })
}

/// Reads a key.
///
/// # Errors
/// In words: no such file, readable by others, or not a key.
pub fn read(path: &Path) -> Result<SiteKey, String> {
    let shown = path.display();
    let others = os::readable_by_others(path)
        .map_err(|e| format!("cannot read the site key {shown}: {e}; `portmatrix key new {shown}` makes one"))?;
    if let Some(mode) = others {
        return Err(format!("the site key {shown} can be read by others: {mode}"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read the site key {shown}: {e}"))?;
    let secret: [u8; 32] = unhex(text.trim())
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| format!("{shown} is not a site key: 64 hexadecimal digits were expected"))?;
    Ok(SiteKey::new(&secret))
}
