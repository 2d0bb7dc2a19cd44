//! What runs a subcommand that talks to the network, and what ends it early.

use super::outcome::Problem;
use std::future::{Future, pending};
use tokio_util::sync::CancellationToken;

/// The runtime on which a subcommand talks to the network.
///
/// # Errors
/// When the system gives no threads or no event queue.
pub fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::text(format!("cannot start: {error}")))
}

/// Cancels `stop` at the first interruption that comes from this call on. To be called inside a
/// runtime.
pub fn cancel_when_interrupted(stop: CancellationToken) -> impl Future<Output = ()> {
    let interruption = interruption();
    async move {
        interruption.await;
        stop.cancel();
    }
}

/// What waits for one signal. A signal that the system does not give stays away, and the others
/// still come. (Each is of a type of its own.)
#[cfg(any(unix, windows))]
macro_rules! came {
    ($signal:expr) => {
        async {
            match $signal {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "one way to end this program early is missing");
                    pending().await
                }
            }
        }
    };
}

/// Ctrl-C, or the order of a service manager to end (on Windows Ctrl-Break, a window that is closed,
/// the end of the session, a shutdown), that comes from this call on: before it the
/// system ends the program. To be called inside a runtime.
pub fn interruption() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (interrupt, terminate) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        async move {
            tokio::select! {
                () = came!(interrupt) => {}
                () = came!(terminate) => {}
            }
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        let (key, pause, close) = (ctrl_c(), ctrl_break(), ctrl_close());
        let (logoff, shutdown) = (ctrl_logoff(), ctrl_shutdown());
        async move {
            tokio::select! {
                () = came!(key) => {}
                () = came!(pause) => {}
                () = came!(close) => {}
                () = came!(logoff) => {}
                () = came!(shutdown) => {}
            }
        }
    }
    #[cfg(not(any(unix, windows)))]
    async move {
        let _ = tokio::signal::ctrl_c().await;
    }
}
