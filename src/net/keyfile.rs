//! The site key's file: 64 hexadecimal digits, readable by its owner alone.

use super::os;
use crate::input;
use crate::wire::challenge::SiteKey;
use crate::wire::hex::{hex, unhex};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Most octets of a key file that are read: a key, and room for what an editor may add.
const MAX_FILE: u64 = 1024;

/// What is wrong with the file of a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A new key would replace another.
    #[error(
        "{} exists already; a key is never overwritten. Remove it first, or name another file",
        .0.display()
    )]
    Exists(PathBuf),
    /// It cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not there. A new key would be another one: the hosts of a site have one key together.
    #[error(
        "the site key {} is not on this host: copy the file from the host where it was made, over a \
            way that you trust. Both ends need the same key (`portmatrix key --help`)", .0.display()
    )]
    NotHere(PathBuf),
    /// It cannot be read.
    #[error("cannot read the site key {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Others may read it.
    #[error("the site key {} is not its owner's alone: {how}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// By what right.
        how: String,
    },
    /// It holds something else.
    #[error(
        "{} is not a site key: 64 hexadecimal digits were expected; copy the file again from the \
            host where it was made", .0.display()
    )]
    NoKey(PathBuf),
}

/// Makes a new key. The file is made exclusively, so that it never replaces another nor follows a
/// link, whoever makes one at the same time.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create(path: &Path) -> Result<(), KeyFileError> {
    if path.exists() {
        return Err(KeyFileError::Exists(path.into()));
    }
    let wrong = |error: std::io::Error| KeyFileError::NotWritten { path: path.into(), error };
    let mut file = os::create_private(path).map_err(wrong)?;
    writeln!(file, "{}", hex(&super::random::<32>())).and_then(|()| file.sync_all()).map_err(|e| {
        // It is ours, and half a key is none.
        let _ = std::fs::remove_file(path);
        wrong(e)
    })
}

fn cannot_read(path: &Path, error: std::io::Error) -> KeyFileError {
    match error.kind() {
        std::io::ErrorKind::NotFound => KeyFileError::NotHere(path.into()),
        _ => KeyFileError::Unreadable { path: path.into(), error },
    }
}

/// Reads a key.
///
/// # Errors
/// When there is no such file, others may read it, or it is no key.
pub fn read(path: &Path) -> Result<SiteKey, KeyFileError> {
    // What was opened is judged, and not what the name leads to a moment before or after.
    let file = input::open(path).map_err(|e| cannot_read(path, e))?;
    let others = os::open_to_others(&file, path).map_err(|e| cannot_read(path, e))?;
    if let Some(how) = others {
        return Err(KeyFileError::Open { path: path.into(), how });
    }
    let octets = input::octets_of(file, MAX_FILE).map_err(|e| match e.kind() {
        std::io::ErrorKind::FileTooLarge => KeyFileError::NoKey(path.into()),
        _ => cannot_read(path, e),
    })?;
    // An editor on Windows may have put a byte order mark before it, and a line end behind it.
    let text = input::decode("", octets).unwrap_or_default();
    let secret: [u8; 32] = unhex(text.trim())
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| KeyFileError::NoKey(path.into()))?;
    Ok(SiteKey::new(&secret))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_and_a_regular_file() {
        use std::os::unix::fs::{PermissionsExt as _, chown};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("site.key");
        create(&path).expect("a key");
        assert!(read(&path).is_ok());
        let link = folder.path().join("link.key");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert!(read(&link).is_ok(), "what a link leads to is judged");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))
            .expect("set");
        let told = read(&path).expect_err("anybody may exchange it").to_string();
        assert!(told.contains("others may exchange it"), "{told}");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o1777))
            .expect("set");
        assert!(read(&path).is_ok(), "as in /tmp, where only owners may");
        if chown(&path, Some(12_345), None).is_ok() {
            let told = read(&path).expect_err("somebody else's").to_string();
            assert!(told.contains("belongs to user 12345"), "{told}");
        }
        let told = read(Path::new("/dev/zero")).expect_err("a device").to_string();
        assert!(told.contains("no regular file"), "{told}");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        let told = read(&pipe).expect_err("a pipe").to_string();
        assert!(told.contains("no regular file"), "{told}");
    }

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
        assert!(read(&path).expect_err("no key").to_string().contains("64 hexadecimal digits"));
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
            let words = read(&path).map(|_| ()).expect_err("not a key").to_string();
            assert!(
                words.contains("is not a site key") && words.contains("copy the file again"),
                "{words}"
            );
        }
        let words =
            read(&folder.path().join("gone.key")).map(|_| ()).expect_err("no file").to_string();
        assert!(
            words.contains("is not on this host: copy the file from the host")
                && !words.contains("key new"),
            "{words}"
        );
    }
}
