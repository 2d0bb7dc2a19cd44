//! A stream inside TLS that keeps what only TLS knows: an alert that came after the handshake, and
//! whether anything came at all. In TLS 1.3 a server says only then that it does not like the
//! client, and the protocols above would call it the end of the connection.

use crate::reason::Reason;
use crate::wire::tls_alert::{About, Alert};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

/// What only TLS knows of a session.
#[derive(Debug)]
pub struct Told {
    /// Whether the server asked for a client certificate.
    pub client_certificate_wanted: bool,
    /// The alert that came, or [`NONE`].
    alert: AtomicU16,
    answered: AtomicBool,
}

const NONE: u16 = u16::MAX;

impl Told {
    /// Of a handshake that just ended.
    pub fn new(client_certificate_wanted: bool) -> Arc<Self> {
        Arc::new(Told {
            client_certificate_wanted,
            alert: AtomicU16::new(NONE),
            answered: AtomicBool::new(false),
        })
    }

    /// The alert that came after the handshake.
    pub fn alert(&self) -> Option<Alert> {
        u8::try_from(self.alert.load(Ordering::Relaxed)).ok().map(Alert)
    }

    /// The reason of a later step that failed for `reason`, where TLS knows a better one.
    pub fn reason(&self, reason: Reason) -> Option<Reason> {
        better(
            self.client_certificate_wanted,
            self.alert(),
            self.answered.load(Ordering::Relaxed),
            reason,
        )
    }
}

/// How a step failed that only knows that the connection ended.
const ENDED: &[Reason] = &[
    Reason::ResetAfterConnect,
    Reason::ClosedAfterConnect,
    Reason::HttpNotSpoken,
    Reason::LdapNotSpoken,
    Reason::Http2NotOffered,
    Reason::Http2NotCarried,
    Reason::GrpcFailed,
];

/// Whether a server that asked for a client certificate means that one with such an alert.
pub fn means_client_certificate(asked: bool, alert: Alert) -> bool {
    match alert.about() {
        About::ClientCertificate => asked || alert.0 == 116,
        About::Common | About::Rules => asked,
        _ => false,
    }
}

fn better(asked: bool, alert: Option<Alert>, answered: bool, reason: Reason) -> Option<Reason> {
    if !ENDED.contains(&reason) {
        return None;
    }
    match alert {
        Some(alert) if means_client_certificate(asked, alert) => {
            Some(Reason::ClientCertificateWanted)
        }
        // The server ends its part of the handshake only now.
        Some(_) if !answered => Some(Reason::TlsHandshakeFailed),
        None if asked && !answered => Some(Reason::ClientCertificateWanted),
        _ => None,
    }
}

/// The alert in an error of a stream inside TLS.
pub fn alert_in(error: &io::Error) -> Option<Alert> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(Alert(u8::from(*alert))),
        _ => None,
    }
}

/// A stream inside TLS.
pub struct Inside<S> {
    stream: TlsStream<S>,
    told: Arc<Told>,
}

impl<S> Inside<S> {
    pub(super) fn new(stream: TlsStream<S>, told: Arc<Told>) -> Self {
        Inside { stream, told }
    }

    fn look<T>(&self, outcome: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = outcome
            && let Some(alert) = alert_in(error)
        {
            self.told.alert.store(u16::from(alert.0), Ordering::Relaxed);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Inside<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.told.answered.store(true, Ordering::Relaxed);
        }
        self.look(&outcome);
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Inside<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.look(&outcome);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_a_client_certificate_says_so_in_several_ways() {
        let wanted = Some(Reason::ClientCertificateWanted);
        let closed = Reason::ClosedAfterConnect;
        assert_eq!(better(false, Some(Alert(116)), false, closed), wanted, "it says so itself");
        assert_eq!(better(true, Some(Alert(40)), false, closed), wanted);
        assert_eq!(better(true, Some(Alert(42)), false, Reason::HttpNotSpoken), wanted);
        assert_eq!(better(true, None, false, Reason::ResetAfterConnect), wanted);
        assert_eq!(
            better(true, None, true, Reason::ResetAfterConnect),
            None,
            "it answered first: a directory asks everybody, and goes on"
        );
        assert_eq!(
            better(true, None, false, Reason::SilentAfterConnect),
            None,
            "silence is not that"
        );
        assert_eq!(better(true, None, false, Reason::HttpStatus), None);
        assert_eq!(better(false, None, false, closed), None);
        assert_eq!(better(false, Some(Alert(49)), false, closed), Some(Reason::TlsHandshakeFailed));
        assert_eq!(
            better(true, Some(Alert(80)), false, closed),
            Some(Reason::TlsHandshakeFailed),
            "a fault of its own"
        );
        assert_eq!(better(false, Some(Alert(80)), true, closed), None);
    }
}
