//! Opening TCP connections, with a reason for each that does not open.

use super::failure::Failure;
use super::os;
use crate::net::clock;
use crate::observation::{Evidence, Initiator};
use crate::reason::Reason;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// Opens a connection within `deadline`; also returns what a firewall team needs to find it in a log.
///
/// # Errors
/// [`Failure`] with the reason; a local one when this machine could not even send.
pub async fn connect(source: Option<IpAddr>, to: SocketAddr, deadline: Duration) -> (Evidence, Result<TcpStream, Failure>) {
    let mut evidence =
        Evidence { source: None, destination: to, sent_at: clock::now(), attempts: 1, syns: None, outcome: None, icmp: None };
    let socket = match open(source, to) {
        Ok(socket) => socket,
        // Nothing was sent: whatever it is, it is this machine's fault.
        Err(error) => return (evidence, Err(Failure { initiator: Initiator::Local, ..unopened(&error) })),
    };
    // Only a bound socket has a source port before it is connected. Where it stays unknown on failure, the address alone is given.
    evidence.source = socket.local_addr().ok().filter(|a| a.port() != 0);
    let outcome = match tokio::time::timeout(deadline, socket.connect(to)).await {
        Ok(Ok(stream)) => {
            evidence.source = stream.local_addr().ok();
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) => Err(os::connect_failure(&error)),
        Err(_) => Err(Failure::unknown(Reason::TimedOut).with("waited_ms", u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX))),
    };
    (evidence, outcome)
}

fn unopened(error: &std::io::Error) -> Failure {
    let failure = os::connect_failure(error);
    let reason = if failure.initiator == Initiator::Local { failure.reason } else { Reason::LocalResources };
    Failure { reason, ..failure }
}

/// A socket bound to a source address and a port of the system's choice, so that a failed attempt can be found by its 5-tuple.
fn open(source: Option<IpAddr>, to: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let source = match source {
        Some(source) if source.is_ipv4() == to.is_ipv4() => Some(source),
        _ => route_source(to),
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

/// The address that the system would send from. A connected UDP socket sends nothing; it only asks the routing table.
fn route_source(to: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = std::net::UdpSocket::bind(any).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
