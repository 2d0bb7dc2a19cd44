//! The accept loop of one open port, under limits.

use super::connection_limits::Limited;
use super::gate::{Gate, IDLE, Pass};
use super::proxy_header;
use crate::net::{clock, os, serve as sockets, tls};
use crate::protocol;
use crate::stand_in::memory::journal::{Arrival, Journal};
use crate::stand_in::replayed::Rewound;
use crate::stand_in::standing::Standing;
use crate::stand_in::tls::{HANDSHAKE, shake_hands};
use crate::stand_in::{Caller, StandIn};
use crate::wire::sighting::Seen::Opened;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Accepts until `stop`; then the connections under way are ended too.
pub async fn run(
    listener: TcpListener,
    here: Arc<StandIn>,
    gate: Arc<Gate>,
    journal: Arc<Journal>,
    stop: CancellationToken,
) {
    let tracker = TaskTracker::new();
    let Ok(endpoint) = listener.local_addr() else { return };
    let mut told = None;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(both) => both,
            Err(error) => {
                if told.replace(error.kind()) != Some(error.kind()) {
                    tracing::warn!(%endpoint, %error, "a connection could not be accepted");
                }
                // Out of descriptors: the queue of the kernel holds the others meanwhile. What is
                // wrong with one connection is over with it.
                let wait = if os::lacks_resources(&error) { 50 } else { 1 };
                tokio::time::sleep(Duration::from_millis(wait)).await;
                continue;
            }
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
    pub(super) async fn serve(
        self,
        pass: Pass,
        here: Arc<StandIn>,
        journal: Arc<Journal>,
        stop: CancellationToken,
    ) {
        let Arrived { stream, head, peer, endpoint } = self;
        let local = stream.local_addr().unwrap_or(endpoint);
        // An answer in two writes would otherwise wait for the other end's delayed acknowledgement,
        // 40 ms of a probe.
        let _ = stream.set_nodelay(true);
        let standing = pass.standing();
        let seen = Caller { standing: standing.clone(), ..Caller::new(local, peer) };
        let at = clock::now();
        let lifetime = pass.gate.limits.lifetime;
        let limited = Limited::new(
            Rewound::new(head, stream),
            pass.gate.limits.bytes,
            IDLE,
            (standing.clone(), pass.turn(), pass.account()),
        );
        let ended = tokio::select! {
            () = stop.cancelled() => "the listener was ended".to_owned(),
            () = pass.put_out.cancelled() => {
                here.sightings.gave_way(peer, local);
                "gave way to another connection: all places were taken".to_owned()
            }
            () = life(lifetime, &standing) => {
                format!("ended after {} s", standing.within(lifetime).as_secs())
            }
            outcome = serve(limited, seen, &here) => match outcome {
                Ok(()) => "closed".to_owned(),
                Err(error) => error.to_string(),
            },
        };
        journal.arrived(endpoint, Arrival { at, local, peer, proved: standing.is_proved(), ended });
        drop(pass);
    }
}

/// Ends when a connection has lived long enough: longer, once a challenge was answered on it.
async fn life(lifetime: Duration, standing: &Standing) {
    tokio::time::sleep(lifetime).await;
    tokio::time::sleep(standing.within(lifetime) - lifetime).await;
}

async fn serve(
    mut stream: Limited<Rewound<TcpStream>>,
    seen: Caller,
    here: &Arc<StandIn>,
) -> io::Result<()> {
    // A service that speaks first does not wait for the header of a front: nothing would ever be
    // said.
    let speaks_first =
        here.greeting.is_some_and(|greeting| greeting.dialogue().is_begun_by_service());
    let (proxy_protocol, head) = match here.protocol.is_tls() {
        true => tokio::time::timeout(HANDSHAKE, proxy_header::take_off(&mut stream))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
        false if speaks_first => (None, Vec::new()),
        false => proxy_header::take_off(&mut stream).await?,
    };
    let (stream, seen) = (Rewound::new(head, stream), Caller { proxy_protocol, ..seen });
    match &here.tls {
        Some(server) if here.protocol.is_tls() => {
            let stream = shake_hands(&server.acceptor, stream).await?;
            let (tls, exporter) =
                tls::seen_by_server(&stream, &server.certificate_sha256, server.own);
            protocol::serve(here.protocol, stream, seen.with_tls(tls, exporter), here).await
        }
        _ => protocol::serve(here.protocol, stream, seen, here).await,
    }
}
