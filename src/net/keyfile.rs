//! The site key's file: 64 hexadecimal digits, readable by its owner alone.

use super::os;
use crate::input;
use crate::proto::challenge::SiteKey;
use crate::proto::hex::{hex, unhex};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Most octets of a key file that are read: a key, and room for what an editor may add.
const MAX_FILE: u64 = 1024;

/// Makes a new key. The file is made exclusively, so that it never replaces another nor follows a
/// link, whoever makes one at the same time.
///
/// # Errors
/// In words, when the file exists or cannot be written.
pub fn create(path: &Path) -> Result<(), String> {
    if path.exists() {
        return Err(format!(
            "{} exists already; a key is never overwritten. Remove it first, or name another file",
            path.display()
        ));
    }
    let wrong = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
    let mut file = os::create_private(path).map_err(wrong)?;
    writeln!(file, "{}", hex(&super::random::<32>())).and_then(|()| file.sync_all()).map_err(|e| {
        // It is ours, and half a key is none.
        let _ = std::fs::remove_file(path);
        wrong(e)
    })
}

/// A new key would be another one: the hosts of a site have one key together.
fn cannot_read(path: &Path, error: &std::io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "the site key {shown} is not on this host: copy the file from the host where it was \
                made, over a way that you trust. Both ends need \
             the same key (`portmatrix key --help`)"
        ),
        _ => format!("cannot read the site key {shown}: {error}"),
    }
}

/// Reads a key.
///
/// # Errors
/// In words: no such file, readable by others, or not a key.
pub fn read(path: &Path) -> Result<SiteKey, String> {
    let shown = path.display();
    let others = os::readable_by_others(path).map_err(|e| cannot_read(path, &e))?;
    if let Some(mode) = others {
        return Err(format!("the site key {shown} can be read by others: {mode}"));
    }
    let mut octets = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_end(&mut octets))
        .map_err(|e| cannot_read(path, &e))?;
    // An editor on Windows may have put a byte order mark before it, and a line end behind it.
    let text = input::decode("", octets).unwrap_or_default();
    let secret: [u8; 32] =
        unhex(text.trim()).and_then(|octets| octets.try_into().ok()).ok_or_else(|| {
            format!(
                "{shown} is not a site key: 64 hexadecimal digits were expected; copy the file \
            again from the host where it was made"
            )
        })?;
    Ok(SiteKey::new(&secret))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_follows_a_link_nor_replaces_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("elsewhere"), folder.path().join("site.key"));
        std::os::unix::fs::symlink(&target, &link).expect("a link to nothing");
        assert!(create(&link).is_err());
        assert!(!target.exists(), "the key was written where a link points");
        let own = folder.path().join("own.key");
        create(&own).expect("made");
        let first = std::fs::read_to_string(&own).expect("read");
        assert!(create(&own).is_err());
        assert_eq!(std::fs::read_to_string(&own).expect("read"), first);
    }

    #[test]
    fn no_more_of_a_key_file_is_read_than_a_key_can_have() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("endless.key");
        os::create_private(&path)
            .and_then(|file| file.set_len(1 << 40))
            .expect("a large file of nothing");
        assert!(read(&path).expect_err("no key").contains("64 hexadecimal digits"));
    }

    #[test]
    fn a_key_is_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("site.key");
        create(&path).expect("made");
        let text = std::fs::read_to_string(&path).expect("read");
        let shown = format!("{:?}", read(&path).expect("a key"));
        assert!(!shown.contains(text.trim()) && shown.len() < 20, "{shown}");
    }

    #[test]
    fn an_editor_on_windows_does_no_harm_to_a_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("site.key");
        create(&path).expect("a key");
        let written = std::fs::read_to_string(&path).expect("text");
        let digits = written.trim();
        let utf16 =
            |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        // The file's rights stay as they are when it is written over.
        for octets in [
            format!("\u{feff}{digits}\r\n").into_bytes(),
            format!("{digits}\r\n\r\n").into_bytes(),
            utf16(&format!("\u{feff}{digits}")),
        ] {
            std::fs::write(&path, octets).expect("written");
            read(&path).expect("still a key");
        }
        for octets in [&b""[..], &digits.as_bytes()[..63], b"\xff\x00\x80"] {
            std::fs::write(&path, octets).expect("written");
            let words = read(&path).map(|_| ()).expect_err("not a key");
            assert!(
                words.contains("is not a site key") && words.contains("copy the file again"),
                "{words}"
            );
        }
        let words = read(&folder.path().join("gone.key")).map(|_| ()).expect_err("no file");
        assert!(
            words.contains("is not on this host: copy the file from the host")
                && !words.contains("key new"),
            "{words}"
        );
    }
}
