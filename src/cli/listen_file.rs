//! The file of a listener, written now and then and at its end.

use super::files;
use super::outcome::Problem;
use super::terminal::say;
use crate::listen::open::Port;
use crate::listen::range::OpenRange;
use crate::listen::wanted::{Shared, Wanted};
use crate::net::clock;
use crate::report::listener;
use crate::wire::challenge::SiteKey;
use jiff::Timestamp;
use std::path::Path;
use std::time::Duration;

/// How often the file is written while the listener runs: a machine that is switched off, or a
/// program that is killed, says nothing at the end.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// Writes what came to a file, where one is wanted.
pub(super) struct Keeper<'k> {
    pub out: Option<&'k Path>,
    pub site: &'k str,
    pub wanted: &'k [Wanted],
    pub started: Timestamp,
    pub shared: &'k Shared,
}

impl Keeper<'_> {
    /// Writes it now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &self,
        ports: &[Port],
        ranges: &[OpenRange],
        came: listener::Came,
    ) -> Result<(), Problem> {
        let Some(out) = self.out else { return Ok(()) };
        let times = (self.started, clock::now());
        let key = self.shared.key.as_ref();
        let file = listener::ListenFile::new(self.site, self.wanted, times, ports, ranges, came)
            .with_key(key.map(SiteKey::fingerprint));
        files::write(out, &listener::json(&file, key).map_err(Problem::text)?)
    }

    /// Writes it again and again. What cannot be written is said, and tried again. Who reads a pipe
    /// wants one document: it gets the last.
    pub async fn keep(&self, ports: &[Port], ranges: &[OpenRange]) {
        while self.out.is_some_and(|out| !files::is_no_plain_file(out)) {
            tokio::time::sleep(KEEP_EVERY).await;
            let came = came(self.shared);
            // It may be a large file on a slow drive.
            let written = tokio::task::block_in_place(|| self.write(ports, ranges, came));
            if let Err(problem) = written {
                problem.shown().iter().for_each(|words| say(words.trim()));
            }
        }
        std::future::pending::<()>().await;
    }
}

/// What came so far.
pub(super) fn came(shared: &Shared) -> listener::Came {
    let seen = shared.journal.snapshot();
    listener::Came {
        counts: seen.counts,
        arrivals: seen.arrivals,
        arrivals_left_out: seen.left_out,
        half_open: shared.sightings.half_open(),
        sweeps: shared.receipts.sweeps(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::listen::gate::{Gate, Limits};
    use crate::net::identity::Identity;
    use std::sync::Arc;
    use tokio_util::sync::CancellationToken;

    fn shared() -> Shared {
        Shared {
            key: None,
            identity: Arc::new(Identity::self_signed(&["srv01".to_owned()]).expect("made")),
            gate: Gate::new(Limits::default()),
            sightings: Arc::default(),
            receipts: Arc::default(),
            whole_ranges: false,
            descriptors: None,
            journal: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_gets_nothing_before_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("runs").success());
        // Who reads and writes at once waits for nobody, nor is anything lost.
        let reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("open");
        socket2::SockRef::from(&reader).set_nonblocking(true).expect("set");
        let shared = shared();
        let started = clock::now();
        let keeper = Keeper { out: Some(&pipe), site: "s", wanted: &[], started, shared: &shared };
        let kept = tokio::time::timeout(KEEP_EVERY * 10, keeper.keep(&[], &[])).await;
        assert!(kept.is_err(), "it goes on until the listener ends");
        let mut read = Vec::new();
        let empty = std::io::Read::read_to_end(&mut &reader, &mut read);
        assert_eq!(empty.expect_err("nothing").kind(), std::io::ErrorKind::WouldBlock);
        assert_eq!(read, b"");
        keeper.write(&[], &[], came(&shared)).expect("written");
        let _ = std::io::Read::read_to_end(&mut &reader, &mut read);
        assert!(read.starts_with(b"{"), "{read:?}");
    }
}
