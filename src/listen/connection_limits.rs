//! A connection under limits: of octets, and of silence.

use super::budget::Account;
use super::turns::Turn;
use crate::net::clock;
use crate::stand_in::standing::Standing;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Octets that may be written for each octet that may be read: a rootDSE is eight times its
/// request.
const MOST_OUT: u64 = 16;

/// A stream that ends with an error once more octets were read or written, or more was asked, than
/// allowed, or none came for too long.
pub(super) struct Limited<S> {
    inner: S,
    standing: Arc<Standing>,
    turn: Turn,
    account: Account,
    /// Octets that may be read from who has shown the key.
    most: u64,
    read: u64,
    written: u64,
    idle: Duration,
    idle_end: Pin<Box<Sleep>>,
}

impl<S> Limited<S> {
    pub(super) fn new(
        inner: S,
        most: u64,
        idle: Duration,
        (standing, turn, account): (Arc<Standing>, Turn, Account),
    ) -> Self {
        let idle_end = Box::pin(tokio::time::sleep(idle));
        Limited { inner, standing, turn, account, most, read: 0, written: 0, idle, idle_end }
    }

    fn awake(&mut self) {
        let end = Instant::from_std(clock::instant()) + self.standing.within(self.idle);
        self.idle_end.as_mut().reset(end);
    }

    /// Ready where it may be read now: strangers wait for their turn, and where their peer has said
    /// much for better times.
    fn may_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.standing.is_proved() {
            self.account.give_back();
            return Poll::Ready(());
        }
        ready!(self.account.poll(cx));
        self.turn.poll(cx)
    }

    fn allowed(&self) -> u64 {
        self.standing.octets(self.most)
    }
}

impl<S> Drop for Limited<S> {
    fn drop(&mut self) {
        if self.standing.is_proved() {
            self.account.give_back();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= self.allowed() {
            return Poll::Ready(Err(io::Error::other("too many octets")));
        }
        if self.standing.is_spent() {
            return Poll::Ready(Err(io::Error::other("too many requests")));
        }
        // What was read last time is worked through.
        self.turn.end_unless_waiting();
        let before = buf.filled().len();
        let mut outcome = Poll::Pending;
        if self.may_read(cx).is_ready() {
            outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let read = (buf.filled().len() - before) as u64;
        self.read = self.read.saturating_add(read);
        if outcome.is_pending() {
            self.turn.end_unless_waiting();
            ready!(self.idle_end.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if read > 0 {
            self.awake();
            if !self.standing.is_proved() {
                self.account.spend(read);
            }
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.written >= self.allowed().saturating_mul(MOST_OUT) {
            return Poll::Ready(Err(io::Error::other("too many octets in answer")));
        }
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = outcome {
            self.written = self.written.saturating_add(written as u64);
            self.awake();
        } else if outcome.is_pending() {
            self.turn.end_unless_waiting();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::budget::Budgets;
    use crate::listen::turns::Turns;
    use crate::stand_in::standing::STRANGERS_OCTETS;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn stranger(standing: Arc<Standing>) -> (Arc<Standing>, Turn, Account) {
        let peer = [10, 0, 0, 1].into();
        (standing, Turns::new(1).of(peer), Arc::new(Budgets::default()).of(peer))
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_ended_and_a_talking_one_is_not() {
        let (mut other, own) = tokio::io::duplex(64);
        let idle = Duration::from_millis(400);
        let mut limited = Limited::new(own, 1 << 20, idle, stranger(Standing::new()));
        let mut octet = [0];
        for _ in 0..3 {
            tokio::time::sleep(idle / 2).await;
            other.write_all(b"x").await.expect("written");
            limited.read_exact(&mut octet).await.expect("read");
        }
        let begun = clock::instant();
        let error = limited.read_exact(&mut octet).await.expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let waited = clock::since(begun);
        assert!(waited >= idle && waited < idle + Duration::from_millis(5), "{waited:?}");
    }

    #[tokio::test]
    async fn a_stranger_is_read_for_less_than_who_has_shown_the_key() {
        let (mut other, own) = tokio::io::duplex(1 << 20);
        let standing = Standing::new();
        let mut limited =
            Limited::new(own, 1 << 20, Duration::from_secs(30), stranger(standing.clone()));
        let most = usize::try_from(STRANGERS_OCTETS).expect("small");
        other.write_all(&vec![0; 3 * most]).await.expect("written");
        let mut octets = vec![0; most];
        limited.read_exact(&mut octets).await.expect("as much as a stranger may say");
        limited.read_exact(&mut octets[..1]).await.expect_err("no more");
        standing.prove();
        limited.read_exact(&mut octets).await.expect("no stranger any more");
    }

    #[tokio::test]
    async fn what_is_written_is_bounded() {
        let (mut other, own) = tokio::io::duplex(1 << 16);
        let mut limited = Limited::new(own, 2, Duration::from_secs(30), stranger(Standing::new()));
        limited.write_all(&[0; 32]).await.expect("within the bound");
        assert!(limited.write_all(&[0; 32]).await.is_err());
        drop(limited);
        let mut came = Vec::new();
        other.read_to_end(&mut came).await.expect("read");
        assert_eq!(came.len(), 32);
    }
}
