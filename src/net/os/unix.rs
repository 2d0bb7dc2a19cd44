//! Linux and the other Unixes.

use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Whether a socket could not be made or connected because this machine is out of descriptors,
/// ports or memory.
pub fn lacks_resources(error: &io::Error) -> bool {
    let codes = [
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::EADDRNOTAVAIL,
        libc::EADDRINUSE,
        libc::EAGAIN,
    ];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// Whether the error only says that a connection is not open yet.
pub fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// Nothing to switch on: Linux has a way of its own, and the other Unixes do not tell.
#[cfg(not(target_os = "linux"))]
pub fn report_icmp(_: &socket2::Socket) {}

/// Nothing to do: here a reset ends an attempt by itself.
#[cfg(not(target_os = "linux"))]
pub fn end_at_first_answer(_: &socket2::Socket, _: std::time::Duration) {}

/// Always `None`, for the same reason.
#[cfg(not(target_os = "linux"))]
pub fn icmp_of(_: &socket2::Socket) -> Option<crate::observation::Icmp> {
    None
}

/// Raises the soft limit of open descriptors to the hard one; returns the limit in force.
#[expect(
    unsafe_code,
    reason = "getrlimit and setrlimit take pointers to a plain struct that lives on this stack \
        frame"
)]
pub fn raise_descriptor_limit() -> Option<u64> {
    // SAFETY: both calls read or write one `rlimit` that outlives them.
    unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return None;
        }
        if limit.rlim_cur < limit.rlim_max {
            let wanted = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) == 0 {
                limit = wanted;
            }
        }
        Some(limit.rlim_cur)
    }
}

/// By what right others may read an open file or put another one in its place, with what mends it;
/// `None` where nobody may but its owner, and that is this user, root, or who became root by sudo.
///
/// # Errors
/// When the system does not say.
pub fn open_to_others(file: &std::fs::File, path: &Path) -> io::Result<Option<String>> {
    let told = file.metadata()?;
    let mode = told.mode() & 0o777;
    if mode & 0o077 != 0 {
        let mend = format!("its mode is {mode:04o}; fix with `chmod 600 {}`", path.display());
        return Ok(Some(mend));
    }
    // SAFETY: it takes nothing, and cannot fail.
    #[expect(unsafe_code, reason = "the standard library does not tell the user")]
    let user = unsafe { libc::geteuid() };
    // Whoever calls this by sudo brings files of his own.
    let caller = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    let is_trusted =
        |owner: u32| owner == user || owner == 0 || (user == 0 && Some(owner) == caller);
    if !is_trusted(told.uid()) {
        let mend = format!("it belongs to user {}; copy it to a file of your own", told.uid());
        return Ok(Some(mend));
    }
    // Links are followed: whoever may write to the folder where the file is may exchange it.
    let real = std::fs::canonicalize(path)?;
    let folder = real.parent().unwrap_or(Path::new("/"));
    let around = std::fs::metadata(folder)?;
    let is_anybodys = around.mode() & 0o1002 == 0o0002;
    Ok((is_anybodys || !is_trusted(around.uid())).then(|| {
        format!("others may exchange it in {}; move it to a folder of your own", folder.display())
    }))
}

/// Creates a file that only its owner can read, and fails when it exists.
///
/// # Errors
/// When the file exists or cannot be made.
pub fn create_private(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes sure that binding never takes a port from another process. Linux refuses that by itself;
/// there `SO_REUSEADDR` only lets a port be bound again whose old connections are in TIME-WAIT.
/// Elsewhere (macOS, the BSDs) it would let one address of a port be taken from a service that
/// listens on all of them, so there it stays off.
///
/// # Errors
/// When the option cannot be set.
pub fn set_exclusive(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_address(cfg!(any(target_os = "linux", target_os = "android")))
}

/// Terminals here take colours as they are.
pub fn let_terminal_color() -> bool {
    true
}

/// The whole name of this machine is what it calls itself, and asking DNS for more may take long.
pub fn full_name() -> Option<String> {
    None
}

/// What to do about a port that this user may not bind.
pub fn advice_for_privileged_port(port: u16) -> String {
    format!(
        "ports below 1024 need a privilege: run as root, or `sudo setcap cap_net_bind_service=+ep \
            $(command -v portmatrix)`, or \
         `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"
    )
}
