//! Files that a subcommand writes or needs: never half-written, every error with the file's name.

use super::Problem;
use crate::net::keyfile;
use crate::proto::challenge::SiteKey;
use std::io::Write as _;
use std::path::Path;

/// Writes a whole file under a temporary name beside it, then renames it.
///
/// # Errors
/// With the file's name and what the system said.
pub fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".tmp{}", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        Problem::text(format!("cannot write {}: {error}", path.display()))
    })
}

/// Fails early when a file cannot be written later: nobody wants to learn that after an hour.
///
/// # Errors
/// When the folder is missing or does not let a file be made, or the path is a folder.
pub fn check_writable(path: &Path) -> Result<(), Problem> {
    if path.is_dir() {
        return Err(Problem::text(format!("cannot write {}: it is a folder", path.display())));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        return Err(Problem::text(format!("cannot write {}: there is no folder {}", path.display(), folder.display())));
    }
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".probe{}", std::process::id()));
    let probe = path.with_file_name(name);
    std::fs::File::create(&probe)
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

/// The runtime on which a subcommand talks to the network.
///
/// # Errors
/// When the system gives no threads or no event queue.
pub fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Problem::text(format!("cannot start: {error}")))
}

/// Ctrl-C, or the order of a service manager to end.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// A duration such as `90s`, `2h` or `1h 30m`.
///
/// # Errors
/// In words, for anything else, and for zero.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("\"{text}\" is not a duration: write 30s, 15m, 2h or 1h30m");
    let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = std::time::Duration::try_from(span).map_err(|_| wrong())?;
    if duration.is_zero() { Err(wrong()) } else { Ok(duration) }
}
