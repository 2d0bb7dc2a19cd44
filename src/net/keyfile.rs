//! The site key's file: 64 hexadecimal digits, readable by its owner alone.

use super::os;
use crate::input;
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
    let octets = std::fs::read(path).map_err(|e| format!("cannot read the site key {shown}: {e}"))?;
    // An editor on Windows may have put a byte order mark before it, and a line end behind it.
    let text = input::decode("", octets).unwrap_or_default();
    let secret: [u8; 32] = unhex(text.trim())
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| format!("{shown} is not a site key: 64 hexadecimal digits were expected; `portmatrix key new` makes one"))?;
    Ok(SiteKey::new(&secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_on_windows_does_no_harm_to_a_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("site.key");
        create(&path).expect("a key");
        let written = std::fs::read_to_string(&path).expect("text");
        let digits = written.trim();
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        // The file's rights stay as they are when it is written over.
        for octets in
            [format!("\u{feff}{digits}\r\n").into_bytes(), format!("{digits}\r\n\r\n").into_bytes(), utf16(&format!("\u{feff}{digits}"))]
        {
            std::fs::write(&path, octets).expect("written");
            read(&path).expect("still a key");
        }
        for octets in [&b""[..], &digits.as_bytes()[..63], b"\xff\x00\x80"] {
            std::fs::write(&path, octets).expect("written");
            let words = read(&path).map(|_| ()).expect_err("not a key");
            assert!(words.contains("is not a site key") && words.contains("portmatrix key new"), "{words}");
        }
    }
}
