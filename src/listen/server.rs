//! The accept loop of one open port, under limits.

use super::journal::{Arrival, Journal};
use super::patience::within;
use super::rewound::Rewound;
use super::stand_in::{Seen, StandIn};
use super::{greeting, http, ldap, proxy_header, rpc, tcp};
use crate::matrix::model::Protocol;
use crate::net::{Io, clock, serve as sockets, tls};
use crate::proto::sighting;
use crate::proto::sighting::Seen::{NotAllowed, Opened, TurnedAway};
use ipnet::IpNet;
use std::collections::HashMap;
use std::future::Future as _;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a listener allows strangers and friends alike.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time, all ports together.
    pub connections: usize,
    /// Connections at a time from one address; from one /64 network of IPv6, of which one machine has every address.
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

/// A connection on which nothing comes for so long is ended, whatever it speaks.
const IDLE: Duration = Duration::from_secs(30);
/// Time for a TLS handshake.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Octets that may be written for each octet that may be read: a rootDSE is eight times its request.
const MOST_OUT: u64 = 16;

impl Limits {
    /// The same, so far as this process has descriptors: `open` of them, of which the ports take `ports`. Whoever uses up the last
    /// descriptor ends the listener for everybody, so one address never gets more than half.
    #[must_use]
    pub fn within(mut self, open: Option<u64>, ports: usize) -> Self {
        // Standard streams, event queue, result file and the like.
        const OTHERS: usize = 32;
        if let Some(open) = open.and_then(|n| usize::try_from(n).ok()) {
            self.connections = self.connections.min(open.saturating_sub(ports + OTHERS).max(1));
            self.per_peer = self.per_peer.min(self.connections.div_ceil(2));
        }
        self
    }
}

/// Shakes hands, within its own deadline.
///
/// # Errors
/// Those of the handshake; `TimedOut`.
pub(super) async fn shake_hands<S: Io>(acceptor: &TlsAcceptor, stream: S) -> io::Result<TlsStream<S>> {
    tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// What counts as one peer.
fn peer_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
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

    /// Whether connections from this address may come in at all.
    pub(super) fn allows(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.limits.allowed.is_empty() || self.limits.allowed.iter().any(|n| n.contains(&peer))
    }

    /// Lets one connection in, or says why not.
    pub(super) fn admit(self: &Arc<Self>, peer: IpAddr) -> Result<Pass, sighting::Seen> {
        if !self.allows(peer) {
            return Err(NotAllowed);
        }
        let peer = peer_of(peer);
        let permit = self.total.clone().try_acquire_owned().map_err(|_| TurnedAway)?;
        let mut peers = self.peers.lock().map_err(|_| TurnedAway)?;
        let count = peers.entry(peer).or_default();
        if *count >= self.limits.per_peer {
            return Err(TurnedAway);
        }
        *count += 1;
        Ok(Pass { gate: self.clone(), peer, _permit: permit })
    }
}

