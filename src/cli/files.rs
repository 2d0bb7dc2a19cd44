//! Files that a subcommand writes or needs: never half-written, every error with the file's name.

use super::outcome::Problem;
use crate::net::keyfile;
use crate::wire::challenge::SiteKey;
use std::io::Write as _;
use std::path::Path;

/// Writes a whole file under a temporary name beside it, then renames it.
///
/// # Errors
/// With the file's name and what the system said.
pub fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let failed =
        |error: std::io::Error| Problem::text(format!("cannot write {}: {error}", path.display()));
    // A pipe or a device, and what a link to one leads to, is written to and not replaced.
    if is_no_plain_file(path) {
        return open_at_once(path)
            .and_then(|file| blocking(&file).map(|()| file))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(failed);
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".tmp{:016x}", u64::from_le_bytes(crate::net::random())));
    let temporary = path.with_file_name(name);
    let written = fresh(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            let _ = std::fs::remove_file(&temporary);
        }
        Problem::text(format!("cannot write {}: {error}", path.display()))
    })
}

/// Opens a pipe or a device. A pipe from which nobody reads is an error, and is not waited for
/// without end: it may be anybody's, in the place where a file was to be.
#[cfg(unix)]
fn open_at_once(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    const READER: std::time::Duration = std::time::Duration::from_secs(5);
    const BETWEEN: std::time::Duration = std::time::Duration::from_millis(100);
    let mut how = std::fs::OpenOptions::new();
    how.write(true).custom_flags(libc::O_NONBLOCK);
    let begun = crate::net::clock::instant();
    loop {
        match how.open(path) {
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
                if crate::net::clock::since(begun) >= READER {
                    return Err(std::io::Error::other("nobody reads from this pipe"));
                }
                std::thread::sleep(BETWEEN);
            }
            opened => return opened,
        }
    }
}

/// Opens a pipe or a device.
#[cfg(not(unix))]
fn open_at_once(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).open(path)
}

/// Whoever reads slowly is waited for.
#[cfg(unix)]
fn blocking(file: &std::fs::File) -> std::io::Result<()> {
    socket2::SockRef::from(file).set_nonblocking(false)
}

/// Elsewhere it never was anything else.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail on Unix")]
fn blocking(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Whether there is something at the path, or behind the link there, that holds no text: a pipe or
/// a device.
pub fn is_no_plain_file(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// A new file under a temporary name. Never one that is there already: in a folder of everybody's
/// it may be somebody's link to elsewhere.
fn fresh(path: &Path) -> std::io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path)
}

/// Fails early when a file cannot be written later: nobody wants to learn that after an hour.
///
/// # Errors
/// When the folder is missing or does not let a file be made, or the path is a folder.
pub fn check_writable(path: &Path) -> Result<(), Problem> {
    if path.is_dir() {
        return Err(Problem::text(format!("cannot write {}: it is a folder", path.display())));
    }
    if let Some(folder) =
        path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    {
        return Err(Problem::text(format!(
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        )));
    }
    if is_no_plain_file(path) {
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".probe{:016x}", u64::from_le_bytes(crate::net::random())));
    let probe = path.with_file_name(name);
    fresh(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|error| Problem::text(format!("cannot write {}: {error}", path.display())))
}

/// The site key: from `--key`, else from the site file, else none.
///
/// # Errors
/// When a key is named and cannot be used.
pub fn key(argument: Option<&Path>, site: Option<&Path>) -> Result<Option<SiteKey>, Problem> {
    argument.or(site).map(|path| keyfile::read(path).map_err(Problem::text)).transpose()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_under_a_temporary_name_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        std::fs::write(&victim, "precious").expect("written");
        std::os::unix::fs::symlink(&victim, &link).expect("a link");
        assert!(fresh(&link).is_err());
        assert_eq!(std::fs::read_to_string(&victim).expect("read"), "precious");
    }

    #[test]
    fn a_result_takes_the_place_of_a_link_and_not_of_its_target() {
        let folder = tempfile::tempdir().expect("a folder");
        let (victim, link) = (folder.path().join("victim"), folder.path().join("out.json"));
        std::fs::write(&victim, "precious").expect("written");
        std::os::unix::fs::symlink(&victim, &link).expect("a link");
        check_writable(&link).map_err(|_| "writable").expect("writable");
        write(&link, "{}").map_err(|_| "written").expect("written");
        assert_eq!(std::fs::read_to_string(&victim).expect("read"), "precious");
        assert_eq!(std::fs::read_to_string(&link).expect("read"), "{}");
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("listed").count(),
            2,
            "nothing temporary stays"
        );
    }
}
