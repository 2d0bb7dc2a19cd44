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

/// Ctrl-C, or the order of a service manager to end (on Windows Ctrl-Break, a window that is closed,
/// the end of the session, a shutdown), that comes from this call on: before it the
/// system ends the program. To be called inside a runtime.
pub fn interruption() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let both = signal(SignalKind::interrupt()).ok().zip(signal(SignalKind::terminate()).ok());
        async move {
            let Some((mut interrupt, mut terminate)) = both else { return pending().await };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        let all = (ctrl_c().ok(), ctrl_break().ok(), ctrl_close().ok(), ctrl_logoff().ok());
        let shutdown = ctrl_shutdown().ok();
        async move {
            let ((Some(mut one), Some(mut two), Some(mut three), Some(mut four)), Some(mut five)) =
                (all, shutdown)
            else {
                return pending().await;
            };
            tokio::select! {
                _ = one.recv() => {}
                _ = two.recv() => {}
                _ = three.recv() => {}
                _ = four.recv() => {}
                _ = five.recv() => {}
            }
        }
    }
    #[cfg(not(any(unix, windows)))]
    async move {
        let _ = tokio::signal::ctrl_c().await;
    }
}
