//! The first octets that the other end sent, kept aside: they tell what it speaks when it does not
//! speak what was asked.

use crate::lock::lock;
use crate::observation::facts::Families;
use crate::observation::failure::Failure;
use crate::reason::Reason;
use crate::wire::octets::{looks_like, printable};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Nobody reads any more.
const GIVEN_UP: io::ErrorKind = io::ErrorKind::Other;

/// Octets kept.
const KEPT: usize = 1024;

/// Octets that one connection of HTTP/2 is read for: the answers that are of use are far smaller, and
/// what a library keeps of interim answers has no bound of its own.
const MOST: usize = 512 * 1024;

/// A stream that keeps a copy of the first octets read from it, and ends when there are too many.
pub struct Recorder<S> {
    inner: S,
    left: usize,
    head: Arc<Recorded>,
}

/// What a [`Recorder`] kept.
#[derive(Debug, Default)]
pub struct Recorded {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    octets: Vec<u8>,
    /// How reading ended, once it did; `UnexpectedEof` is an orderly close.
    ended: Option<io::ErrorKind>,
    /// The system's number, where it was an error of the system.
    code: Option<i32>,
}

impl State {
    fn error(&self) -> Option<io::Error> {
        // Given up with nothing read is an end without a word.
        let kind = self
            .ended
            .map(|kind| if kind == GIVEN_UP { io::ErrorKind::UnexpectedEof } else { kind });
        self.code.map(io::Error::from_raw_os_error).or_else(|| kind.map(io::Error::from))
    }
}

impl<S> Recorder<S> {
    /// The stream, and what it will have kept.
    pub fn new(inner: S) -> (Self, Arc<Recorded>) {
        let head = Arc::new(Recorded::default());
        (Recorder { inner, left: MOST, head: head.clone() }, head)
    }
}

impl<S> Drop for Recorder<S> {
    fn drop(&mut self) {
        // Nobody reads any more, so nothing will come.
        self.head.state().ended.get_or_insert(GIVEN_UP);
        self.head.changed.notify_one();
    }
}

impl Recorded {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The octets so far.
    pub fn octets(&self) -> Vec<u8> {
        self.state().octets.clone()
    }

    /// How reading ended, once it did; `UnexpectedEof` is an orderly close.
    pub fn ended(&self) -> Option<io::ErrorKind> {
        self.state().ended
    }

    /// The error with which reading ended, with the system's number.
    pub fn error(&self) -> Option<io::Error> {
        self.state().error()
    }

    /// Waits until `enough` octets came or no more will; one waiter at a time.
    pub async fn until(&self, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        loop {
            {
                let state = self.state();
                if state.ended.is_some() || state.octets.len() >= KEPT || enough(&state.octets) {
                    return state.octets.clone();
                }
            }
            self.changed.notified().await;
        }
    }

    /// Why there is no answer: `otherwise` when octets came that are none, else how the connection
    /// ended.
    pub fn failure(&self, otherwise: Reason) -> Failure {
        let state = self.state();
        if state.octets.is_empty() {
            return Failure::after_connect(
                &state.error().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            );
        }
        Failure::peer(otherwise).noting(|facts| note(facts, &state.octets))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Recorder<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = match self.left {
            0 => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "octets came without end",
            ))),
            _ => Pin::new(&mut self.inner).poll_read(cx, buf),
        };
        self.left = self.left.saturating_sub(buf.filled().len() - before);
        if let Poll::Ready(outcome) = &outcome {
            let came = &buf.filled()[before..];
            let mut state = self.head.state();
            match outcome {
                Err(error) => {
                    state.ended = Some(error.kind());
                    state.code = error.raw_os_error();
                }
                Ok(()) if came.is_empty() && buf.remaining() > 0 => {
                    state.ended = Some(io::ErrorKind::UnexpectedEof)
                }
                Ok(()) => {
                    let room = KEPT - state.octets.len();
                    state.octets.extend_from_slice(&came[..came.len().min(room)]);
                }
            }
            drop(state);
            self.head.changed.notify_one();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Recorder<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        // Whoever cannot write may never read.
        if let Poll::Ready(Err(error)) = &outcome {
            self.head.state().ended.get_or_insert(error.kind());
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Notes the first octets that came, and what they look like.
pub fn note(facts: &mut Families, octets: &[u8]) {
    facts.ended.first_octets = Some(printable(octets, 80));
    facts.ended.looks_like = looks_like(octets).map(str::to_owned);
}
