//! The accept loop of one open port, under limits.

use super::journal::{Arrival, Journal};
use super::stand_in::{Seen, StandIn};
use super::{http, ldap, rpc, tcp};
use crate::matrix::model::Protocol;
use crate::net::{Io, clock, tls};
use ipnet::IpNet;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a listener allows strangers and friends alike.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, all ports together.
    pub connections: usize,
    /// Connections at a time from one address.
    pub per_peer: usize,
    /// Octets read from one connection.
    pub bytes: u64,
    /// Longest life of one connection.
    pub lifetime: Duration,
    /// Networks that may connect; empty means all.
    pub allowed: Vec<IpNet>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 2048, per_peer: 256, bytes: 1 << 20, lifetime: Duration::from_secs(120), allowed: Vec::new() }
    }
}

/// The limits as they are used up, shared by all ports.
pub struct Gate {
    limits: Limits,
    total: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Gate {
    /// With nothing used up.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Gate { total: Arc::new(Semaphore::new(limits.connections)), peers: Mutex::new(HashMap::new()), limits })
    }

    /// Lets one connection in, or not.
    fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Pass> {
        let peer = peer.to_canonical();
        if !self.limits.allowed.is_empty() && !self.limits.allowed.iter().any(|n| n.contains(&peer)) {
            return None;
        }
        let permit = self.total.clone().try_acquire_owned().ok()?;
        let mut peers = self.peers.lock().ok()?;
        let count = peers.entry(peer).or_default();
        if *count >= self.limits.per_peer {
            return None;
        }
        *count += 1;
        Some(Pass { gate: self.clone(), peer, _permit: permit })
    }
}

/// One admitted connection; gives its place back when dropped.
struct Pass {
    gate: Arc<Gate>,
    peer: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Ok(mut peers) = self.gate.peers.lock()
            && let Some(count) = peers.get_mut(&self.peer)
        {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

/// Accepts until `stop`; then the connections under way are ended too.
pub async fn run(listener: TcpListener, here: Arc<StandIn>, gate: Arc<Gate>, journal: Arc<Journal>, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    let Ok(endpoint) = listener.local_addr() else { return };
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, most likely: the queue of the kernel holds the others meanwhile.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(pass) = gate.admit(peer.ip()) else {
            journal.turned_away(endpoint);
            continue;
        };
        let (here, journal, stop) = (here.clone(), journal.clone(), stop.clone());
        tracker.spawn(async move {
            let local = stream.local_addr().unwrap_or(endpoint);
            // An answer in two writes would otherwise wait for the other end's delayed acknowledgement, 40 ms of a probe.
            let _ = stream.set_nodelay(true);
            let seen = Seen::new(local, peer);
            let proved = seen.proved.clone();
            let at = clock::now();
            let lifetime = pass.gate.limits.lifetime;
            let limited = Limited { inner: stream, left: pass.gate.limits.bytes };
            let ended = tokio::select! {
                () = stop.cancelled() => "the listener was ended".to_owned(),
                outcome = tokio::time::timeout(lifetime, serve(limited, seen, &here)) => match outcome {
                    Ok(Ok(())) => "closed".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => format!("ended after {} s", lifetime.as_secs()),
                },
            };
            journal.arrived(endpoint, Arrival { at, local, peer, proved: proved.load(Ordering::Relaxed), ended });
            drop(pass);
        });
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

async fn serve(stream: Limited<TcpStream>, seen: Seen, here: &Arc<StandIn>) -> io::Result<()> {
    match &here.tls {
        Some(server) if here.protocol.is_tls() => {
            let stream = server.acceptor.accept(stream).await?;
            let (tls, exporter) = tls::seen_by_server(&stream, &server.certificate_sha256, server.own);
            speak(stream, seen.with_tls(tls, exporter), here).await
        }
        _ => speak(stream, seen, here).await,
    }
}

async fn speak(stream: impl Io + 'static, seen: Seen, here: &Arc<StandIn>) -> io::Result<()> {
    match here.protocol {
        Protocol::Tcp | Protocol::Tls | Protocol::Udp => tcp::serve(stream, seen, here).await,
        Protocol::Http | Protocol::Https | Protocol::Grpc | Protocol::GrpcH2c => http::serve(stream, seen, here.clone()).await,
        Protocol::Ldap | Protocol::Ldaps => ldap::serve(stream, seen, here).await,
        Protocol::Rpc => rpc::serve(stream, seen, here).await,
    }
}

/// A stream that ends with an error once more octets were read than allowed.
struct Limited<S> {
    inner: S,
    left: u64,
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("too many octets")));
        }
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        let read = (buf.filled().len() - before) as u64;
        self.left = self.left.saturating_sub(read);
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
