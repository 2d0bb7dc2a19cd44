//! The handshake of a stand-in.

use crate::net::Io;
use std::io;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Time for a TLS handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// Shakes hands, within its own deadline.
///
/// # Errors
/// Those of the handshake; `TimedOut`.
pub(crate) async fn shake_hands<S: Io>(
    acceptor: &TlsAcceptor,
    stream: S,
) -> io::Result<TlsStream<S>> {
    tokio::time::timeout(HANDSHAKE, acceptor.accept(stream))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