/// One admitted connection; gives its place back when dropped.
pub(super) struct Pass {
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
        let passed = gate.admit(peer.ip());
        let state = passed.as_ref().err().copied().unwrap_or(Opened);
        here.sightings.note(peer, stream.local_addr().unwrap_or(endpoint), state, clock::steady());
        let Ok(pass) = passed else {
            journal.turned_away(endpoint);
            sockets::reset(stream);
            continue;
        };
        let arrived = Arrived { stream, head: Vec::new(), peer, endpoint };
        tracker.spawn(arrived.serve(pass, here.clone(), journal.clone(), stop.clone()));
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

/// A connection that was let in.
pub(super) struct Arrived {
    pub(super) stream: TcpStream,
    /// Octets of it that were read already.
    pub(super) head: Vec<u8>,
    pub(super) peer: SocketAddr,
    /// The port that it came to.
    pub(super) endpoint: SocketAddr,
}

impl Arrived {
    /// Serves it to its end, and notes it.
    pub(super) async fn serve(self, pass: Pass, here: Arc<StandIn>, journal: Arc<Journal>, stop: CancellationToken) {
        let Arrived { stream, head, peer, endpoint } = self;
        let local = stream.local_addr().unwrap_or(endpoint);
        // An answer in two writes would otherwise wait for the other end's delayed acknowledgement, 40 ms of a probe.
        let _ = stream.set_nodelay(true);
        let seen = Seen::new(local, peer);
        let (proved, patient) = (seen.proved.clone(), seen.patient.clone());
        let at = clock::now();
        let lifetime = pass.gate.limits.lifetime;
        let limited = Limited::new(Rewound::new(head, stream), pass.gate.limits.bytes, IDLE, patient.clone());
        let ended = tokio::select! {
            () = stop.cancelled() => "the listener was ended".to_owned(),
            () = life(lifetime, &patient) => format!("ended after {} s", within(&patient, lifetime).as_secs()),
            outcome = serve(limited, seen, &here) => match outcome {
                Ok(()) => "closed".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        journal.arrived(endpoint, Arrival { at, local, peer, proved: proved.load(Ordering::Relaxed), ended });
        drop(pass);
    }
}

/// Ends when a connection has lived long enough: longer, once a challenge was answered on it.
async fn life(lifetime: Duration, patient: &AtomicBool) {
    tokio::time::sleep(lifetime).await;
    tokio::time::sleep(within(patient, lifetime) - lifetime).await;
}

async fn serve(mut stream: Limited<Rewound<TcpStream>>, seen: Seen, here: &Arc<StandIn>) -> io::Result<()> {
    // A service that speaks first does not wait for the header of a front: nothing would ever be said.
    let speaks_first = here.greeting.is_some_and(|greeting| crate::proto::greeting::stand_in(greeting, &[], 0).is_some());
    let (proxy_protocol, head) = match here.protocol.is_tls() {
        true => tokio::time::timeout(HANDSHAKE, proxy_header::take_off(&mut stream))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
        false if speaks_first => (None, Vec::new()),
        false => proxy_header::take_off(&mut stream).await?,
    };
    let (stream, seen) = (Rewound::new(head, stream), Seen { proxy_protocol, ..seen });
    match &here.tls {
        Some(server) if here.protocol.is_tls() => {
            let stream = shake_hands(&server.acceptor, stream).await?;
            let (tls, exporter) = tls::seen_by_server(&stream, &server.certificate_sha256, server.own);
            speak(stream, seen.with_tls(tls, exporter), here).await
        }
        _ => speak(stream, seen, here).await,
    }
}

async fn speak(stream: impl Io + 'static, seen: Seen, here: &Arc<StandIn>) -> io::Result<()> {
    match here.protocol {
        Protocol::Tcp | Protocol::Tls if here.greeting.is_some() => greeting::serve(stream, seen, here).await,
        Protocol::Tcp | Protocol::Tls | Protocol::Udp => tcp::serve(stream, seen, here).await,
        Protocol::Http | Protocol::Https | Protocol::Grpc | Protocol::GrpcH2c => http::serve(stream, seen, here.clone()).await,
        Protocol::Ldap | Protocol::Ldaps => ldap::serve(stream, seen, here).await,
        Protocol::Rpc => rpc::serve(stream, seen, here).await,
    }
}

/// A stream that ends with an error once more octets were read or written than allowed, or none came for too long.
struct Limited<S> {
    inner: S,
    left: u64,
    left_to_write: u64,
    idle: Duration,
    patient: Arc<AtomicBool>,
    idle_end: Pin<Box<Sleep>>,
}

impl<S> Limited<S> {
    fn new(inner: S, bytes: u64, idle: Duration, patient: Arc<AtomicBool>) -> Self {
        let idle_end = Box::pin(tokio::time::sleep(idle));
        Limited { inner, left: bytes, left_to_write: bytes.saturating_mul(MOST_OUT), idle, patient, idle_end }
    }

    fn awake(&mut self) {
        let end = Instant::from_std(clock::instant()) + within(&self.patient, self.idle);
        self.idle_end.as_mut().reset(end);
    }
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
        if outcome.is_pending() {
            ready!(self.idle_end.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if read > 0 {
            self.awake();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.left_to_write == 0 {
            return Poll::Ready(Err(io::Error::other("too many octets in answer")));
        }
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        if let Poll::Ready(Ok(written)) = outcome {
            self.left_to_write = self.left_to_write.saturating_sub(written as u64);
            self.awake();
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn gate(connections: usize, per_peer: usize) -> Arc<Gate> {
        Gate::new(Limits { connections, per_peer, ..Limits::default() })
    }

    #[test]
    fn one_network_of_ipv6_is_one_peer() {
        let gate = gate(10, 2);
        let peer = |n: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, n, n, 0, n));
        let kept: Vec<_> = (0..5).filter_map(|n| gate.admit(peer(n)).ok()).collect();
        assert_eq!(kept.len(), 2, "every address of a /64 counts as the same peer");
        assert!(gate.admit("2001:db8:0:2::1".parse().expect("an address")).is_ok());
        drop(kept);
        assert!(gate.admit(peer(9)).is_ok(), "places come back");
    }

    #[test]
    fn mapped_ipv4_addresses_are_peers_of_their_own() {
        let gate = gate(10, 1);
        let one = gate.admit("::ffff:10.0.0.1".parse().expect("an address"));
        assert!(one.is_ok(), "let in");
        assert_eq!(gate.admit("10.0.0.1".parse().expect("an address")).err(), Some(TurnedAway));
        assert!(gate.admit("::ffff:10.0.0.2".parse().expect("an address")).is_ok());
    }

    #[test]
    fn limits_leave_descriptors() {
        let few = Limits::default().within(Some(64), 12);
        assert_eq!((few.connections, few.per_peer), (20, 10));
        let none = Limits::default().within(Some(8), 12);
        assert_eq!((none.connections, none.per_peer), (1, 1));
        let many = Limits::default().within(Some(1 << 20), 12);
        assert_eq!((many.connections, many.per_peer), (2048, 256));
    }

    #[tokio::test]
    async fn a_silent_connection_is_ended_and_a_talking_one_is_not() {
        let (mut other, own) = tokio::io::duplex(64);
        let idle = Duration::from_millis(400);
        let mut limited = Limited::new(own, 1 << 20, idle, Arc::default());
        let mut octet = [0];
        for _ in 0..3 {
            tokio::time::sleep(idle / 2).await;
            other.write_all(b"x").await.expect("written");
            limited.read_exact(&mut octet).await.expect("read");
        }
        let begun = clock::instant();
        let error = limited.read_exact(&mut octet).await.expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= idle / 2 && begun.elapsed() < idle * 20, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn what_is_written_is_bounded() {
        let (mut other, own) = tokio::io::duplex(1 << 16);
        let mut limited = Limited::new(own, 2, IDLE, Arc::default());
        limited.write_all(&[0; 32]).await.expect("within the bound");
        assert!(limited.write_all(&[0; 32]).await.is_err());
        drop(limited);
        let mut came = Vec::new();
        other.read_to_end(&mut came).await.expect("read");
        assert_eq!(came.len(), 32);
    }
}
